"""What an engine does is heard as long as a block lasts, and no longer."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.lab.engine_events import listening


async def ask(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def test_every_listener_hears_the_event_of_its_name(engine: AsyncEngine) -> None:
    heard: list[str] = []
    with listening(
        engine,
        before_cursor_execute=lambda connection, cursor, sent, *_: heard.append(sent),
        rollback=lambda connection: heard.append("ROLLBACK"),
    ):
        await ask(engine)
    assert heard[-2:] == ["SELECT 1", "ROLLBACK"]


async def test_nothing_is_heard_behind_the_block_also_where_it_raised(engine: AsyncEngine) -> None:
    heard: list[object] = []
    with pytest.raises(LookupError), listening(engine, rollback=heard.append):
        raise LookupError
    await ask(engine)
    assert heard == []
