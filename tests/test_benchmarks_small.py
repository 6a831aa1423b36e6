"""`make bench` in small: three cases, one round; what is looked at is their form and their counts, never a time."""

import json
from random import Random

import pytest
from benchmarks import measuring, repository, transfers
from benchmarks.aims import AIMS, Aim
from benchmarks.cases import CASES, DATABASES, Case, Way, Ways
from benchmarks.measuring import Times, measure
from benchmarks.results import judged
from benchmarks.running import run
from sqlalchemy import update

from course_lib.lab.databases import open_database
from course_lib.models import Account

FACTS_OF_A_LOSS = ("transfers without a line", "accounts that differ from the ledger", "cents lost")


WANTED = (repository.update, repository.count, transfers.eight)


def small(database: str) -> list[Case]:
    """Three of the real cases."""
    found = [case for case in CASES if case.database == database and case.ways in WANTED]
    assert sorted(case.part for case in found) == ["repository", "repository", "transfers"]
    return found


@pytest.mark.parametrize("database", DATABASES)
async def test_a_result_holds_times_counts_aims_and_an_agreeing_ledger(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "TRANSFERS", 8)
    monkeypatch.setattr(measuring, "SAMPLE", 0.001)
    said: list[str] = []
    result = await run(small(database), 1, said.append)
    entries = {entry["operation"]: entry for entry in json.loads(json.dumps(result.as_json()))["cases"]}
    updated, count, moved = (entries[name] for name in ("update", "count", "transfer_funds, 8 tasks"))
    assert [updated["ways"][name]["statements"] for name in ("course_lib", "by hand")] == [1, 2]
    assert [count["ways"][name]["statements"] for name in ("course_lib", "by hand")] == [1, 1]
    assert count["ways"]["course_lib"]["work"] == count["ways"]["by hand"]["work"] > 0
    assert [moved["ways"][name]["statements"] for name in ("course_lib", "by hand")] == [3, 4]
    assert moved["facts"]["lines of the ledger"] == moved["facts"]["transfers made"] > 0
    assert [moved["facts"][name] for name in FACTS_OF_A_LOSS] == [0, 0, 0]
    assert all(way["rounds"] == 1 for way in moved["ways"].values())
    assert len(result.aims) == len(AIMS)
    assert {aim["operation"] for aim in result.aims if aim["measured"] is not None} == {"count"}
    assert any("cents lost: 0" in line for line in said)
    assert result.versions["sqlalchemy"]


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
