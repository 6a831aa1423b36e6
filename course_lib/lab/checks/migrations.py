"""Lesson 03: what a migration leaves of the rows, of the table around them, and of the program that is running.

await migrate(engine, upgrade)        # runs upgrade(op) as our env.py would
"""

import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from course_lib.db import create_engine
from course_lib.lab.checks.judging import BOTH, Attempt, judge
from course_lib.lab.checks.sandbox import NotYet, check_call, told
from course_lib.lab.sql import watch
from course_lib.models import User

Upgrade = Callable[[Any], object]

KEEP_IDS = {"sqlite_autoincrement": True}
CHANGE = re.compile(r"(ALTER|CREATE|DROP|INSERT|UPDATE|DELETE)\b")
LONG = 90
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
IDS = "new ids"
CAUSES = {
    "a NOT NULL column": "NOT NULL on rows",
    "contains null values": "NOT NULL on rows",
    "NOT NULL constraint failed": "NOT NULL on rows",
    'near "ALTER"': "batch mode missing",
    "Constraint must have a name": "unnamed constraint",
}
"""What an error says, and the misconception behind it."""

SIGN_UP = "INSERT INTO users (email, username, hashed_password{0}) VALUES ('{1}@example.org', '{1}', '?'{2})"


async def migrate(engine: AsyncEngine, upgrade: Upgrade) -> None:
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


@judge("03.1")
async def content_is_called_body(attempt: Attempt) -> None:
    before = await _shape(attempt, "posts")
    wanted = await _texts(attempt, "SELECT id, content FROM posts ORDER BY id")
    await _upgraded(attempt)
    after = await _shape(attempt, "posts")
    _require_column(attempt, after, "posts.body")
    attempt.require(
        "posts.content" not in after,
        "old column left",
        "`posts` now has both columns, `content` and `body`: that is no rename.",
    )
    found = await _texts(attempt, "SELECT id, body FROM posts ORDER BY id")
    empty = sum(not body for _, body in found)
    attempt.require(
        found == wanted,
        "values lost",
        f"{len(wanted)} posts had a `content`. After `{attempt.name}`, the `body` of {empty} is empty.",
    )
    attempt.require(
        "NOT NULL" in after["posts.body"],
        "NOT NULL lost",
        "A post without `content` was refused; one without `body` is taken.",
    )
    before["posts.body"] = before.pop("posts.content")
    _require_rest(attempt, before, after)


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
        "notes.id" not in await _shape(attempt, "notes"),
        "half a migration",
        f"{called} the failed migration left its table `notes` behind: the next run fails at its first step.",
    )


def _longer_username(op: Any) -> None:
    with op.batch_alter_table("users", table_kwargs=KEEP_IDS) as users:
        users.alter_column("username", type_=sa.String(80))


def _fails_half_way(op: Any) -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")


@judge("03.3")
async def everybody_has_a_display_name(attempt: Attempt) -> None:
    before = await _shape(attempt, "users")
    usernames = await _texts(attempt, "SELECT username FROM users ORDER BY id")
    await _upgraded(attempt)
    after = await _shape(attempt, "users")
    _require_column(attempt, after, "users.display_name")
    found = await _texts(attempt, "SELECT username, display_name FROM users ORDER BY id")
    attempt.require(
        [(name,) for name, _ in found] == usernames,
        "rows lost",
        f"There were {len(usernames)} users; after `{attempt.name}` there are {len(found)}.",
    )
    _require_names(attempt, found)
    attempt.require(
        "NOT NULL" in after["users.display_name"],
        "NULL still allowed",
        "Every user has a display name now, and the table still takes one without.",
    )
    attempt.require(
        "default None" in after["users.display_name"],
        "default left behind",
        "Whoever signs up without a display name is given the default, and was to be refused.",
    )
    before["users.display_name"] = "VARCHAR(50) NOT NULL, default None"
    _require_rest(attempt, before, after)


def _require_names(attempt: Attempt, found: list[tuple[Any, ...]]) -> None:
    name, wrong = next(((name, shown) for name, shown in found if shown != name), ("", ""))
    shown = {display for _, display in found}
    told_names = f"The user {name!r} has the display name {wrong!r}; {name!r} was asked for."
    attempt.require(shown != {None}, "no backfill", told_names)
    attempt.require(len(shown) > 1, "one value for all", f"{told_names} So have all {len(found)} users.")
    attempt.require(not name, "wrong values", told_names)


