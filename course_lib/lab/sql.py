"""See what the database sees: every statement that a block of code sends, as an object you can look at and count.

with watch(engine) as sent:
    ...                       # anything that uses the engine
sent                          # a table: statements, transaction marks, rows
len(sent)                     # how many statements, not counting the marks
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from datetime import time as clock_time
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.engine_events import listening
from course_lib.lab.tables import ShownAsTable, Table

if TYPE_CHECKING:
    import pandas

MARK = re.compile(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
SECRET = re.compile(r"password|secret|token", re.IGNORECASE)
LIST_OF_PLACEHOLDERS = re.compile(r"\((?:(?:\?|\$\d+(?:::[\w ()]+)?)(?:, )?)+\)(?:, \((?:[^()]+)\))*")
LONG_LIST = re.compile(r"((?:SELECT(?: DISTINCT)?|RETURNING) )([^,]+), (?:(?! FROM ).){40,}?( FROM |$)")
REPEATS_WORTH_A_REMARK = 3
MOST_VALUES = 5

_numbers = count(1)


@dataclass
class Statement:
    """One statement as it went to the driver, or one mark of a transaction (BEGIN, SAVEPOINT, COMMIT, ROLLBACK).

    `rows` were sent back or changed, None where the driver does not tell; `seconds` is wall time; `connection` counts
    from 1 in the order of first use; `error` is the name of what the database raised.
    """

    text: str
    parameters: Sequence[Mapping[str, Any]] = ()
    connection: int = 0
    rows: int | None = None
    seconds: float | None = None
    error: str | None = None

    @property
    def is_mark(self) -> bool:
        return MARK.match(self.text) is not None

    @property
    def shape(self) -> str:
        """The text on one line, each list of placeholders as (…): two statements of one shape differ in values."""
        return LIST_OF_PLACEHOLDERS.sub("(…)", " ".join(self.text.split()))

    @property
    def short(self) -> str:
        """The shape with its long lists of columns cut: where the rows come from is what matters."""
        return LONG_LIST.sub(r"\1\2, …\3", self.shape)


@dataclass(repr=False)
class Statements(ShownAsTable, Sequence[Statement]):
    """What was sent, in order. As a sequence it holds the statements alone; `everything` has the marks too."""

    everything: list[Statement] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._statements)

    def __getitem__(self, place: Any) -> Any:
        return self._statements[place]

    @property
    def _statements(self) -> list[Statement]:
        return [statement for statement in self.everything if not statement.is_mark]

    @property
    def transactions(self) -> int:
        return sum(statement.text.startswith("BEGIN") for statement in self.everything)

    def repeated(self) -> dict[str, int]:
        """Each shape that was sent three times or more, and how often."""
        shapes = Counter(statement.short for statement in self)
        return {shape: times for shape, times in shapes.most_common() if times >= REPEATS_WORTH_A_REMARK}

    def frame(self) -> "pandas.DataFrame":
        """A row for each statement and mark, with everything that was recorded."""
        import pandas

        columns = ("connection", "text", "parameters", "rows", "seconds", "error")
        return pandas.DataFrame([{name: getattr(row, name) for name in columns} for row in self.everything])

    def table(self) -> Table:
        """The shown form, the same from run to run: no durations, no times of day, no secrets."""
        rows = [(row.connection, row.short, _shown(row.parameters), _outcome(row)) for row in self.everything]
        return Table(
            caption=self._caption(),
            columns=("connection", "statement", "parameters", "rows"),
            rows=rows,
            notes=[*self._asked_again()],
            code=("statement", "parameters"),
        )

    def _asked_again(self) -> Iterator[str]:
        """A question that is asked again and again could be one; an INSERT for each row is work to be done."""
        for shape, times in self.repeated().items():
            if shape.startswith("SELECT"):
                yield f"One statement, {times} times: {shape}"

    def _caption(self) -> str:
        return f"{_many(len(self), 'statement')}, {_many(self.transactions, 'transaction')}"


@contextmanager
def watch(engine: AsyncEngine | Engine) -> Iterator[Statements]:
    """Record what the block sends through `engine`, from any session or task, until it ends or raises."""
    if not isinstance(engine, AsyncEngine | Engine):
        raise TypeError(f"watch needs an engine, not a {type(engine).__name__}; is an await missing?")
    sent = Statements()
    with listening(engine, **_Recorder(sent).listeners()):
        yield sent


class _Recorder:
    """Turns the engine's events into rows; connections are numbered in the order in which they turn up."""

    def __init__(self, sent: Statements) -> None:
        self.sent = sent
        self.order: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.open: dict[int, tuple[Statement, float]] = {}

    def listeners(self) -> dict[str, Callable[..., None]]:
        return {
            "before_cursor_execute": self.before,
            "after_cursor_execute": self.after,
            "handle_error": self.failed,
            "begin": self.begin,
            "commit": lambda connection: self.mark(connection, "COMMIT"),
            "rollback": lambda connection: self.mark(connection, "ROLLBACK"),
        }

    def mark(self, connection: Connection, text: str) -> None:
        self.sent.everything.append(Statement(text, connection=self.number(connection)))

    def begin(self, connection: Connection) -> None:
        """An engine of `course_lib.db` says BEGIN to SQLite as a statement, and that one stands here already."""
        number = self.number(connection)
        last = next((each for each in reversed(self.sent.everything) if each.connection == number), None)
        if last is None or not last.text.startswith("BEGIN"):
            silent = connection.dialect.name == "sqlite"
            self.mark(connection, "BEGIN (left to the driver)" if silent else "BEGIN")

    def before(
        self, connection: Connection, cursor: Any, text: str, values: Any, context: Any, many: bool
    ) -> None:
        statement = Statement(text, _parameters(values, context), self.number(connection))
        self.sent.everything.append(statement)
        self.open[id(context)] = statement, time.perf_counter()  # tasks may share a connection, by mistake

    def after(
        self, connection: Connection, cursor: Any, text: str, values: Any, context: Any, many: bool
    ) -> None:
        statement, started = self.open.pop(id(context))
        statement.seconds = time.perf_counter() - started
        statement.rows = None if statement.is_mark else _rows(cursor)

    def failed(self, context: ExceptionContext) -> None:
        statement, started = self.open.pop(id(context.execution_context), (None, 0.0))
        if statement is not None:
            statement.seconds = time.perf_counter() - started
            statement.error = type(context.sqlalchemy_exception or context.original_exception).__name__

    def number(self, connection: Connection) -> int:
        if not connection.invalidated:  # else the driver's connection is lost, and `info` with it
            name = connection.info.setdefault("course_lib.lab.number", next(_numbers))
            self.last[id(connection)] = self.order.setdefault(name, len(self.order) + 1)
        return self.last.get(id(connection), 0)


