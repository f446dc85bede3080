"""Where procrastinate looks for tasks; each feature keeps its own."""

from chat.accounts.tasks import forget_expired_sessions

__all__ = ["forget_expired_sessions"]
