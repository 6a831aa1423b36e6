"""What the library was asked to reach, as data; a result says of each whether it was met.

An aim is about a ratio: the CPU time, the wall time or the counted work of one way over that of another,
in one case."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Aim:
    """`way` of a case costs at most `at_most` times as much as `base` (the case's own base, where it is not named)."""

    group: str
    operation: str
    database: str
    at_most: float
    way: str = "course_lib"
    base: str | None = None
    what: Literal["cpu", "wall", "work", "statements"] = "cpu"


def _both(
    group: str, operation: str, sqlite: float, postgres: float | None = None, **options: str
) -> list[Aim]:
    pairs = {"sqlite": sqlite, "postgres": sqlite if postgres is None else postgres}
    return [Aim(group, operation, database, limit, **options) for database, limit in pairs.items()]  # type: ignore[arg-type]


AIMS: list[Aim] = [
    *_both("repository", "exists", 1.1),
    *_both("repository", "count", 1.05),
    *_both("repository", "count, filtered", 1.05),
    *_both("repository", "delete", 0.35),
    *_both("bulk", "create_many, 1,000 rows", 0.15, 0.4),
    *_both("bulk", "add_posts, 20,000 rows", 2, 1.5),
    Aim("transfers", "transfer_funds, 32 tasks", "postgres", 0.8),
    *_both("web", "GET a user, in process", 1.15),
    *_both("web", "feed by cursor, in process", 1.15),
    *_both("web", "transfer, in process", 1.15),
    *_both("web", "sign-up without Argon2, in process", 1.15),
    Aim("start", "import course_lib.services", "none", 1.1),
]
