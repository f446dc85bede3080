"""Pages in a process of their own, beside the one that holds the streams: rendering a page delays no delivery.

The server starts it, asks it over a socket pair and starts it again when it has died; it ends when the server does.
"""
