"""Isolation anomalies, measured: at which level does each one happen, and what keeps it out where it does not?

table = await measure({"READ COMMITTED": create_session_factory(engine), …})
table                                         # a cell for each anomaly and level, which opens the steps that prove it
table.verdict("lost update", "READ COMMITTED")
table.proof("lost update", "READ COMMITTED")  # what `interleave` gave

A verdict looks at rows and at how transactions ended, never at a message:

happens            the rows say so
B fails at COMMIT  it did not happen: the database ended B, when it was told this
waits              it did not happen: one waited for another
old rows           it did not happen: nobody waited or failed, and somebody was shown what was committed before

The anomalies are those of Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions" (2000). Their short names,
the values and the order of the steps follow the project Hermitage (Martin Kleppmann, CC BY 4.0,
github.com/ept/hermitage). The last one is from Fekete, O'Neil, O'Neil, "A Read-Only Transaction Anomaly Under Snapshot
Isolation" (2004).
"""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from course_lib.db import is_conflict
from course_lib.lab.interleave import interleave
from course_lib.lab.interleaving_shown import Interleaving
from course_lib.lab.tables import ShownAsTable, Table

Rows = dict[int, int]
PATIENCE = 30.0
"""Seconds, which no case uses up: whoever waits is let go by another one's step."""
DOES = {"SELECT": "reads", "UPDATE": "writes", "INSERT": "adds", "DELETE": "deletes"}
START = {1: 10, 2: 20}
CELL = "padding:4px 0 4px 4px;vertical-align:top;text-align:left;overflow-wrap:anywhere"
HEAD = f"{CELL};padding-right:3px"


@dataclass
class Run:
    """What each transaction was given, statement by statement, what was left in the end, and whether all committed."""

    rows: dict[str, list[Rows]]
    left: Rows = field(default_factory=dict)
    all_commit: bool = True
    mistakes: list[DBAPIError] = field(default_factory=list)  # errors that no other transaction has caused

    def seen(self, name: str) -> list[int]:
        return [value for rows in self.rows[name] for value in rows.values()]


