"""Exercise 03.5, While they sign up: visitors sign up through each program that is running, and none is turned away."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from course_lib.lab.migrating import Upgrade, try_migration
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l03_migrations.upgrading import KEEP_IDS
from course_lib.school.judges.registry import judge

SIGN_UP = "INSERT INTO users (email, username, hashed_password{0}) VALUES ('{1}@example.org', '{1}', '?'{2})"


@judge("03.5")
async def nobody_is_turned_away(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    rollout = _Rollout(attempt)
    for letter in letters:
        await rollout.take(attempt.blocks[letter])
    left = {"contract()", "new.start()", "old.stop()"} - set(rollout.done)
    shown = ", ".join(f"`{step}`" for step in sorted(left))
    attempt.require(
        not left,
        "not finished",
        f"Your order ends without {shown}. In the end the new program runs alone, and NULL is forbidden.",
    )


class _Rollout:
    """The steps of a change of the schema, taken while somebody signs up through each program that is running."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.done: list[str] = []
        self.visitors = iter(range(100, 999))

    async def take(self, step: str) -> None:
        migration = {"expand()": _expand, "backfill()": _backfill, "contract()": _contract}.get(step)
        if migration is not None:
            await self._change(step, migration)
        self.done.append(step)
        running = self._running()
        if not running:
            raise NotYet(
                "nobody served", f"After {self._path()} no program is running: visitors find nothing."
            )
        for program in running:
            await self._sign_up(program)

    def _running(self) -> list[str]:
        old = [] if "old.stop()" in self.done else ["old"]
        return [*old, "new"] if "new.start()" in self.done else old

    def _path(self) -> str:
        return ", ".join(f"`{step}`" for step in self.done)

    async def _change(self, step: str, migration: Upgrade) -> None:
        if step != "expand()" and "expand()" not in self.done:
            raise NotYet("column not there yet", f"`{step}` finds no column `country`.")
        try:
            await try_migration(self.attempt.engine, migration)
        except DBAPIError as error:
            raise NotYet(*await self._contract_failed(error)) from None

    async def _contract_failed(self, error: DBAPIError) -> tuple[str, str]:
        empty = await self.attempt.scalar(sa.text("SELECT count(*) FROM users WHERE country IS NULL"))
        failed = f"`contract()` fails: {told(error)}. Users without a country: {empty}."
        if "backfill()" not in self.done:
            return "no backfill", f"{failed} Nothing has given them one."
        return (
            "backfill too early",
            f"{failed} Somebody signed up through the old program, after the last backfill.",
        )

    async def _sign_up(self, program: str) -> None:
        extra = (", country", ", 'NO'") if program == "new" else ("", "")
        new = sa.text(SIGN_UP.format(extra[0], f"visitor{next(self.visitors)}", extra[1]))
        try:
            await self.attempt.change(new)
        except DBAPIError as error:
            raise NotYet(
                "column not there yet",
                f"After {self._path()} somebody signs up through the {program} program: {told(error)}",
            ) from None


def _expand(op: Any) -> None:
    op.add_column("users", sa.Column("country", sa.String(2)))


def _backfill(op: Any) -> None:
    op.execute("UPDATE users SET country = 'PT' WHERE country IS NULL")


def _contract(op: Any) -> None:
    with op.batch_alter_table("users", table_kwargs=KEEP_IDS) as users:
        users.alter_column("country", nullable=False)
