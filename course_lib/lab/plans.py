"""How the database will find the rows of a statement: its plan, as a tree that you can look at and ask.

plan = await explain(session, select(Post).where(Post.author_id == 3))
plan                        # searches posts with ix_posts_author_id
plan.scans, plan.searches   # ([], {"posts": "ix_posts_author_id"})

await cost(session, select(Post).where(Post.author_id == 3))    # 5 blocks read by PostgreSQL
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.schema import ExecutableDDLElement

from course_lib.lab.markdown_note import as_markdown
from course_lib.lab.plan_words import SCAN, SEARCH, SORT, WALK, Step, from_postgres, from_sqlite

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Plan:
    """A plan as a tree. Shown without costs and times: they differ from run to run, and stand in `frame()`."""

    database: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def scans(self) -> list[str]:
        """The tables that are read from their first row on."""
        return [step.table for step in self._of(SCAN)]

    @property
    def walks(self) -> dict[str, str]:
        """Table and index, where the index is read from its first entry on."""
        return {step.table: step.index for step in self._of(WALK)}

    @property
    def searches(self) -> dict[str, str]:
        """Table and index, where the index leads to the rows."""
        return {step.table: step.index for step in self._of(SEARCH)}

    @property
    def sorts(self) -> list[str]:
        """What is sorted, in the words shown."""
        return [step.words for step in self._of(SORT)]

    def frame(self) -> "pandas.DataFrame":
        """A row for each step, with everything that the database said: on PostgreSQL costs and estimates too."""
        import pandas

        names = ("words", "kind", "table", "index")
        return pandas.DataFrame(
            [
                {"depth": depth} | {name: getattr(step, name) for name in names} | dict(step.said)
                for depth, step in self._every()
            ]
        )

    def _every(self) -> Iterator[tuple[int, Step]]:
        for step in self.steps:
            yield from step.every()

    def _of(self, kind: str) -> list[Step]:
        return [step for _, step in self._every() if step.kind == kind]

    def __repr__(self) -> str:
        lines = [f"{'   ' * depth}└─ {step.words}" for depth, step in self._every()]
        return "\n".join([f"The plan of {self.database}", *lines, *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<figure><figcaption>The plan of {self.database}</figcaption>{_list(self.steps)}{notes}</figure>"
        )

    def _repr_markdown_(self) -> str:
        items = [f"{'  ' * depth}- {as_markdown(step.words)}" for depth, step in self._every()]
        told = [f"**The plan of {self.database}**", "\n".join(items), *map(as_markdown, self.notes)]
        return "\n\n".join(filter(None, told))


def _list(steps: tuple[Step, ...]) -> str:
    items = "".join(f"<li>{escape(step.words)}{_list(step.inner)}</li>" for step in steps)
    return f"<ul>{items}</ul>" if steps else ""


async def explain(
    connection: AsyncConnection | AsyncSession, statement: Executable, *, analyze: bool = False
) -> Plan:
    """Ask for the plan of a statement, with the values that it holds. What a session has not flushed stays so.

    `analyze=True` runs the statement on PostgreSQL and rolls it back: each step then tells how many rows it gave.
    Only numbers drawn from a sequence stay drawn. On SQLite the plan is all there is.
    """
    connection = await _checked("explain", connection, statement)
    reader = _sqlite if connection.dialect.name == "sqlite" else _postgres
    return await connection.run_sync(reader, statement, analyze)


@dataclass(frozen=True, order=True)
class Cost:
    """How much a database read for a statement: a count, the same in every run over the same rows."""

    amount: int
    unit: str
    database: str

    def __repr__(self) -> str:
        return f"{self.amount:,} {self.unit} {self.database}"


async def cost(connection: AsyncConnection | AsyncSession, statement: Executable) -> Cost:
    """Run a statement, roll it back, and count the work: blocks of 8 kB on PostgreSQL, from its cache or the disk;
    on SQLite the steps of its virtual machine, of which a row takes several.

    The two units do not compare. Blocks miss the work of sorting, steps miss the reading of pages.
    """
    connection = await _checked("cost", connection, statement)
    if connection.dialect.name == "postgresql":
        return Cost(await connection.run_sync(_blocks, statement), "blocks read by", "PostgreSQL")
    steps = count()
    driver = (await connection.get_raw_connection()).driver_connection
    savepoint = await connection.begin_nested()
    text, values = await connection.run_sync(_as_sent, statement)
    await driver.set_progress_handler(lambda: next(steps) < 0, 1)  # type: ignore[union-attr]
    try:
        (await connection.exec_driver_sql(text, values)).close()
    finally:
        await driver.set_progress_handler(None, 0)  # type: ignore[union-attr]
        await savepoint.rollback()
    return Cost(next(steps), "steps of", "SQLite")


async def _checked(
    name: str, connection: AsyncConnection | AsyncSession, statement: Executable
) -> AsyncConnection:
    if isinstance(statement, ExecutableDDLElement) or not isinstance(statement, Executable):
        raise TypeError(
            f"{name}() takes a statement such as select(Post) or text('SELECT …'), not {statement!r}"
        )
    if isinstance(connection, AsyncSession):
        connection = await connection.connection()
    if connection.dialect.name not in ("sqlite", "postgresql"):
        raise ValueError(f"plans are read on SQLite and PostgreSQL, not on {connection.dialect.name}")
    return connection


def _as_sent(connection: Connection, statement: Executable) -> tuple[str, Any]:
    """The text and the values that the driver would get."""
    # Compiling alone leaves out what comes with execution: defaults, lists in IN, the types' own conversions.
    dialect = connection.dialect
    options = connection.get_execution_options()
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    context = dialect.execution_ctx_cls._init_compiled(
        dialect, connection, connection.connection, options, compiled, [], statement, None
    )
    context.cursor.close()
    return context.statement, context.parameters[0]


def _sqlite(connection: Connection, statement: Executable, analyze: bool) -> Plan:
    text, values = _as_sent(connection, statement)
    # EXPLAIN reads no table, and the driver keeps statements: the same text would show the plan of last time.
    version = _version_of_the_tables(connection)
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN /* tables {version} */ {text}", values).all()
    steps = from_sqlite(rows, text)
    sorts = any(inner.kind == SORT for step in steps for _, inner in step.every())
    notes = {
        "It looks for no row.": not rows,
        "LIMIT may end the reading early: SQLite's plans do not show it.": "LIMIT" in text.upper()
        and not sorts,
        "SQLite does not tell what a run does: this one did not run.": analyze,
    }
    return Plan("SQLite", steps, tuple(note for note, holds in notes.items() if holds))


def _version_of_the_tables(connection: Connection) -> int:
    """It changes with each CREATE and DROP. Below SQLAlchemy, so that no count of statements meets the question."""
    cursor = connection.connection.cursor()
    cursor.execute("SELECT 1 FROM sqlite_master")  # SQLite notices what others changed when it reads a table
    cursor.execute("PRAGMA schema_version")
    [version] = cursor.fetchone() or (0,)
    cursor.close()
    return int(version)


def _blocks(connection: Connection, statement: Executable) -> int:
    top = _told_by_postgres(connection, statement, "ANALYZE, BUFFERS, ")["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def _told_by_postgres(connection: Connection, statement: Executable, options: str) -> dict[str, Any]:
    text, values = _as_sent(connection, statement)
    with connection.begin_nested() as savepoint:
        answer = connection.exec_driver_sql(f"EXPLAIN ({options}FORMAT JSON) {text}", values).scalar_one()
        savepoint.rollback()
    [told] = json.loads(answer) if isinstance(answer, str) else answer
    return dict(told)


def _postgres(connection: Connection, statement: Executable, analyze: bool) -> Plan:
    told = _told_by_postgres(connection, statement, "ANALYZE, " * analyze)
    fired = [
        f"Calls of {each.get('Constraint Name', each['Trigger Name'])}: {each['Calls']}."
        for each in told.get("Triggers", ())
    ]
    return Plan("PostgreSQL", (from_postgres(told["Plan"]),), tuple(fired))