SCRIPTS = """
dirty write (G0): two change the same two rows, and the end is a mixture
  A  UPDATE pair SET value = 11 WHERE id = 1
  B  UPDATE pair SET value = 12 WHERE id = 1
  A  UPDATE pair SET value = 21 WHERE id = 2
  A  COMMIT
  B  UPDATE pair SET value = 22 WHERE id = 2
  B  COMMIT

aborted read (G1a): one reads what is rolled back
  A  UPDATE pair SET value = 101 WHERE id = 1
  B  SELECT id, value FROM pair
  A  ROLLBACK
  B  SELECT id, value FROM pair
  B  COMMIT

intermediate read (G1b): one reads a value that is changed again before the commit
  A  UPDATE pair SET value = 101 WHERE id = 1
  B  SELECT id, value FROM pair
  A  UPDATE pair SET value = 11 WHERE id = 1
  A  COMMIT
  B  SELECT id, value FROM pair
  B  COMMIT

circular reads (G1c): each reads what the other has not committed
  A  UPDATE pair SET value = 11 WHERE id = 1
  B  UPDATE pair SET value = 22 WHERE id = 2
  A  SELECT id, value FROM pair WHERE id = 2
  B  SELECT id, value FROM pair WHERE id = 1
  A  COMMIT
  B  COMMIT

vanishing write (OTV): a third sees what B wrote, and then what was there before
  A  UPDATE pair SET value = 11 WHERE id = 1
  A  UPDATE pair SET value = 19 WHERE id = 2
  B  UPDATE pair SET value = 12 WHERE id = 1
  A  COMMIT
  C  SELECT id, value FROM pair WHERE id = 1
  B  UPDATE pair SET value = 18 WHERE id = 2
  C  SELECT id, value FROM pair WHERE id = 2
  B  COMMIT
  C  SELECT id, value FROM pair WHERE id = 2
  C  SELECT id, value FROM pair WHERE id = 1
  C  COMMIT

phantom (PMP): a row appears that was not there before
  A  SELECT id, value FROM pair WHERE value = 30
  B  INSERT INTO pair VALUES (3, 30)
  B  COMMIT
  A  SELECT id, value FROM pair WHERE value % 3 = 0
  A  COMMIT

phantom, DELETE (PMP): a DELETE leaves a row that its condition names
  A  UPDATE pair SET value = value + 10
  B  DELETE FROM pair WHERE value = 20
  A  COMMIT
  B  SELECT id, value FROM pair WHERE value = 20
  B  COMMIT

lost update (P4): both add one to what they read, and one is added
  A  SELECT id, value FROM pair WHERE id = 1
  B  SELECT id, value FROM pair WHERE id = 1
  A  UPDATE pair SET value = {read[1]} + 1 WHERE id = 1
  B  UPDATE pair SET value = {read[1]} + 1 WHERE id = 1
  A  COMMIT
  B  COMMIT

read skew (G-single): one row is read before a change of both, and one after it
  A  SELECT id, value FROM pair WHERE id = 1
  B  UPDATE pair SET value = 12 WHERE id = 1
  B  UPDATE pair SET value = 18 WHERE id = 2
  B  COMMIT
  A  SELECT id, value FROM pair WHERE id = 2
  A  COMMIT

read skew, conditions (G-single): the same, with a condition in place of a key
  A  SELECT id, value FROM pair WHERE value % 5 = 0
  B  UPDATE pair SET value = 12 WHERE value = 10
  B  COMMIT
  A  SELECT id, value FROM pair WHERE value % 3 = 0
  A  COMMIT

read skew, DELETE (G-single): old rows are read, and a DELETE meets the new ones
  A  SELECT id, value FROM pair WHERE id = 1
  B  UPDATE pair SET value = 12 WHERE id = 1
  B  UPDATE pair SET value = 18 WHERE id = 2
  B  COMMIT
  A  DELETE FROM pair WHERE value = 20
  A  COMMIT

write skew (G2-item): each reads both rows and changes one
  A  SELECT id, value FROM pair
  B  SELECT id, value FROM pair
  A  UPDATE pair SET value = 11 WHERE id = 1
  B  UPDATE pair SET value = 21 WHERE id = 2
  A  COMMIT
  B  COMMIT

write skew, conditions (G2): each finds no such row, and adds one
  A  SELECT id, value FROM pair WHERE value % 3 = 0
  B  SELECT id, value FROM pair WHERE value % 3 = 0
  A  INSERT INTO pair VALUES (3, 30)
  B  INSERT INTO pair VALUES (4, 42)
  A  COMMIT
  B  COMMIT

write skew, a reader (G2): C, who only reads, sees that B was first; A had not seen it
  A  SELECT id, value FROM pair
  B  UPDATE pair SET value = value + 5 WHERE id = 2
  B  COMMIT
  C  SELECT id, value FROM pair
  C  COMMIT
  A  UPDATE pair SET value = 0 WHERE id = 1
  A  COMMIT
"""
"""A name, the short name of the literature, and what happens; then the steps in the order of time, each with the
transaction that does it. `{read[1]}` is what it read last of row 1."""

HAPPENED: dict[str, Callable[[Run], bool]] = {
    "dirty write": lambda run: run.left in ({1: 11, 2: 22}, {1: 12, 2: 21}),
    "aborted read": lambda run: 101 in run.seen("B"),
    "intermediate read": lambda run: 101 in run.seen("B"),
    "circular reads": lambda run: 22 in run.seen("A") and 11 in run.seen("B"),
    "vanishing write": lambda run: (of_b := [value in (12, 18) for value in run.seen("C")]) != sorted(of_b),
    "phantom": lambda run: run.rows["A"] == [{}, {3: 30}],
    "phantom, DELETE": lambda run: run.all_commit and run.rows["B"][1] != {},
    "lost update": lambda run: run.all_commit and run.left[1] == 11,
    "read skew": lambda run: run.seen("A") == [10, 18],
    "read skew, conditions": lambda run: run.rows["A"] == [START, {1: 12}],
    "read skew, DELETE": lambda run: run.all_commit and run.rows["A"] == [{1: 10}, {}],
    "write skew": lambda run: run.all_commit and run.rows["A"][0] == run.rows["B"][0] == START,
    "write skew, conditions": lambda run: run.all_commit and run.rows["A"][0] == run.rows["B"][0] == {},
    "write skew, a reader": lambda run: (
        run.all_commit and [run.rows["A"][0], *run.rows["C"]] == [START, {1: 10, 2: 25}]
    ),
}