def _rows(cursor: Any) -> int | None:
    """What the async drivers fetched already; for a change, what it touched."""
    fetched = len(getattr(cursor, "_rows", ()))
    return fetched or (cursor.rowcount if cursor.rowcount >= 0 else fetched)


def _parameters(values: Any, context: Any) -> list[dict[str, Any]]:
    """The values by name where SQLAlchemy made the statement, by place where it was handed in; secrets masked."""
    sets = getattr(context, "compiled_parameters", None)
    if not sets:
        several = isinstance(values, list)
        sets = [dict(enumerate(one, start=1)) for one in (values if several else [values])]
    return [{str(name): _masked(str(name), value) for name, value in one.items()} for one in sets if one]


def _masked(name: str, value: Any) -> Any:
    is_hash = isinstance(value, str) and value.startswith("$argon2")
    return "***" if is_hash or (value is not None and SECRET.search(name)) else value


def _shown(parameters: Sequence[Mapping[str, Any]]) -> str:
    if not parameters:
        return ""
    first = ", ".join(
        f"{name}={_shown_value(value)}" for name, value in list(parameters[0].items())[:MOST_VALUES]
    )
    if len(parameters[0]) > MOST_VALUES:
        first += f", … {len(parameters[0])} values"
    return first if len(parameters) == 1 else f"{first} … {len(parameters)} sets"


def _shown_value(value: Any) -> str:
    if isinstance(value, date | clock_time):
        return f"<{type(value).__name__}>"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _outcome(statement: Statement) -> str:
    if statement.error:
        return f"fails: {statement.error}"
    return "" if statement.rows is None else str(statement.rows)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
