"""That PostgreSQL cannot run here, and why."""


class PostgresUnavailable(Exception):
    """PostgreSQL cannot run here; the message says why and what to do."""