@dataclass(frozen=True)
class Anomaly:
    """Its `steps`: whose each one is, and the statement."""

    name: str
    code: str
    meaning: str
    steps: list[tuple[str, str]]

    def statements(self, name: str) -> list[str]:
        return [statement for whose, statement in self.steps if whose == name]


def _anomaly(script: str) -> Anomaly:
    head, *lines = script.splitlines()
    name, code, meaning = re.split(r" \(|\): ", head)
    return Anomaly(name, code, meaning, [(line[2], line[5:]) for line in lines])


ANOMALIES = [_anomaly(script) for script in SCRIPTS.strip().split("\n\n")]


@dataclass(repr=False)
class Anomalies(ShownAsTable):
    """`cells` has a verdict and its proof for each anomaly and level."""

    levels: list[str]
    cells: dict[tuple[str, str], tuple[str, Interleaving]] = field(default_factory=dict)

    def verdict(self, anomaly: str, level: str) -> str:
        return self.cells[anomaly, level][0]

    def proof(self, anomaly: str, level: str) -> Interleaving:
        return self.cells[anomaly, level][1]

    def happen(self, level: str) -> list[str]:
        """The names of those that happen at this level."""
        return [each.name for each in ANOMALIES if self.verdict(each.name, level) == "happens"]

    @property
    def caption(self) -> str:
        return f"{len(ANOMALIES)} anomalies at {len(self.levels)} levels: which happen, and what keeps the others out"

    def counts(self) -> list[str]:
        return [f"{len(self.happen(level))} happen" for level in self.levels]

    def table(self) -> Table:
        rows = [
            (each.name, each.code, *(self.verdict(each.name, level) for level in self.levels), each.meaning)
            for each in ANOMALIES
        ]
        last = (f"of {len(rows)}", "", *self.counts(), "")
        return Table(self.caption, ("anomaly", "code", *self.levels, "meaning"), [*rows, last])

    def _repr_html_(self) -> str:
        """Columns of one width, so that what a cell opens can be as wide as all of them, in the place below its row."""
        first, *others = ("anomaly", *self.levels)
        head = f'<th scope="col" style="{HEAD};width:16%">{first}</th>'
        head += "".join(f'<th scope="col" style="{HEAD}">{escape(name)}</th>' for name in others)
        rows = "".join(map(self._row, ANOMALIES))
        last = "".join(f'<td style="{CELL}">{count}</td>' for count in self.counts())
        return (
            '<table style="font-size:85%;table-layout:fixed;width:100%;min-width:36em">'
            f'<caption style="caption-side:top;text-align:left">{self.caption}. '
            f"Open a cell to see its steps.</caption><thead><tr>{head}</tr></thead><tbody>{rows}"
            f'<tr><th scope="row" style="{HEAD}">of {len(ANOMALIES)}</th>{last}</tr></tbody></table>'
        )

    def _row(self, anomaly: Anomaly) -> str:
        cells = "".join(self._cell(anomaly.name, place) for place in range(len(self.levels)))
        return (
            f'<tr><th scope="row" style="{HEAD}">{anomaly.name} ({anomaly.code})<br>'
            f'<span style="font-weight:normal">{anomaly.meaning}</span></th>{cells}</tr>'
        )

    def _cell(self, anomaly: str, place: int) -> str:
        """Details of one name: opening one shuts the other of the row, which would lie in the same place."""
        verdict, proof = self.cells[anomaly, self.levels[place]]
        shown = "<b>happens</b>" if verdict == "happens" else verdict
        wide = f"overflow-wrap:normal;width:{100 * len(self.levels)}%;margin-left:-{100 * place}%"
        return (
            f'<td style="{CELL}"><details name="{anomaly}">'
            f'<summary style="min-height:5em;padding-right:6px">{shown}</summary>'
            f'<div style="{wide}">{proof._repr_html_()}</div></details></td>'
        )


