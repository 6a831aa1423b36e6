"""measure() says of every anomaly at every level whether it happens, by the rows, and keeps the steps that prove it."""

import pytest
from sqlalchemy import NullPool, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory
from course_lib.lab import anomalies
from course_lib.lab.anomalies import ANOMALIES, HAPPENED, Anomalies, Anomaly, Rows, Run, measure
from course_lib.lab.interleaving_shown import Interleaving, Step

Levels = dict[str, async_sessionmaker[AsyncSession]]
SQLITE = ("usual", "BEGIN", "BEGIN IMMEDIATE")
POSTGRES = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
EXPECTED = """
dirty write           | waits    | waits             | waits | waits    | B fails at UPDATE | B fails at UPDATE
aborted read          | old rows | old rows          | waits | old rows | old rows          | old rows
intermediate read     | old rows | old rows          | waits | old rows | old rows          | old rows
circular reads        | waits    | waits             | waits | old rows | old rows          | B fails at COMMIT
vanishing write       | waits    | waits             | waits | waits    | B fails at UPDATE | B fails at UPDATE
phantom               | happens  | old rows          | waits | happens  | old rows          | old rows
phantom, DELETE       | waits    | waits             | waits | happens  | B fails at DELETE | B fails at DELETE
lost update           | happens  | B fails at UPDATE | waits | happens  | B fails at UPDATE | B fails at UPDATE
read skew             | happens  | old rows          | waits | happens  | old rows          | old rows
read skew, conditions | happens  | old rows          | waits | happens  | old rows          | old rows
read skew, DELETE     | happens  | A fails at DELETE | waits | happens  | A fails at DELETE | A fails at DELETE
write skew            | happens  | B fails at UPDATE | waits | happens  | happens           | B fails at COMMIT
write skew, conditions| happens  | B fails at INSERT | waits | happens  | happens           | B fails at COMMIT
write skew, a reader  | happens  | A fails at UPDATE | waits | happens  | happens           | A fails at UPDATE
"""


def expected(*levels: str) -> list[list[str]]:
    """For each anomaly its name, and the verdicts at these levels."""
    rows = [[cell.strip() for cell in line.split("|")] for line in EXPECTED.strip().splitlines()]
    places = [0, *(1 + (*SQLITE, *POSTGRES).index(level) for level in levels)]
    return [[row[place] for place in places] for row in rows]


def levels_of(engine: AsyncEngine) -> Levels:
    if engine.dialect.name == "sqlite":
        usual = create_async_engine(engine.url, poolclass=NullPool)
        first = engine.execution_options(**WRITE_LOCK_FIRST)
        engines = dict(zip(SQLITE, (usual, engine, first), strict=True))
    else:
        engines = {name: engine.execution_options(isolation_level=name) for name in POSTGRES}
    return {name: create_session_factory(each) for name, each in engines.items()}


async def test_every_verdict_and_none_of_them_hangs_on_time(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anomalies, "PATIENCE", 0.0)
    found = await measure(levels_of(engine))
    rows = [[each.name, *(found.verdict(each.name, level) for level in found.levels)] for each in ANOMALIES]
    assert rows == expected(*found.levels)
    assert {proof.order for _, proof in found.cells.values()} == {
        " ".join(name for name, _ in each.steps) for each in ANOMALIES
    }
    async with engine.connect() as connection:
        assert not await connection.run_sync(lambda sync: inspect(sync).has_table("pair"))


NEITHER: list[Rows] = [{1: 10, 2: 20}]


@pytest.mark.parametrize(
    ("name", "rows", "left"),
    [
        ("dirty write", {}, {1: 11, 2: 22}),
        ("dirty write", {}, {1: 12, 2: 21}),
        ("aborted read", {"B": [{1: 101, 2: 20}, {1: 10, 2: 20}]}, {}),
        ("intermediate read", {"B": [{1: 101, 2: 20}, {1: 11, 2: 20}]}, {}),
        ("circular reads", {"A": [{1: 11}, {2: 22}], "B": [{2: 22}, {1: 11}]}, {}),
        ("vanishing write", {"C": [{1: 12}, {2: 19}, {2: 18}, {1: 12}]}, {}),
        ("vanishing write", {"C": [{1: 11}, {2: 18}, {2: 18}, {1: 11}]}, {}),
    ],
)
def test_what_neither_database_lets_happen_would_be_seen(
    name: str, rows: dict[str, list[Rows]], left: Rows
) -> None:
    assert HAPPENED[name](Run(rows, left))


@pytest.mark.parametrize(
    ("name", "rows", "left"),
    [
        ("dirty write", {}, {1: 12, 2: 22}),
        ("aborted read", {"B": [*NEITHER, *NEITHER]}, {}),
        ("intermediate read", {"B": [*NEITHER, {1: 11, 2: 20}]}, {}),
        ("circular reads", {"A": [{1: 11}, {2: 20}], "B": [{2: 22}, {1: 11}]}, {}),
        ("vanishing write", {"C": [{1: 11}, {2: 19}, {2: 18}, {1: 12}]}, {}),
        ("lost update", {}, {1: 12, 2: 20}),
        ("write skew, a reader", {"A": [*NEITHER], "C": [*NEITHER]}, {1: 0, 2: 25}),
        ("write skew, a reader", {"A": [*NEITHER], "C": [{1: 0, 2: 25}]}, {1: 0, 2: 25}),
    ],
)
def test_what_one_after_the_other_gives_is_no_anomaly(
    name: str, rows: dict[str, list[Rows]], left: Rows
) -> None:
    assert not HAPPENED[name](Run(rows, left))


async def test_a_statement_that_is_wrong_prevents_nothing(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Anomaly("wrong", "", "", [("A", "SELECT id, value FROM nowhere"), ("A", "COMMIT")])
    monkeypatch.setattr(anomalies, "ANOMALIES", [wrong])
    with pytest.raises(DBAPIError, match="nowhere"):
        await measure({"any": create_session_factory(engine)})


@pytest.fixture
def made() -> Anomalies:
    """Measured at a level that nobody has: everything happens, but for what failed with a name like markup."""
    proof = Interleaving("A", [Step(1, "A", "fails", "<b>: refused")], {"A": "failed: <b>"}, ["left: 1=10"])
    cells = {(each.name, "here"): ("happens", proof) for each in ANOMALIES}
    cells["lost update", "here"] = ("A fails at UPDATE", proof)
    return Anomalies(["here"], cells)


def test_each_cell_opens_its_proof(made: Anomalies) -> None:
    _, cell = made._repr_html_().split('<details name="lost update">')
    verdict, opened = cell.partition("</details>")[0].split("</summary>")
    assert verdict.endswith(">A fails at UPDATE")
    assert made.proof("lost update", "here")._repr_html_() in opened
    assert "<b>: refused" not in opened


def test_every_cell_has_its_own(made: Anomalies) -> None:
    html = made._repr_html_()
    assert html.count("<details ") == html.count("</details>") == html.count("left: 1=10") == len(ANOMALIES)


def test_without_html_it_is_a_table_of_verdicts(made: Anomalies) -> None:
    lines = repr(made).splitlines()
    assert lines[0] == "14 anomalies at 1 levels: which happen, and what keeps the others out"
    assert lines[10].split("  ")[0] == "lost update"
    assert lines[-1].split() == ["of", "14", "13", "happen"]
    assert "| lost update | P4 | A fails at UPDATE |" in made._repr_markdown_()
    assert len(made.happen("here")) == 13
