"""Exercise 13.4, Rename without a failure: between the steps each program that runs reads and writes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.registry import POSTGRES, judge

NO_COLUMN, NULL_REFUSED, COLUMN_THERE = "42703", "23502", "42701"
CHANGES = {
    "add_column()": "ALTER TABLE posts ADD COLUMN body TEXT",
    "backfill()": "UPDATE posts SET body = content WHERE body IS NULL",
    "allow_null()": "ALTER TABLE posts ALTER COLUMN content DROP NOT NULL",
    "drop_column()": "ALTER TABLE posts DROP COLUMN content",
    "rename_column()": "ALTER TABLE posts RENAME COLUMN content TO body",
}
INSERT = (
    "INSERT INTO posts (title, author_id, published, created_at, updated_at, {0}) "
    "VALUES ('New', :author, true, now(), now(), {1}) RETURNING id"
)


@dataclass(frozen=True)
class Program:
    """One version of the program: which columns it writes, and which one it reads."""

    name: str
    writes: tuple[str, ...]
    reads: str


OLD = Program("old", ("content",), "content")
VERSIONS = {
    'deploy("write both, read content")': Program("both, content", ("content", "body"), "content"),
    'deploy("write both, read body")': Program("both, body", ("content", "body"), "body"),
    'deploy("write body, read body")': Program("new", ("body",), "body"),
}
NEW = VERSIONS['deploy("write body, read body")']


@judge("13.4", on=(POSTGRES,))
async def nobody_notices(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    steps = [attempt.blocks[letter] for letter in letters]
    rollout = _Rollout(attempt, await attempt.key("mira"), steps)
    await rollout.begin()
    for step in steps:
        await rollout.take(step)
    left = [step for step in ("drop_column()", _step_of(NEW)) if step not in rollout.done]
    attempt.require(
        not left and rollout.running == NEW,
        "not finished",
        f"Your order ends with the program `{rollout.running.name}`"
        + "".join(f", and without `{step}`" for step in left)
        + ". In the end the new program runs alone, and `content` is gone.",
    )


def _step_of(program: Program) -> str:
    return next(step for step, each in VERSIONS.items() if each == program)


class _Rollout:
    """The steps of a change, taken while each program that runs writes a post, changes one, and reads all."""

    def __init__(self, attempt: Attempt, author: int, steps: Sequence[str]) -> None:
        self.attempt, self.author, self.steps = attempt, author, steps
        self.done: list[str] = []
        self.running = OLD
        self.wanted: dict[int, str] = {}
        self.numbers = count(1)

    async def begin(self) -> None:
        self.wanted = dict(map(tuple, await self.attempt.rows(text("SELECT id, content FROM posts"))))
        await self._serve(OLD)

    async def take(self, step: str) -> None:
        self.done.append(step)
        if program := VERSIONS.get(step):
            await self._serve(self.running, program)  # the new one has started, and the other not stopped
            self.running = program
        else:
            await self._change(step)
        await self._serve(self.running)

    async def _change(self, step: str) -> None:
        try:
            await self.attempt.change(text(CHANGES[step]))
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", "")
            name = "step in vain"
            if "rename_column()" in self.done:
                name = "rename in place"
            elif state == NO_COLUMN and "add_column()" not in self.done:
                name = "column not there yet"
            raise NotYet(name, f"The steps {self._path()}: the last one fails, {told(error)}.") from None

    async def _serve(self, *programs: Program) -> None:
        """Each writes, and then each reads what all have written."""
        works: list[tuple[Program, Callable[[Program], Awaitable[str]]]] = [
            *((each, work) for each in programs for work in (self._write, self._alter)),
            *((each, self._read) for each in programs),
        ]
        failures = [
            (program, failure) for program, work in works if (failure := await self._try(program, work))
        ]
        if failures:
            program, (state, words) = failures[0]
            of = f"{len(failures)} of {len(works)} calls fail"
            raise NotYet(
                self._name_of(program, state),
                f"After {self._path()}, {of}. The program `{program.name}` {words}.",
            )

    async def _try(
        self, program: Program, work: Callable[[Program], Awaitable[str]]
    ) -> tuple[str, str] | None:
        """What is wrong, if anything: SQLSTATE or nothing, and words."""
        try:
            wrong = await work(program)
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", "")), f"{work.__name__[1:]}s a post: {told(error)}"
        return ("", wrong) if wrong else None

    async def _write(self, program: Program) -> str:
        words = f"post {next(self.numbers)} of {program.name}"
        new = text(INSERT.format(", ".join(program.writes), ", ".join([":words"] * len(program.writes))))
        async with self.attempt.engine.begin() as connection:
            key = await connection.scalar(new.bindparams(words=words, author=self.author))
        self.wanted[int(key)] = words
        return ""

    async def _alter(self, program: Program) -> str:
        """One that was there from the beginning, and another one each time."""
        words = f"change {next(self.numbers)} by {program.name}"
        key = self.attempt.chance.choice(sorted(self.wanted)[:12])
        sets = ", ".join(f"{column} = :words" for column in program.writes)
        change = text(f"UPDATE posts SET {sets} WHERE id = :key")  # noqa: S608
        await self.attempt.change(change.bindparams(words=words, key=key))
        self.wanted[key] = words
        return ""

    async def _read(self, program: Program) -> str:
        rows = await self.attempt.rows(text(f"SELECT id, {program.reads} FROM posts ORDER BY id"))  # noqa: S608
        wrong = [(self.wanted[key], found) for key, found in rows if found != self.wanted[key]]
        if not wrong:
            return ""
        wanted, found = wrong[0]
        return f"reads {len(wrong)} posts wrong: {found!r:.40} in place of {wanted!r:.40}"

    def _name_of(self, program: Program, state: str) -> str:
        if "rename_column()" in self.done:
            return "rename in place"
        if state == NO_COLUMN:
            gone = "drop_column()" in self.done and "content" in (*program.writes, program.reads)
            return "contract before the last reader" if gone else "column not there yet"
        if state == NULL_REFUSED:
            return "new writer before DROP NOT NULL"
        if program.reads == "content":
            return "new writer beside an old reader"
        if "backfill()" in self.done:
            return "backfill before both are written"
        return "read before the backfill" if "backfill()" in self.steps else "no backfill"

    def _path(self) -> str:
        return ", ".join(f"`{step}`" for step in self.done)