async def measure(levels: Mapping[str, async_sessionmaker[AsyncSession]]) -> Anomalies:
    """Every anomaly at every level, on a table of its own that is dropped again.

    A level is a session factory as `interleave` takes it. A statement that fails for another reason than a conflict
    raises its error.
    """
    found = Anomalies([*levels])
    for level, sessions in levels.items():
        await _send(sessions, "DROP TABLE IF EXISTS pair")
        await _send(sessions, "CREATE TABLE pair (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
        for anomaly in ANOMALIES:
            found.cells[anomaly.name, level] = await _try(anomaly, sessions)
        await _send(sessions, "DROP TABLE pair")
    return found


async def _try(anomaly: Anomaly, sessions: async_sessionmaker[AsyncSession]) -> tuple[str, Interleaving]:
    await _send(sessions, "DELETE FROM pair", "INSERT INTO pair VALUES (1, 10), (2, 20)")
    names = sorted({name for name, _ in anomaly.steps})
    run = Run({name: [] for name in names})
    written = [name for name, _ in anomaly.steps]
    # Who had to wait has steps left behind the last one that is written.
    behind = [name for name in names for _ in anomaly.statements(name)]
    transactions = {name: _transaction(name, anomaly.statements(name), run) for name in names}
    shown = await interleave(sessions, transactions, order=" ".join(written + behind), patience=PATIENCE)
    if run.mistakes:
        raise run.mistakes[0]
    run.all_commit = {*shown.states.values()} == {"committed"}
    async with sessions() as session:
        run.left = await _rows(session, "SELECT id, value FROM pair")
    steps = [replace(step, turn=None) if (step.turn or 0) > len(written) else step for step in shown.steps]
    notes = [f"left: {_told(run.left)}"]
    return _verdict(anomaly, run, shown), Interleaving(" ".join(written), steps, shown.states, notes)


def _transaction(
    name: str, statements: list[str], run: Run
) -> Callable[[AsyncSession], AsyncGenerator[object, None]]:
    async def steps(session: AsyncSession) -> AsyncGenerator[object, None]:
        for statement in statements:
            word = statement.split()[0]
            try:
                if word == "COMMIT":
                    await session.commit()
                    yield "commits"
                elif word == "ROLLBACK":
                    await session.rollback()
                    yield "rolls back"
                else:
                    read = run.rows[name][-1] if run.rows[name] else {}
                    run.rows[name].append(await _rows(session, statement.format(read=read)))
                    yield f"{DOES[word]} {_told(run.rows[name][-1])}"
            except DBAPIError as error:
                run.mistakes += [] if is_conflict(error) else [error]
                raise

    return steps


async def _send(sessions: async_sessionmaker[AsyncSession], *statements: str) -> None:
    async with sessions.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


async def _rows(session: AsyncSession, statement: str) -> Rows:
    """What it reads, or the rows that it changes: as they are then, or as they were deleted."""
    returning = "" if statement.startswith("SELECT") else " RETURNING id, value"
    found = await session.execute(text(statement + returning))
    return dict(sorted((key, value) for key, value in found))


def _told(rows: Rows) -> str:
    return " ".join(f"{key}={value}" for key, value in rows.items()) or "nothing"


def _verdict(anomaly: Anomaly, run: Run, shown: Interleaving) -> str:
    if HAPPENED[anomaly.name](run):
        return "happens"
    for name, state in shown.states.items():
        if state.startswith("failed"):
            mine = [step for step in shown.steps if step.transaction == name]
            done = sum(step.kind in ("does", "goes on") for step in mine)
            return f"{name} fails at {anomaly.statements(name)[done].split()[0]}"
    return "waits" if any(step.waits for step in shown.steps) else "old rows"
