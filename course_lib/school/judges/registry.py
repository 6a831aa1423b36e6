"""Which judge an exercise has: each enters itself, by the exercise's id, when its module is imported.

@judge("07.1", on=BOTH)
async def everybodys_posts(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        users = await attempt.call(session)
    attempt.sent_at_most(2, "N+1", "a statement for each user")
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from course_lib.school.attempts.attempt import Attempt

SQLITE, POSTGRES = BOTH = ("sqlite", "postgres")

Run = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True)
class Judge:
    """`run` looks at one attempt and raises NotYet; `on` names the databases it has to be run on."""

    run: Run
    on: Sequence[str]


JUDGES: dict[str, Judge] = {}
"""By the exercise's id, filled when the lesson's module is imported."""


def judge(exercise: str, *, on: Sequence[str] = (SQLITE,)) -> Callable[[Run], Run]:
    """Make a function the judge of an exercise, such as '07.1'."""

    def register(run: Run) -> Run:
        JUDGES[exercise] = Judge(run, on)
        return run

    return register
