"""explain() says which table is scanned and which index is searched, cost() how much is read; both change nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import URL, Executable, delete, func, insert, or_, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import aliased, joinedload
from sqlalchemy.schema import CreateTable

from course_lib.db import Base
from course_lib.lab.people import FIRST_POST_AT
from course_lib.lab.plans import Cost, cost, explain
from course_lib.lab.postgres import Server
from course_lib.lab.sql import watch
from course_lib.models import Account, Post, Tag, User, post_tags

pytestmark = pytest.mark.usefixtures("people", "unknown_rows")


@pytest.fixture(scope="module")
def postgres_url(server: Server) -> URL:
    """A database of these tests alone: what other tests taught the planner would change the plans."""
    return server.create_database()


@pytest.fixture
async def unknown_rows(engine: AsyncEngine) -> None:
    """Let PostgreSQL count no rows behind our back: it knows as little as in a fresh database."""
    if engine.dialect.name == "postgresql":
        async with engine.begin() as connection:
            for table in Base.metadata.tables:
                await connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))


async def test_a_column_without_an_index_is_found_by_reading_all(session: AsyncSession) -> None:
    plan = await explain(session, select(Post).where(Post.title == "A quiet draw"))
    assert (plan.scans, plan.searches, plan.walks, plan.sorts) == (["posts"], {}, {}, [])
    assert "└─ scans all of posts" in repr(plan)


async def test_a_column_with_an_index_is_searched(session: AsyncSession) -> None:
    plan = await explain(session, select(Post).where(Post.author_id == 3))
    assert (plan.scans, plan.searches) == ([], {"posts": "ix_posts_author_id"})
    assert "└─ searches posts with ix_posts_author_id" in repr(plan)


async def test_a_key_and_a_unique_column_are_searched(session: AsyncSession) -> None:
    by_key = await explain(session, select(User).where(User.id == 3))
    by_email = await explain(session, select(User).where(User.email == "mira@example.org"))
    assert by_key.searches["users"] in ("primary key", "pk_users")
    assert by_email.searches["users"] in ("sqlite_autoindex_users_1", "uq_users_email")


async def test_an_index_may_hold_all_that_is_asked_for(session: AsyncSession) -> None:
    await session.execute(text("DROP INDEX ix_posts_feed"))
    await session.execute(text("CREATE INDEX ix_test ON posts (published, title)"))
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        await session.execute(text("SET LOCAL enable_bitmapscan = off"))
    plan = await explain(session, select(Post.title).where(Post.published))
    walk = await explain(session, select(Post.published, Post.title).order_by(Post.published, Post.title))
    assert "searches posts with ix_test alone (covering)" in repr(plan)
    assert "reads all of ix_test alone (covering)" in repr(walk)
    assert (walk.walks, walk.scans) == ({"posts": "ix_test"}, [])


async def test_a_sort_is_told_and_an_index_spares_it(session: AsyncSession) -> None:
    statement = select(Post).order_by(Post.created_at, Post.id).limit(2)
    assert len((await explain(session, statement)).sorts) == 1
    await session.execute(text("CREATE INDEX ix_test ON posts (created_at, id)"))
    plan = await explain(session, statement)
    assert (plan.sorts, plan.scans, plan.walks) == ([], [], {"posts": "ix_test"})
    assert "reads all of posts in the order of ix_test" in repr(plan)


async def test_an_index_that_another_connection_makes_or_drops_is_noticed(engine: AsyncEngine) -> None:
    statement, walks = select(Post).order_by(Post.created_at, Post.id).limit(2), []
    changes = ["SELECT 1", "CREATE INDEX ix_test ON posts (created_at, id)", "DROP INDEX ix_test"]
    async with engine.connect() as asking, engine.connect() as changing:
        for change in changes:
            await changing.execute(text(change))
            await changing.commit()
            walks.append((await explain(asking, statement)).walks)
            await asking.rollback()
    assert walks == [{}, {"posts": "ix_test"}, {}]


async def test_an_alias_is_told_by_the_name_of_its_table(session: AsyncSession) -> None:
    other = aliased(Post)
    assert (await explain(session, select(other).where(other.title == "x"))).scans == ["posts"]
    plan = await explain(session, select(User).options(joinedload(User.posts)).where(User.id == 1))
    assert plan.searches.keys() == {"users", "posts"}


async def test_a_subquery_is_no_table(session: AsyncSession) -> None:
    titles = select(Post.title).distinct().limit(3).subquery()
    plan = await explain(session, select(func.count()).select_from(titles))
    assert plan.scans == ["posts"]


STATEMENTS = [
    select(Post).where(Post.id.in_([1, 2, 3])),
    select(Post).where(Post.id.in_([])),
    select(Post).where(Post.created_at > FIRST_POST_AT + timedelta(days=1)).limit(3).offset(2),
    select(Post).where(tuple_(Post.created_at, Post.id) < tuple_(datetime(2026, 2, 1, tzinfo=UTC), 9)),
    select(Post).where(or_(Post.author_id == 1, Post.title.like("%night%"), Post.published.is_(True))),
    select(User).where(User.email == "MIRA@example.org"),
    text("SELECT * FROM posts WHERE author_id = :author").bindparams(author=3),
    update(Post).where(Post.id == 1).values(title="new"),
    insert(Account).values(owner_id=1),
    insert(Tag).values([{"name": "one"}, {"name": "two"}]),
    delete(Tag).where(Tag.name == "maps"),
]


@pytest.mark.parametrize("analyze", [False, True])
@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: str(statement)[:40])
async def test_values_of_every_kind_are_taken_along(
    statement: Executable, analyze: bool, session: AsyncSession
) -> None:
    plan = await explain(session, statement, analyze=analyze)
    assert "The plan of" in repr(plan)
    assert await explain(session, statement, analyze=analyze) is not plan  # the transaction goes on


async def everything(session: AsyncSession) -> list[object]:
    tables = (Post, Tag, Account)
    return [
        (await session.execute(select(*table.__table__.columns).order_by(table.id))).all() for table in tables
    ]


@pytest.mark.parametrize(
    "change",
    [
        insert(Tag).values(name="new"),
        update(Post).values(title="gone"),
        delete(Post).where(Post.id < 9),
        text("DELETE FROM posts"),
    ],
    ids=str,
)
async def test_analyze_leaves_no_change(change: Executable, session: AsyncSession) -> None:
    await session.execute(insert(Tag).values(name="written before"))
    before = await everything(session)
    await explain(session, change, analyze=True)
    assert await everything(session) == before
    await session.commit()
    assert await everything(session) == before


async def test_analyze_counts_the_rows_of_each_step(session: AsyncSession) -> None:
    plan = await explain(session, select(Post).where(Post.title == "A quiet draw"), analyze=True)
    told = {
        "sqlite": "SQLite does not tell what a run does: this one did not run.",
        "postgresql": "scans all of posts (1 row; 23 read in vain)",
    }
    assert told[session.get_bind().dialect.name] in repr(plan)


async def test_a_change_does_not_count_the_rows_that_it_returns(session: AsyncSession) -> None:
    plan = await explain(session, update(Post).where(Post.id == 1).values(title="new"), analyze=True)
    assert "updates posts (" not in repr(plan)


async def test_analyze_tells_what_breaks_the_statement_and_the_transaction_goes_on(
    session: AsyncSession,
) -> None:
    if session.get_bind().dialect.name == "postgresql":
        with pytest.raises(IntegrityError):
            await explain(session, insert(Tag).values(name="maps"), analyze=True)
    assert await session.scalar(select(func.count()).select_from(Tag)) == 6


async def test_on_a_connection_it_is_the_same(engine: AsyncEngine, session: AsyncSession) -> None:
    statement = select(Post).where(Post.author_id == 3)
    async with engine.connect() as connection:
        assert repr(await explain(connection, statement)) == repr(await explain(session, statement))


async def test_what_waits_in_the_session_stays_there(session: AsyncSession) -> None:
    session.add(Tag(name="waiting"))
    await explain(session, select(Tag))
    assert len(session.new) == 1


async def test_only_the_question_is_sent(engine: AsyncEngine, session: AsyncSession) -> None:
    with watch(engine) as sent:
        await explain(session, select(Post).where(Post.author_id == 3))
    assert [statement.text.split()[0] for statement in sent] == ["EXPLAIN"]


async def test_the_shown_form_is_the_same_from_run_to_run(session: AsyncSession) -> None:
    statement = select(User.username, func.count()).join(User.posts).group_by(User.username)
    shown = [
        (repr(plan), plan._repr_html_())
        for plan in [await explain(session, statement, analyze=True) for _ in range(3)]
    ]
    assert shown[0] == shown[1] == shown[2]
    assert "cost" not in shown[0][0].lower()


async def test_the_page_and_the_text_say_the_same(session: AsyncSession) -> None:
    plan = await explain(session, select(Post).order_by(Post.title).limit(1))
    page, words = plan._repr_html_(), plan.frame()["words"]
    assert page.count("<li>") == len(words) > 1
    assert all(f"<li>{each}" in page and f"└─ {each}" in repr(plan) for each in words)


async def test_the_markdown_has_a_point_for_each_step_below_the_one_that_it_serves(
    session: AsyncSession,
) -> None:
    plan = await explain(session, select(Post).order_by(Post.title).limit(1))
    depths = [len(indent) // 2 for indent in re.findall(r"^( *)- ", plan._repr_markdown_(), re.MULTILINE)]
    assert depths == list(plan.frame()["depth"])
    assert plan._repr_markdown_().startswith(f"**The plan of {plan.database}**\n\n- ")


async def test_the_frame_has_the_words_of_the_database(session: AsyncSession) -> None:
    frame = (await explain(session, select(Post))).frame()
    assert list(frame.columns[:5]) == ["depth", "words", "kind", "table", "index"]
    assert {"detail", "Total Cost"} & set(frame.columns)


async def test_a_limit_that_sqlite_does_not_show_is_told(session: AsyncSession) -> None:
    plan = await explain(session, select(Post).limit(1))
    assert "LIMIT may end" in repr(plan) or "stops when it has enough rows" in repr(plan)
    assert "LIMIT" not in repr(await explain(session, select(Post)))


async def test_several_bitmaps_are_one_search(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await explain(session, select(Post).where(or_(Post.author_id == 1, Post.id == 2)))
        assert plan.searches == {"posts": "ix_posts_author_id, pk_posts"}
        assert "bitmap" not in repr(plan).lower()


BELOW = [
    select(func.count(Post.content)).where(Post.author_id == 1),
    select(Post).where(Post.author_id == 1).order_by(Post.title),
    select(Post).where(Post.author_id == 1).limit(2),
    select(Post.title, User.email).join(Post.author).where(Post.author_id == 1),
]


@pytest.mark.parametrize("statement", BELOW, ids=lambda statement: str(statement)[-40:])
async def test_no_step_is_dropped_wherever_the_bitmap_stands(
    statement: Executable, session: AsyncSession
) -> None:
    if session.get_bind().dialect.name == "postgresql":
        for way in ("seqscan", "indexscan"):
            await session.execute(text(f"SET LOCAL enable_{way} = off"))
    plan = await explain(session, statement)
    assert plan.searches["posts"] == "ix_posts_author_id"
    assert plan.scans == []


async def test_a_step_with_a_bitmap_keeps_the_other_steps_below_it(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            await session.execute(text(f"SET LOCAL enable_{way} = off"))
    newest = select(func.max(Tag.id)).scalar_subquery()
    plan = await explain(session, select(Post).where(Post.author_id == 1, Post.id > newest + Post.id))
    assert plan.searches["posts"] == "ix_posts_author_id"
    assert "tags" in {step.table for step in plan._of("walk") + plan._of("search") + plan._of("scan")}


async def test_a_search_costs_less_than_a_scan(session: AsyncSession) -> None:
    many = [{"title": "More", "content": "x" * 400, "author_id": 1 + n % 2} for n in range(2000)]
    await session.execute(insert(Post), many)
    await session.execute(text("ANALYZE"))
    scan = await cost(session, select(Post).where(Post.title == "A quiet draw"))
    search = await cost(session, select(Post).where(Post.id == 3))
    assert search < scan
    assert (search.unit, search.database) == (scan.unit, scan.database)


async def test_a_cost_is_the_same_each_time_and_shows_itself(session: AsyncSession) -> None:
    found = [await cost(session, select(Post).where(Post.id == 3)) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert repr(found[0]).endswith(("steps of SQLite", "blocks read by PostgreSQL"))
    assert repr(Cost(4321, "blocks read by", "PostgreSQL")) == "4,321 blocks read by PostgreSQL"


async def test_each_row_of_a_scan_costs_a_step_or_more(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "sqlite":
        few, many = [await cost(session, select(Post).limit(limit)) for limit in (4, 24)]
        assert many.amount - few.amount >= 20


async def test_counting_the_cost_leaves_no_change(session: AsyncSession) -> None:
    await session.execute(insert(Tag).values(name="written before"))
    before = await everything(session)
    assert (await cost(session, delete(Post).where(Post.id < 9))).amount > 0
    await session.commit()
    assert await everything(session) == before


async def test_after_counting_nothing_is_counted(engine: AsyncEngine, session: AsyncSession) -> None:
    with pytest.raises(DBAPIError, match="nowhere"):
        async with session.begin_nested():
            await cost(session, text("SELECT * FROM nowhere"))
    with watch(engine) as sent:
        await cost(session, select(Tag))
    assert "tags" in sent[-1].text
    assert await session.scalar(select(func.count()).select_from(Tag)) == 6


async def test_the_cost_of_what_is_no_statement_is_refused(session: AsyncSession) -> None:
    with pytest.raises(TypeError, match=r"cost\(\) takes a statement"):
        await cost(session, "SELECT 1")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["SELECT 1", Post, None, CreateTable(post_tags)])
async def test_what_is_no_statement_is_refused(wrong: Executable, session: AsyncSession) -> None:
    with pytest.raises(TypeError, match=r"explain\(\) takes a statement such as select\(Post\)"):
        await explain(session, wrong)


async def test_a_statement_that_the_database_refuses_tells_why(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError, match="nowhere"):
        await explain(session, text("SELECT * FROM nowhere"))
