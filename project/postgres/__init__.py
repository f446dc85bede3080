"""Django's backend for Postgres, except that one that is away is not waited for by every request."""
