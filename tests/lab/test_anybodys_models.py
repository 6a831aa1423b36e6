"""The instruments on an engine and models of somebody else, where there is no school and no model of the course."""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

SOMEBODY_ELSES = """
import asyncio, sys

class NoSchool:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("course_lib.school", "course_lib.models")):
            raise ImportError(f"{name} is not for you")

sys.meta_path.insert(0, NoSchool())

from sqlalchemy import ForeignKey, func, insert, make_url, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from course_lib.lab.faults import in_front_of_the_first, power_cut
from course_lib.lab.interleave import interleave
from course_lib.lab.plans import explain
from course_lib.lab.plots import cost_by_size
from course_lib.lab.schema import schema_picture
from course_lib.lab.sql import watch
from course_lib.lab.stepping import in_steps, stepping


class Base(DeclarativeBase):
    pass


class Ship(Base):
    __tablename__ = "ships"
    name: Mapped[str] = mapped_column(primary_key=True)
    crates: Mapped[list["Crate"]] = relationship(back_populates="ship")


class Crate(Base):
    __tablename__ = "crates"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    weight: Mapped[int]
    ship_name: Mapped[str] = mapped_column(ForeignKey("ships.name"))
    ship: Mapped[Ship] = relationship(back_populates="crates")


async def main(url):
    engine = create_async_engine(url)
    sessions = async_sessionmaker(engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Ship).values(name="Amparo"))
        await connection.execute(insert(Crate).values(number=7, weight=80, ship_name="Amparo"))

    with watch(engine) as sent:
        async with sessions() as session:
            await session.scalars(select(Crate))
    print("watch", len(sent), sent[0].text.split()[0], sent.transactions)

    async with engine.connect() as connection:
        plan = await explain(connection, select(Crate).where(Crate.number == 7))
    print("explain", "searches crates" in str(plan))

    async def load(session):
        crate = await session.get(Crate, 7)
        yield f"reads {crate.weight}"
        crate.weight += 10
        await session.commit()
        yield "commits"

    async def more(session):
        await session.execute(update(Crate).values(weight=Crate.weight + 1))
        await session.commit()

    shown = await interleave(sessions, {"A": load, "B": load}, order="A B A B")
    print("interleave", "A reads 80" in shown.picture().alt, len(shown.steps) >= 4)
    with stepping(engine):
        shown = await interleave(sessions, {"A": in_steps(more)}, order="A A")
    print("stepping", shown.states)

    async def somebody():
        async with engine.connect() as connection:
            await connection.execute(select(func.count(Ship.name)))
        print("somebody was quicker")

    with in_front_of_the_first(engine, "SELECT crates", somebody):
        async with sessions() as session:
            await session.get(Crate, 7)
    try:
        with power_cut(engine, "COMMIT"):
            async with sessions.begin() as session:
                await session.execute(update(Crate).values(weight=0))
    except ConnectionError as error:
        print("power cut", error)
    async with sessions() as session:
        print("kept", await session.scalar(select(Crate.weight)) > 0)
    print("schema", "crates" in schema_picture(Base.metadata).alt)
    costs = {"crates": {10: 1.0, 20: 2.0}}
    told = cost_by_size(costs, thing="crates", unit="rows", caption="Twice.", alt="A line.")
    print("plot", told.png[:4], told.alt)
    await engine.dispose()

asyncio.run(main(make_url(sys.argv[1])))
"""

SAID = """\
watch 1 SELECT 1
explain True
interleave True True
stepping {'A': 'committed'}
somebody was quicker
power cut the power is gone
kept True
schema True
plot b'\\x89PNG' A line. crates: 1 at 10, 2 at 20.
"""


def test_every_instrument_works_without_the_school_and_the_models_of_the_course(
    url: URL, tmp_path: Path
) -> None:
    script = tmp_path / "ships.py"
    script.write_text(SOMEBODY_ELSES, encoding="utf-8")
    words = [sys.executable, str(script), url.render_as_string(hide_password=False)]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": "error"}
    )
    assert done.stderr == ""
    assert done.stdout == SAID
