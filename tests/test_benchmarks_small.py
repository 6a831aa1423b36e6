"""`make bench` in small: three cases, one round; what is looked at is their form and their counts, never a time."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from benchmarks import drivers, measuring, repository, transfers
from benchmarks.aims import AIMS, Aim
from benchmarks.cases import CASES, DATABASES, Case, Place, Way, Ways
from benchmarks.measuring import Times, measure
from benchmarks.page import holes, in_lines
from benchmarks.results import Result, judged
from benchmarks.running import _compared, run
from sqlalchemy import select, update

from course_lib.lab.databases import open_database
from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Account, Post

FACTS_OF_A_LOSS = ("transfers without a line", "accounts that differ from the ledger", "cents lost")


async def run_small(database: str, *wanted: object) -> tuple[Result, dict[str, Any], list[str]]:
    """One round of real cases; the result, its cases by operation, as they are in the JSON, and what was said."""
    said: list[str] = []
    cases = [case for case in CASES if case.database == database and case.ways in wanted]
    assert len(cases) == len(wanted)
    result = await run(cases, 1, said.append)
    entries = json.loads(json.dumps(result.as_json()))["cases"]
    return result, {entry["operation"]: entry["ways"] | entry["facts"] for entry in entries}, said


async def test_a_result_holds_times_counts_versions_and_aims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SAMPLE", 0.001)
    result, told, said = await run_small("sqlite", repository.update, repository.count)
    ours, by_hand = told["update"]["course_lib"], told["update"]["by hand"]
    assert (ours["statements"], by_hand["statements"]) == (1, 2)
    ours, by_hand = told["count"]["course_lib"], told["count"]["by hand"]
    assert (ours["rounds"], ours["statements"], by_hand["statements"]) == (1, 1, 1)
    assert ours["work"] == by_hand["work"] > 0
    assert ours["cpu"]["median"] > 0 < ours["cpu_ratio"]["median"]
    assert len(result.aims) == len(AIMS)
    assert {aim["operation"] for aim in result.aims if aim["measured"] is not None} == {"count"}
    assert {"sqlalchemy", "sqlite"} <= result.versions.keys()
    assert any("course_lib" in line for line in said)


async def test_after_transfers_by_eight_tasks_the_ledger_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SAMPLE", 0.001)
    monkeypatch.setattr(transfers, "TRANSFERS", 8)
    result, told, said = await run_small("postgres", transfers.eight)
    moved = told["transfer_funds, 8 tasks"]
    assert (moved["course_lib"]["statements"], moved["by hand"]["statements"]) == (3, 4)
    assert moved["lines of the ledger"] == moved["transfers made"] > 0
    assert [moved[name] for name in FACTS_OF_A_LOSS] == [0, 0, 0]
    assert "  cents lost: 0" in said
    assert "postgresql" in result.versions


async def test_a_ledger_that_lost_a_line_is_told() -> None:
    """`compared` is what says that no cent was lost: here one transfer has no line."""
    engine = await open_database("sqlite")
    before = dict.fromkeys(range(1, 9), 100_000)
    async with engine.begin() as connection:
        await connection.execute(update(Account).where(Account.id == 1).values(balance=99_999))
    facts = await transfers.compared(engine, before, 1)
    await engine.dispose()
    assert [facts[name] for name in FACTS_OF_A_LOSS] == [1, 1, 1]


async def test_a_peer_that_fails_is_told_as_not_measured_and_ours_is_not() -> None:
    async def works() -> None: ...

    async def fails() -> None:
        raise LookupError("no such row")

    ways = Ways({"course_lib": Way(works), "by hand": Way(works), "a peer": Way(fails)})
    times = await measure(ways, 2, Random(1))
    assert set(times) == {"course_lib", "by hand"}
    assert ways.missing == {"a peer": "fails here: LookupError: no such row"}
    with pytest.raises(LookupError):
        await measure(Ways({"course_lib": Way(fails), "by hand": Way(works)}), 1, Random(1))


def test_an_aim_is_met_or_missed_by_the_median_of_the_ratios_round_by_round() -> None:
    times = {"course_lib": Times(1, [2.0, 9.0, 3.0], [2.0, 9.0, 3.0]), "by hand": Times(1, [1.0, 3.0, 2.0])}
    times["by hand"].cpu = times["by hand"].wall
    entry = {"base": "by hand", "ways": dict.fromkeys(times)}
    aims = [Aim("a", "b", "none", limit) for limit in (2.0, 1.9)]
    assert [judged(aim, entry, times)["measured"] for aim in aims] == [2.0, 2.0]
    assert [judged(aim, entry, times)["met"] for aim in aims] == [True, False]
    assert judged(aims[0], None, {})["met"] is None


async def test_a_case_that_fails_is_told_and_the_others_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(place: Place) -> AsyncIterator[Ways]:
        yield Ways({})
        raise LookupError("no such row")

    monkeypatch.setattr(measuring, "SAMPLE", 0.001)
    fine = next(case for case in CASES if case.ways is repository.count)
    result = await run([Case("a", "b", "none", 0, broken, "c"), fine], 1, lambda line: None)
    assert [case["operation"] for case in result.cases] == ["count"]
    [failed] = [missing for missing in result.not_measured if missing["way"] is None]
    assert (failed["operation"], "KeyError: 'by hand'" in failed["why"]) == ("b", True)


async def test_a_profile_has_samples_as_large_as_those_that_were_timed() -> None:
    """A case that makes room for one call has none for a second."""
    asked: list[int] = []

    @asynccontextmanager
    async def around(calls: int) -> AsyncIterator[list[tuple[()]]]:
        asked.append(calls)
        yield [()] * calls

    async def much() -> list[int]:
        return sorted({len(asked)})

    async def little() -> None: ...

    told = await _compared((Way(much, around), 2), (Way(little, around), 1), 0.2)
    assert asked == [2, 2, 1, 1, 1, 1, 1]
    assert ["sorted" in each["function"] for each in told if each["base_calls"] == 0].count(True) == 1


async def test_the_page_refuses_a_run_with_holes() -> None:
    result = await run(
        [case for case in CASES if case.ways is repository.count], 1, lambda line: None, minutes=-1
    )
    missing = holes(result.as_json())
    assert {"listings", "count (sqlite)", "aim exists (postgres)"} <= {*missing}
    told = json.loads(in_lines(result.as_json()))
    assert told["not_measured"] == result.not_measured


async def test_the_driver_gets_the_values_as_its_database_keeps_them() -> None:
    for database in DATABASES:
        engine = await open_database(database)
        row = select(Post.id).where(Post.created_at == FIRST_POST_AT, Post.published).limit(3)
        async with drivers.driver_of(engine) as driver:
            found = await drivers.ask(driver, *drivers.written_for(engine, row))
        async with engine.connect() as connection:
            assert (
                [tuple(each) for each in found]
                == [tuple(each) for each in await connection.execute(row)]
                != []
            )
        await engine.dispose()


async def test_what_no_time_is_left_for_is_told_as_not_measured() -> None:
    cases = [case for case in CASES if case.ways is repository.count]
    result = await run(cases, 1, lambda line: None, minutes=-1)
    assert result.cases == []
    assert [missing["database"] for missing in result.not_measured] == list(DATABASES)
