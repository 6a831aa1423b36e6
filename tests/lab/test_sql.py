"""watch() records what was sent, and shows it the same way every time."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine as create_plain_engine
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.db import create_session_factory
from course_lib.lab.sql import Statement, Statements, watch
from course_lib.models import Tag, User
from course_lib.transactions import unit_of_work

Sessions = async_sessionmaker[AsyncSession]


@pytest.fixture
def sent(engine: AsyncEngine) -> Iterator[Statements]:
    with watch(engine) as sent:
        yield sent


def marks(sent: Statements) -> list[str]:
    return [statement.text.split()[0] for statement in sent.everything if statement.is_mark]


async def test_a_statement_is_recorded_with_its_rows_and_its_time(
    sent: Statements, session: AsyncSession
) -> None:
    session.add_all([Tag(name="bread"), Tag(name="maps")])
    await session.flush()
    await session.scalars(select(Tag))
    assert [statement.rows for statement in sent][-1] == 2
    assert all(statement.seconds is not None and statement.seconds > 0 for statement in sent)


async def test_marks_are_recorded_and_not_counted(sent: Statements, sessions: Sessions) -> None:
    async with sessions.begin() as session, session.begin_nested():
        await session.execute(select(Tag))
    async with sessions() as session:
        await session.execute(select(Tag))
    assert marks(sent) == ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT", "BEGIN", "ROLLBACK"]
    assert len(sent) == 2
    assert sent.transactions == 2


async def test_a_rolled_back_savepoint_says_to_where(sent: Statements, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        savepoint = await session.begin_nested()
        await session.execute(select(Tag))
        await savepoint.rollback()
    assert any(statement.text.startswith("ROLLBACK TO SAVEPOINT") for statement in sent.everything)
    assert marks(sent)[-1] == "COMMIT"


async def test_begin_stands_there_once_in_the_words_that_were_sent(
    sent: Statements, sessions: Sessions, engine: AsyncEngine
) -> None:
    async with unit_of_work(sessions) as session:
        await session.execute(select(Tag))
    expected = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
    assert [statement.text for statement in sent.everything if "BEGIN" in statement.text] == [expected]


async def test_a_change_tells_how_many_rows_it_touched(sent: Statements, session: AsyncSession) -> None:
    await session.execute(insert(Tag), [{"name": "bread"}, {"name": "maps"}])
    await session.execute(text("UPDATE tags SET name = name || '!'"))
    assert sent[-1].rows == 2


async def test_a_password_and_its_hash_are_masked_wherever_they_stand(
    sent: Statements, session: AsyncSession
) -> None:
    session.add(User(email="a@x.org", username="a", hashed_password="h4sh"))
    await session.flush()
    await session.execute(text("SELECT :one, :two"), {"one": "$argon2id$abc", "two": "seen"})
    everything = repr(sent) + sent._repr_html_() + sent.frame().to_string()
    assert "h4sh" not in everything
    assert "$argon2id" not in everything
    assert "'seen'" in everything


async def test_a_failed_statement_shows_its_error(sent: Statements, session: AsyncSession) -> None:
    with pytest.raises(DBAPIError):
        await session.execute(text("SELECT nothing_like_that"))
    assert sent[0].error in ("OperationalError", "ProgrammingError")
    assert f"fails: {sent[0].error}" in repr(sent)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_statement_that_is_given_up_ends_with_a_rollback(
    sent: Statements, engine: AsyncEngine
) -> None:
    with pytest.raises(TimeoutError):
        async with engine.begin() as connection:
            await asyncio.wait_for(connection.execute(text("SELECT pg_sleep(60)")), 0.05)
    assert [(each.text.split()[0], each.connection) for each in sent.everything] == [
        ("BEGIN", 1),
        ("SELECT", 1),
        ("ROLLBACK", 1),
    ]


async def test_connections_are_numbered_in_the_order_of_first_use(
    sent: Statements, sessions: Sessions
) -> None:
    async with sessions() as first, sessions() as second:
        for session in (first, second, first):
            await session.execute(select(Tag))
    assert [statement.connection for statement in sent] == [1, 2, 1]


async def test_one_shape_sent_three_times_is_pointed_out(sent: Statements, session: AsyncSession) -> None:
    for key in (7, 8, 9):
        await session.scalar(select(Tag).where(Tag.id == key))
    assert list(sent.repeated().values()) == [3]
    assert "One statement, 3 times: SELECT tags.id" in repr(sent)


async def test_an_insert_for_each_row_is_no_question_asked_again(
    sent: Statements, session: AsyncSession
) -> None:
    for number in range(3):
        session.add(Tag(name=f"tag {number}"))
        await session.flush()
    assert list(sent.repeated().values()) == [3]
    assert "One statement" not in repr(sent)


async def test_lists_of_different_length_are_one_shape(sent: Statements, session: AsyncSession) -> None:
    for keys in ([1], [1, 2], [1, 2, 3]):
        await session.scalars(select(Tag).where(Tag.id.in_(keys)))
    assert len({statement.shape for statement in sent}) == 1


async def test_two_statements_of_one_shape_are_not_worth_a_remark(
    sent: Statements, session: AsyncSession
) -> None:
    for key in (7, 8):
        await session.scalar(select(Tag).where(Tag.id == key))
    assert sent.repeated() == {}


async def test_the_shown_form_is_the_same_from_run_to_run(engine: AsyncEngine, sessions: Sessions) -> None:
    shown = []
    for _ in range(2):
        with watch(engine) as sent:
            async with sessions() as session:
                session.add(User(email="a@x.org", username="a", hashed_password="h"))
                await session.flush()
                await session.execute(select(User).where(User.created_at > User.updated_at))
        shown.append((repr(sent), sent._repr_html_()))
    assert shown[0] == shown[1]
    assert not re.search(r"\d\.\d{3}", shown[0][0])  # no duration


async def test_the_page_and_the_text_hold_the_same_cells(sent: Statements, session: AsyncSession) -> None:
    await session.execute(select(Tag))
    page = sent._repr_html_()
    assert "<caption" in page
    assert page.count('scope="col"') == 4
    assert all(str(cell) in repr(sent) for row in sent.table().rows for cell in row)
    assert sent._repr_markdown_() == sent.table()._repr_markdown_()


async def test_the_frame_has_a_row_for_every_statement_and_mark(
    sent: Statements, session: AsyncSession
) -> None:
    await session.execute(select(Tag))
    await session.rollback()
    frame = sent.frame()
    assert list(frame.columns) == ["connection", "text", "parameters", "rows", "seconds", "error"]
    assert len(frame) == len(sent.everything) == 3


async def test_nothing_is_recorded_behind_the_block(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        await session.execute(select(Tag))
    await session.execute(select(Tag))
    assert len(sent) == 1


async def test_the_block_may_raise_and_the_record_stays(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent, pytest.raises(DBAPIError):
        await session.execute(text("SELECT nothing_like_that"))
    await session.rollback()
    await session.execute(select(Tag))
    assert len(sent) == 1


def test_a_plain_engine_can_be_watched_too() -> None:
    engine = create_plain_engine("sqlite://")
    with watch(engine) as sent, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    assert [statement.text for statement in sent.everything] == [
        "BEGIN (left to the driver)",
        "SELECT 1",
        "ROLLBACK",
    ]


def test_what_is_no_engine_is_named() -> None:
    with pytest.raises(TypeError, match="not a int; is an await missing"), watch(8):  # type: ignore[arg-type]
        pass


def test_a_long_list_of_columns_is_cut_and_the_rest_is_not() -> None:
    columns = ", ".join(f"posts.column_{number}" for number in range(9))
    statement = Statement(f"SELECT {columns} \nFROM posts \nWHERE posts.id = ?")
    assert statement.short == "SELECT posts.column_0, … FROM posts WHERE posts.id = ?"


def test_a_short_list_of_columns_stays() -> None:
    statement = Statement(
        "SELECT posts.id, posts.title FROM posts WHERE posts.author_id = ? AND posts.published"
    )
    assert statement.short == statement.text


async def test_a_long_list_of_values_is_cut_and_counted(sent: Statements, session: AsyncSession) -> None:
    await session.scalars(select(Tag).where(Tag.id.in_(range(1, 10))))
    assert "… 9 values" in repr(sent)
    assert len(sent[0].parameters[0]) == 9


async def test_sessions_at_once_have_one_begin_each(engine: AsyncEngine) -> None:
    async def ask() -> None:
        async with create_session_factory(engine)() as session:
            await session.scalar(select(User.id))
            await session.scalar(select(User.id))

    with watch(engine) as sent:
        await asyncio.gather(*(ask() for _ in range(5)))
    assert (len(sent), sent.transactions) == (10, 5)
    assert [each.text for each in sent.everything if "left to" in each.text] == []


async def test_tasks_that_share_a_session_are_recorded_too(
    session: AsyncSession, engine: AsyncEngine
) -> None:
    await session.connection()
    with watch(engine) as sent:
        asked = (session.scalar(select(User.id)) for _ in range(5))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert not any(isinstance(answer, KeyError) for answer in answers)
    assert len(sent) == 5
