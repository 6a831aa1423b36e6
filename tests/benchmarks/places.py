"""The databases of the cases: SQLite files in WAL, and databases of the kit's own PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.cases import Place
from course_lib.db import Base, UtcDateTime, create_engine
from course_lib.lab import postgres
from course_lib.lab.databases import fresh_url
from course_lib.lab.people import add_people
from course_lib.lab.posts import add_posts


class NotesBase(DeclarativeBase):
    """Of its own: the course's tables stay as they are."""


class Note(NotesBase):
    """What posts have not: a key to sort by that may be NULL (one in five is), and two for mixed directions, of
    which ten rows share a score, and one in a hundred a rank."""

    __tablename__ = "notes"
    __table_args__ = (
        Index("ix_notes_read", "read_at", "id"),
        Index("ix_notes_mixed", "score", text("written_at DESC"), "id"),
        Index("ix_notes_ranks", "rank", text("written_at DESC"), "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    score: Mapped[int]
    rank: Mapped[int]
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


FILL = text(
    "INSERT INTO notes (id, title, score, rank, written_at, read_at)"
    " SELECT id, title, id % (SELECT count(*) / 10 FROM posts), id % 100, created_at,"
    " CASE WHEN id % 5 = 0 THEN NULL ELSE created_at END FROM posts"
)

TAGGED = text(
    "INSERT INTO post_tags (post_id, tag_id) SELECT posts.id, tags.id FROM posts JOIN tags"
    " ON (posts.id + tags.id) % 3 = 0 WHERE posts.id > 24 AND posts.id <= 10000"
)
"""Two tags for each of the first posts that have none."""


class Places:
    """Databases with many rows are made when first asked for, and shared; all others are a case's own."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._shared: dict[tuple[str, int], Place] = {}

    async def __aenter__(self) -> "Places":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._shared.clear()
        await self._stack.aclose()

    @asynccontextmanager
    async def place(self, database: str, rows: int) -> AsyncIterator[Place]:
        if database == "none":
            yield Place(database)
        elif not rows:
            async with _own(database) as engine:
                yield Place(database, _engine=engine)
        else:
            if (database, rows) not in self._shared:
                engine = await self._stack.enter_async_context(_own(database))
                self._shared[database, rows] = await _with_posts(database, rows, engine)
            yield self._shared[database, rows]


@asynccontextmanager
async def _own(database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the course's tables with its sample people, in a database that vanishes."""
    server = postgres.shared() if database == "postgres" else None
    url = server.create_database() if server else fresh_url("sqlite")
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await add_people(connection)
    yield engine
    await engine.dispose()
    if server:
        server.drop_database(str(url.database))


async def _with_posts(database: str, rows: int, engine: AsyncEngine) -> Place:
    await add_posts(engine, count=rows)
    async with engine.begin() as connection:
        await connection.run_sync(NotesBase.metadata.create_all)
        await connection.execute(FILL)
        await connection.execute(TAGGED)
    vacuum = "VACUUM (ANALYZE) notes" if database == "postgres" else "ANALYZE"
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(vacuum))
    return Place(database, rows, engine)
