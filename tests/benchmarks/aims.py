"""What the library was asked to reach, as data; a result says of each whether it was met.

An aim is about a ratio: the CPU time, the wall time or the counted work of one way over that of another,
in one case."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Aim:
    """`way` of a case costs at most `at_most` times as much as `base` (or as the case's own base)."""

    group: str
    operation: str
    database: str
    at_most: float
    way: str = "course_lib"
    base: str | None = None
    what: Literal["cpu", "wall", "work", "statements"] = "cpu"
    rows: int = 0


def _both(
    group: str, operation: str, sqlite: float, postgres: float | None = None, **options: Any
) -> list[Aim]:
    pairs = {"sqlite": sqlite, "postgres": sqlite if postgres is None else postgres}
    return [Aim(group, operation, database, limit, **options) for database, limit in pairs.items()]


AIMS: list[Aim] = [
    *_both("repository", "exists", 1.1),
    *_both("repository", "count", 1.05),
    *_both("repository", "count, filtered", 1.05),
    *_both("repository", "delete", 0.35),
    *_both("bulk", "create_many, 1,000 rows", 0.15, 0.4),
    *_both("bulk", "add_posts, 20,000 rows", 2, 1.5),
    *_both("listings", "a deep page, newest first", 1.2, base="page 1", rows=1_000_000),
    *_both("listings", "a deep page, oldest first", 1.2, base="page 1", rows=1_000_000),
    *_both("listings", "a deep page, mixed directions", 1.2, base="page 1", rows=1_000_000),
    *_both("listings", "a deep page, nullable key", 1.2, base="page 1", rows=1_000_000),
    *_both("listings", "a deep page, nullable key", 1.2, base="page 1", rows=1_000_000, what="work"),
    # The plan of its index, which touches a thousandth of what a sort of all posts does.
    *_both("listings", "the feed, page 1", 0.01, base="without an index", rows=1_000_000, what="work"),
    Aim("transfers", "transfer_funds, 32 tasks", "postgres", 0.8),
    *_both("web", "GET a user, in process", 1.15),
    *_both("web", "feed by cursor, in process", 1.15),
    *_both("web", "transfer, in process", 1.15),
    *_both("web", "sign-up without Argon2, in process", 1.15),
    Aim("start", "import course_lib.services", "none", 1.1),
]
