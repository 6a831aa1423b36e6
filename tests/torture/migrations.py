"""`alembic upgrade head`, a process of its own, killed at each of its moments and raced with others.

The small form of the kills is tests/test_torture_migrations.py, and that of the races stands in
tests/test_migrations.py, `test_two_upgrades_at_once_both_end_well`, whose rows and looks this module borrows.
"""

import itertools
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from alembic import command
from sqlalchemy import URL, Connection, inspect
from test_migrations import DATABASES, PROJECT, REVISIONS, ask, config_for, do, fill, rows, table_shape

from course_lib.lab import postgres
from course_lib.lab.databases import fresh_copy, fresh_url
from torture.forks import Ended, Forks, Program, forks
from torture.parts import Bounds, Figures, torture

HEAD = REVISIONS[-1]
Words = tuple[str, str, str]
JOURNEYS: tuple[Words, ...] = (
    ("base", "upgrade", "head"),
    ("0001", "upgrade", "head"),
    ("0002", "upgrade", "head"),
    (REVISIONS[-2], "upgrade", "head"),
    (HEAD, "downgrade", "0002"),
    (HEAD, "downgrade", "base"),
)
"""From where, by which command, and where to. At the beginning there is what people write at each revision."""
LATER = 0.004
"""Seconds behind a moment, at most: the kill meets the statement or the COMMIT while it is under way."""


@dataclass
class Journey:
    """The database before it, and what a straight run of its command made: the rows, the tables, the revision."""

    database: str
    words: tuple[str, ...]
    begin: URL
    end: "State"
    moments: int

    @classmethod
    async def straight(cls, programs: Forks, database: str, begin: str, *words: str) -> "Journey":
        prepared = fresh_url(database)
        await rows(prepared)  # makes the file
        for revision in REVISIONS[: 0 if begin == "base" else REVISIONS.index(begin) + 1]:
            command.upgrade(config_for(prepared), revision)
            await fill(prepared, revision)
        async with on_a_copy(prepared) as url:
            [ended] = programs.run(alembic(url, *words))
            assert_well(ended)
            end = await State.of(url)
            assert end.revision == {"head": [HEAD], "base": []}.get(words[-1], [words[-1]]), ended.output
            return cls(database, words, prepared, end, ended.moments)


@dataclass(frozen=True)
class State:
    rows: dict[str, list[tuple[Any, ...]]]
    shape: dict[str, Any]
    revision: list[str]

    @classmethod
    async def of(cls, url: URL) -> "State":
        revision = await ask(url, "SELECT version_num FROM alembic_version")
        return cls(await rows(url), await do(url, tables), revision)


def tables(connection: Connection) -> dict[str, Any]:
    """All that the database tells of the tables that are there."""
    inspector = inspect(connection)
    names = sorted(set(inspector.get_table_names()) - {"sqlite_sequence"})
    return {name: table_shape(inspector, name) for name in names}


@asynccontextmanager
async def on_a_copy(prepared: URL) -> AsyncIterator[URL]:
    url = fresh_copy(prepared)
    try:
        yield url
    finally:
        if url.get_backend_name() == "postgresql":
            postgres.shared().drop_database(str(url.database))
        else:
            folder = Path(str(url.database)).parent
            assert [*folder.iterdir()] == [Path(str(url.database))], "the kit leaves something beside it"
            shutil.rmtree(folder)


def alembic(url: URL, *words: str, dies_at: int = 0, later: float = 0.0) -> Program:
    database = {"COURSE_DATABASE": url.render_as_string(hide_password=False)}
    return Program("alembic", words, folder=str(PROJECT), environment=database, dies_at=dies_at, later=later)


def assert_well(ended: Ended) -> None:
    assert ended.status == 0, ended.output
    assert "Traceback" not in ended.output, ended.output


async def journeys(programs: Forks, chosen: Sequence[Words]) -> list[Journey]:
    return [await Journey.straight(programs, each, *words) for each in DATABASES for words in chosen]


@torture("migrations", "up and down, killed at each statement on both databases, then begun again")
async def killed(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    return await killed_on(JOURNEYS, bounds, chance)


async def killed_on(chosen: Sequence[Words], bounds: Bounds, chance: Random) -> Figures:
    struck: Counter[str] = Counter()
    with forks() as programs:
        ways = await journeys(programs, chosen)
        moments = [(way, moment) for way in ways for moment in range(1, way.moments + 1)]
        chance.shuffle(moments)
        for _, (way, moment) in zip(bounds, moments, strict=False):
            later = chance.choice((0.0, chance.uniform(0, LATER)))
            async with on_a_copy(way.begin) as url:
                [ended] = programs.run(alembic(url, *way.words, dies_at=moment, later=later))
                assert ended.killed or (later and ended.status == 0), ended.output
                struck[way.database] += ended.killed
                await assert_whole(way, url)
                [again] = programs.run(alembic(url, *way.words))
                assert_well(again)
                await assert_arrived(way, url, f"killed {later} s behind moment {moment}")
    assert min(struck[each] for each in DATABASES) > 0, struck
    return {
        "moments of all journeys": len(moments),
        **{f"killed, on {database}": struck[database] for database in DATABASES},
        "ended elsewhere than a straight run": 0,
    }


async def assert_whole(way: Journey, url: URL) -> None:
    """Right behind the kill: nobody's row is gone that was there before and will be there in the end."""
    there, end = await rows(url), way.end.rows
    for table, lines in (await rows(way.begin)).items():
        if table in end:
            assert len(there.get(table, ())) >= min(len(lines), len(end[table])), f"{table}: {there}"


async def assert_arrived(way: Journey, url: URL, told: str) -> None:
    there = await State.of(url)
    assert there == way.end, f"{way.database}, {way.words}, {told}: {there} is not {way.end}"


@torture("migrations", "two and four at once on one database, one of them killed every other time")
async def raced(bounds: Bounds, folder: Path, chance: Random) -> Figures:
    done: Counter[str] = Counter()
    with forks() as programs:
        ways = await journeys(programs, JOURNEYS[:3])
        for number, way in zip(bounds, itertools.cycle(ways), strict=False):
            racers, dies_at = chance.choice((2, 4)), (number % 2) * chance.randrange(1, way.moments)
            async with on_a_copy(way.begin) as url:
                first = alembic(url, *way.words, dies_at=dies_at)
                ended = programs.run(first, *[alembic(url, *way.words)] * (racers - 1))
                for each in ended[bool(dies_at) :]:
                    assert_well(each)
                await assert_arrived(way, url, f"{racers} at once")
            done[f"races of {racers}"] += 1
            done["killed racers"] += ended[0].killed
            done["racers that waited for another"] += sum("Another upgrade" in each.output for each in ended)
    assert done["racers that waited for another"] > 0, done
    return {**dict(sorted(done.items())), "ended elsewhere than a straight run": 0}
