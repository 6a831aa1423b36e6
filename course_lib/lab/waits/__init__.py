"""Who waits for whom, told by the database: what `interleave` stands on.

lanes        a transaction that goes step by step
on_sqlite    how SQLite tells, and how on_postgres PostgreSQL does
observer     the database of some lanes, seen through one more connection
"""
