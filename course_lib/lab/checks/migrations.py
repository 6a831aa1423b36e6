"""Lesson 03: what a migration leaves of the rows, of the table around them, and of the program that is running.

await try_migration(engine, rename_content)        # runs rename_content(op) as our env.py would
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import wraps
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from course_lib.db import create_engine
from course_lib.lab.judging.attempts import BOTH, Attempt, judge
from course_lib.lab.judging.kept import Picture, picture, require_column, require_rest, require_rows
from course_lib.lab.judging.sandbox import NotYet, check_call, told
from course_lib.lab.sql import watch
from course_lib.models import User

Upgrade = Callable[[Any], object]

KEEP_IDS = {"sqlite_autoincrement": True}
CHANGE = re.compile(r"(ALTER|CREATE|DROP|INSERT|UPDATE|DELETE)\b")
LONG = 90
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
TITLE_RULE = "ck_posts_title_length"
CAUSES = {
    "a NOT NULL column": "NOT NULL on rows",
    "contains null values": "NOT NULL on rows",
    "NOT NULL constraint failed": "NOT NULL on rows",
    'near "ALTER"': "batch mode missing",
    "refer to the batch mode": "batch mode missing",
    "Constraint must have a name": "unnamed constraint",
}
"""What an error says, and the misconception behind it."""

PREFIX_TWICE = re.compile(r"((?:ck|uq|fk)_[a-z]+_)\1")
COMPLETED = "`op.f` marks a name as complete. Before any other name the naming convention puts `{}`."
IN_A_BATCH = "A batch runs where its block ends, so one of the lines inside it is meant."

SIGN_UP = "INSERT INTO users (email, username, hashed_password{0}) VALUES ('{1}@example.org', '{1}', '?'{2})"


async def try_migration(engine: AsyncEngine, upgrade: Upgrade) -> None:
    """Run `upgrade(op)` in one transaction, on a connection with foreign keys off, as our env.py does."""
    async with _engine_beside(engine) as own:
        await _run(own, upgrade)


async def _run(engine: AsyncEngine, upgrade: Upgrade) -> None:
    async with engine.connect() as connection:  # not `begin`: that cannot end what a time-out has cut off
        await connection.run_sync(_upgrade, upgrade)
        await connection.commit()


def _upgrade(connection: sa.Connection, upgrade: Upgrade) -> None:
    """Alembic's operations on this connection; they name constraints by the convention of the models."""
    options = {"target_metadata": User.metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)) as op:
        result = upgrade(op)
    if inspect.iscoroutine(result):
        result.close()  # or Python warns of it later
        raise NotYet(
            "an async migration",
            "Alembic calls a migration as a plain function, so nothing in an `async def` would run. "
            "Keep the first line as it was given.",
        )


