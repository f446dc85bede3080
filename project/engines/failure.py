"""What goes wrong with an engine."""


class Failed(Exception):
    """An engine cannot be used; the text is one sentence for the operator."""