@judge("03.4", on=BOTH)
async def three_hundred_letters(attempt: Attempt) -> None:
    before = await _shape(attempt, "posts")
    await _upgraded(attempt)
    after = await _shape(attempt, "posts")
    await _require_longer(attempt, after.get("posts.title", "").split(" ")[0])
    attempt.require(
        await _refusal(attempt, 301),
        "limit lost",
        f"{DATABASES[attempt.database]} stores a title of 301 letters; it was to refuse it.",
    )
    name = "ck_posts_title_length"
    attempt.require(
        name in after, "name lost", f"There is no constraint `{name}`: the next migration will not find it."
    )
    before["posts.title"] = before["posts.title"].replace("200", "300")
    _require_rest(attempt, before, after)


async def _require_longer(attempt: Attempt, found: str) -> None:
    refused = await _refusal(attempt, 300)
    attempt.require(
        "title_length" not in refused, "CHECK left behind", f"A title of 300 letters is refused: {refused}"
    )
    attempt.require(
        found == "VARCHAR(300)" and not refused,
        "type left behind" if found == "VARCHAR(200)" else "wrong type",
        f"The type is {found}; VARCHAR(300) was asked for. SQLite takes it as a remark, PostgreSQL obeys it.",
    )


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
            await migrate(self.attempt.engine, migration)
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
        cause = next((name for words, name in CAUSES.items() if words in fault.told), fault.misconception)
        raise attempt.not_yet(cause, fault.told) from None
    finally:
        _leave_changes(attempt)


def _leave_changes(attempt: Attempt) -> None:
    """Batch mode asks for all there is of a table, and makes a long one: as evidence, the changes in short will do."""
    changes = [each for each in attempt.sent.everything if each.is_mark or CHANGE.match(each.text.lstrip())]
    attempt.sent.everything[:] = [replace(each, text=_short(each.text)) for each in changes]


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{' '.join(text.split())[:LONG]} …"


async def _texts(attempt: Attempt, question: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await attempt.rows(sa.text(question))]


async def _shape(attempt: Attempt, table: str) -> dict[str, str]:
    """What the database has of this table, by name: columns, constraints, indexes, and its number of rows."""
    async with attempt.engine.connect() as connection:
        return await connection.run_sync(_shape_of, table)


def _shape_of(connection: sa.Connection, table: str) -> dict[str, str]:
    database = sa.inspect(connection)
    if not database.has_table(table):
        return {}
    columns = {f"{table}.{each['name']}": _column(each) for each in database.get_columns(table)}
    named = {
        str(each["name"]): kind
        for kind in ("check_constraints", "unique_constraints", "foreign_keys", "indexes")
        for each in getattr(database, f"get_{kind}")(table)
    }
    rows = connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))
    return columns | named | {IDS: _ids(connection, table), f"number of rows in {table}": str(rows)}


def _ids(connection: sa.Connection, table: str) -> str:
    if connection.dialect.name == "postgresql":
        return "a sequence"  # it never goes back
    sql = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
    return "AUTOINCREMENT" if "AUTOINCREMENT" in str(sql).upper() else "the highest and one"


def _column(each: Mapping[str, Any]) -> str:
    return f"{each['type']} {'NULL' if each['nullable'] else 'NOT NULL'}, default {each['default']}"


def _require_column(attempt: Attempt, after: Mapping[str, str], column: str) -> None:
    attempt.require(
        column in after, "column not there", f"After `{attempt.name}` there is no column `{column}`."
    )


def _require_rest(attempt: Attempt, wanted: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Everything is there as it was, or as it was to become, and no column is left over."""
    attempt.require(
        after.get(IDS) == wanted[IDS],
        "ids given twice",
        "Batch mode made a table without AUTOINCREMENT: when the last row is deleted, the next one gets its id.",
    )
    other = next((name for name, what in wanted.items() if after.get(name) != what), "")
    attempt.require(
        not other,
        "something else changed",
        f"`{other}` is {after.get(other, 'gone')}; it was to be: {wanted.get(other)}.",
    )
    columns = [name for name in after if "." in name and name not in wanted]
    attempt.require(
        not columns, "column left over", f"Nobody asked for the new column `{''.join(columns[:1])}`."
    )