@asynccontextmanager
async def _engine_beside(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    own = create_engine(engine.url, foreign_keys=False, poolclass=sa.NullPool)
    try:
        yield own
    finally:
        await own.dispose()


def _names_postgres(run: Callable[[Attempt], Awaitable[None]]) -> Callable[[Attempt], Awaitable[None]]:
    """PostgreSQL comes second: whoever gets its diagnosis is told that SQLite had none."""

    @wraps(run)
    async def named(attempt: Attempt) -> None:
        try:
            await run(attempt)
        except NotYet as fault:
            if attempt.database == "sqlite":
                raise
            told_where = f"All is well on SQLite. On PostgreSQL: {fault.told}"
            raise NotYet(fault.misconception, told_where, sent=fault.sent) from None

    return named


@judge("03.1", on=BOTH)
@_names_postgres
async def content_is_called_body(attempt: Attempt) -> None:
    before = await picture(attempt, "posts")
    await _upgraded(attempt)
    after = await picture(attempt, "posts")
    require_column(attempt, after, "posts.body")
    attempt.require(
        "posts.content" not in after.shape,
        "old column left",
        "`posts` now has both columns, `content` and `body`: that is no rename.",
    )
    before.rename("posts.content", "posts.body")
    require_rows(attempt, before, after)
    _require_texts(attempt, before.values["posts.body"], after.values["posts.body"])
    attempt.require(
        "NOT NULL" in after.shape["posts.body"],
        "NOT NULL lost",
        "A post without `content` was refused; one without `body` is taken.",
    )
    require_rest(attempt, before, after)


def _require_texts(attempt: Attempt, wanted: dict[int, Any], found: dict[int, Any]) -> None:
    kept = sum(found[key] == text for key, text in wanted.items())
    attempt.require(
        kept == len(wanted),
        "values lost",
        f"{len(wanted)} posts had a `content`. After `{attempt.name}`, {kept} of them have the same text as `body`.",
    )


@judge("03.2")
async def an_engine_for_migrations(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    attempt.require(len(letters) == 1, "not one letter", f"`{attempt.name}` returned {len(letters)} letters.")
    engine_for = attempt.program(
        [f"return {attempt.blocks[letters[0]]}"],
        first="def engine_for(url):",
        names={
            "create_engine": create_engine,
            "create_async_engine": create_async_engine,
            "NullPool": sa.NullPool,
        },
    )
    await attempt.change(sa.text("DELETE FROM accounts"))  # their RESTRICT would refuse what comes
    engine = await attempt.call(attempt.engine.url, function=engine_for)
    try:
        await _try_engine(attempt, engine, f"With option {letters[0]},")
    finally:
        await engine.dispose()


async def _try_engine(attempt: Attempt, engine: AsyncEngine, called: str) -> None:
    posts = await attempt.scalar(sa.text("SELECT count(*) FROM posts"))
    with watch(engine) as attempt.sent:
        await _run(engine, _longer_username)
    left = await attempt.scalar(sa.text("SELECT count(*) FROM posts"))
    _leave_changes(attempt)
    attempt.require(
        left == posts,
        "posts lost",
        f"{called} the longer `username` came without an error, and {left} of {posts} posts are left.",
    )
    with watch(engine) as attempt.sent, suppress(DBAPIError):
        await _run(engine, _fails_half_way)
    attempt.require(
        not (await picture(attempt, "notes")).shape,
        "half a migration",
        f"{called} the failed migration left its table `notes` behind: the next run fails at its first step.",
    )


def _longer_username(op: Any) -> None:
    with op.batch_alter_table("users", table_kwargs=KEEP_IDS) as users:
        users.alter_column("username", type_=sa.String(80))


def _fails_half_way(op: Any) -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")


@judge("03.3", on=BOTH)
@_names_postgres
async def everybody_has_a_display_name(attempt: Attempt) -> None:
    before = await picture(attempt, "users")
    await _upgraded(attempt)
    after = await picture(attempt, "users")
    require_column(attempt, after, "users.display_name")
    require_rows(attempt, before, after)
    _require_names(attempt, before.values["users.username"], after.values["users.display_name"])
    attempt.require(
        "NOT NULL" in after.shape["users.display_name"],
        "NULL still allowed",
        "Every user has a display name now, and the table still takes one without.",
    )
    attempt.require(
        "default None" in after.shape["users.display_name"],
        "default left behind",
        "Whoever signs up without a display name is given the default, and was to be refused.",
    )
    before.shape["users.display_name"] = "VARCHAR(50) NOT NULL, default None"
    require_rest(attempt, before, after)


def _require_names(attempt: Attempt, usernames: dict[int, Any], found: dict[int, Any]) -> None:
    pairs = [(usernames[key], shown) for key, shown in sorted(found.items())]
    name, wrong = next(((name, shown) for name, shown in pairs if shown != name), ("", ""))
    shown = set(found.values())
    told_names = f"The user {name!r} has the display name {wrong!r}; {name!r} was asked for."
    attempt.require(shown != {None}, "no backfill", told_names)
    attempt.require(len(shown) > 1, "one value for all", f"{told_names} So have all {len(found)} users.")
    attempt.require(not name, "wrong values", told_names)


@judge("03.4", on=BOTH)
@_names_postgres
async def three_hundred_letters(attempt: Attempt) -> None:
    before = await picture(attempt, "posts")
    await _upgraded(attempt)
    after = await picture(attempt, "posts")
    require_rows(attempt, before, after)
    await _require_longer(attempt, before, after)
    await _require_limit(attempt, after)
    _require_old_name(attempt, after)
    before.shape[TITLE_RULE] = after.shape[TITLE_RULE]
    before.shape["posts.title"] = before.shape["posts.title"].replace("200", "300")
    require_rest(attempt, before, after)


async def _require_longer(attempt: Attempt, before: Picture, after: Picture) -> None:
    refused = await _refusal(attempt, 300)
    if "check constraint" in refused.lower():
        untouched = after.shape.get(TITLE_RULE) == before.shape[TITLE_RULE]
        raise attempt.not_yet(
            "CHECK left behind" if untouched else "other limit",
            f"A title of 300 letters is refused: {refused}. {_rules_of_title(after)}",
        )
    found = after.shape.get("posts.title", "").split(" ")[0]
    attempt.require(
        found == "VARCHAR(300)" and not refused,
        "type left behind" if found == "VARCHAR(200)" else "wrong type",
        f"The type is {found}; VARCHAR(300) was asked for. SQLite takes it as a remark, PostgreSQL obeys it.",
    )


async def _require_limit(attempt: Attempt, after: Picture) -> None:
    stored = f"{DATABASES[attempt.database]} stores a title of 301 letters; it was to refuse it."
    refused, rules = await _refusal(attempt, 301), _rules_of_title(after)
    attempt.require(refused or not rules, "other limit", f"{stored} {rules}")
    attempt.require(
        refused,
        "limit lost",
        f"{stored} No CHECK of the title is left. A batch takes its lines in their order: what is dropped after it "
        "was made is gone.",
    )


def _require_old_name(attempt: Attempt, after: Picture) -> None:
    name = next((name for name, rule in after.shape.items() if _is_of_title(rule)), "")
    attempt.require(
        TITLE_RULE in after.shape,
        "prefix put twice" if PREFIX_TWICE.match(name) else "name lost",
        f"The CHECK is called `{name}` now, and was to keep the name `{TITLE_RULE}`, by which the next migration looks "
        f"for it. {COMPLETED.format('ck_posts_')}",
    )


def _rules_of_title(after: Picture) -> str:
    rules = [f"`{name}` says {rule}." for name, rule in after.shape.items() if _is_of_title(rule)]
    return " ".join(rules)


def _is_of_title(rule: str) -> bool:
    return rule.startswith("CHECK") and "title" in rule


async def _refusal(attempt: Attempt, letters: int) -> str:
    """What the database says to a title of so many letters, '' when it takes it; nothing is left of it."""
    values = {"title": "t" * letters, "author": await attempt.key("mira")}
    new = sa.text("INSERT INTO posts (title, content, author_id) VALUES (:title, '…', :author)")
    async with attempt.engine.connect() as connection:
        try:
            await connection.execute(new, values)
        except DBAPIError as error:
            return told(error)
    return ""


@judge("03.5")
async def nobody_is_turned_away(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    attempt.require(letters, "not an order", f"`{attempt.name}` returned no letter.")
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
                "column not there yet" if program == "new" else "old program locked out",
                f"After {self._path()} somebody signs up through the {program} program: {told(error)}",
            ) from None


def _expand(op: Any) -> None:
    op.add_column("users", sa.Column("country", sa.String(2)))


def _backfill(op: Any) -> None:
    op.execute("UPDATE users SET country = 'PT' WHERE country IS NULL")


def _contract(op: Any) -> None:
    with op.batch_alter_table("users", table_kwargs=KEEP_IDS) as users:
        users.alter_column("country", nullable=False)


async def _upgraded(attempt: Attempt) -> None:
    """Run the learner's migration; `sent` holds what it changed. What the database refuses gets its own name."""
    check_call(attempt.answer, ("op",))
    try:
        async with attempt.running(), _engine_beside(attempt.engine) as own:
            with watch(own) as attempt.sent:
                await _run(own, attempt.answer)
    except NotYet as fault:
        raise _with_its_cause(attempt, fault) from None
    finally:
        _leave_changes(attempt)
        await attempt.engine.dispose()  # a connection to PostgreSQL keeps plans for the tables as they were


def _with_its_cause(attempt: Attempt, fault: NotYet) -> NotYet:
    cause = next((name for words, name in CAUSES.items() if words in fault.told), fault.misconception)
    explained = f"{fault.told}. {IN_A_BATCH}" if "`with op.batch_alter_table" in fault.told else fault.told
    if twice := PREFIX_TWICE.search(fault.told):
        return attempt.not_yet("prefix put twice", f"{explained} {COMPLETED.format(twice[1])}")
    return attempt.not_yet(cause, explained)


def _leave_changes(attempt: Attempt) -> None:
    """Batch mode asks for all there is of a table, and makes a long one: as evidence, the changes in short will do."""
    changes = [each for each in attempt.sent.everything if each.is_mark or CHANGE.match(each.text.lstrip())]
    attempt.sent.everything[:] = [replace(each, text=_short(each.text)) for each in changes]


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{' '.join(text.split())[:LONG]} …"
