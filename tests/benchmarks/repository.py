"""The methods of a repository, each beside the lines that it saves, on the eight sample people and what is added."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count as numbers
from typing import Any

from sqlalchemy import exists as sql_exists
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks import drivers, peers
from benchmarks.cases import Place, Way, Ways, case
from course_lib.db import WRITE_LOCK_FIRST
from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import User
from course_lib.repositories import UserRepository

KNOWN, NAME = 3, "mira@example.org"
new = numbers()

Work = Callable[..., Awaitable[object]]


def fields() -> dict[str, Any]:
    """Of a user whom nobody has seen."""
    number = next(new)
    return {
        "email": f"new{number}@example.org",
        "username": f"new{number}",
        "hashed_password": PASSWORD_HASH,
    }


SAME = "it offers nothing for this, so that it costs what it costs by hand"


def ways(place: Place, around: Any = None, driver: Way | None = None, **works: Work) -> Ways:
    """A session for each sample, and the driver's own way, which has none."""
    names = {
        "ours": "course_lib",
        "by_hand": "by hand",
        "alchemy": "Advanced Alchemy",
        "fastcrud": "FastCRUD",
        "sqlmodel": "SQLModel",
    }
    told = {names[name]: work for name, work in works.items()}
    offers_none = {name: SAME for name in names.values() if name not in told}
    missing = offers_none | peers.absent(*(name for name in told if name in peers.NAMES))
    found = {name: Way(work, around or place.session) for name, work in told.items() if name not in missing}
    return Ways(found | ({drivers.NAME: driver} if driver else {}), missing=missing)


CREATE = (
    "INSERT INTO users (email, username, hashed_password, created_at, updated_at) VALUES"
    " (?, ?, ?, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP) RETURNING *"
)
UPDATE = "UPDATE users SET hashed_password = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ? RETURNING *"


async def _driver_of(session: AsyncSession) -> Any:
    """In the transaction of this session."""
    connection = await session.connection()
    return (await connection.get_raw_connection()).driver_connection


def _writes(place: Place, statement: str, values: Callable[[], Sequence[object]]) -> Way:
    """The driver's own way to write a row that it reads back, in one transaction for a sample."""
    if place.database == "postgres":
        pieces = statement.split("?")
        marked = (f"{piece}${number}" for number, piece in enumerate(pieces[:-1], 1))
        statement = "".join(marked) + pieces[-1]

    @asynccontextmanager
    async def around(calls: int) -> AsyncIterator[Sequence[tuple[Any]]]:
        async with place.session(calls) as sessions:
            yield [(await _driver_of(sessions[0][0]),)] * calls

    async def run(driver: Any) -> None:
        assert await drivers.ask(driver, statement, values())

    return Way(run, around)


@case("repository", "get")
async def get(place: Place) -> AsyncIterator[Ways]:
    """By key, in a session that holds nothing."""

    async def ours(session: AsyncSession) -> None:
        session.expunge_all()
        assert await UserRepository(session).get(KNOWN)

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        assert await session.get(User, KNOWN)

    async def alchemy(session: AsyncSession) -> None:
        session.expunge_all()
        assert await peers.advanced_alchemy(session=session).get(KNOWN)

    async def fastcrud(session: AsyncSession) -> None:
        session.expunge_all()
        assert await peers.fastcrud(User).get(session, id=KNOWN)

    async def sqlmodel(session: AsyncSession) -> None:
        session.expunge_all()
        assert await session.get(peers.sqlmodel_user, KNOWN)

    yield ways(
        place,
        driver=drivers.straight(place, select(User).where(User.id == KNOWN)),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
        sqlmodel=sqlmodel,
    )


@case("repository", "get, loaded before")
async def get_loaded(place: Place) -> AsyncIterator[Ways]:
    """By key, where the session holds the object: no statement."""

    @asynccontextmanager
    async def loaded(calls: int) -> AsyncIterator[Sequence[tuple[AsyncSession]]]:
        async with place.session(calls) as arguments:
            kept = await arguments[0][0].get(User, KNOWN)
            yield arguments
            assert kept

    async def ours(session: AsyncSession) -> None:
        await UserRepository(session).get(KNOWN)

    async def by_hand(session: AsyncSession) -> None:
        await session.get(User, KNOWN)

    async def alchemy(session: AsyncSession) -> None:
        await peers.advanced_alchemy(session=session).get(KNOWN)

    async def fastcrud(session: AsyncSession) -> None:
        await peers.fastcrud(User).get(session, id=KNOWN)

    yield ways(place, loaded, ours=ours, by_hand=by_hand, alchemy=alchemy, fastcrud=fastcrud)


@case("repository", "get_by_email")
async def get_by_email(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        assert await UserRepository(session).get_by_email(NAME)

    async def by_hand(session: AsyncSession) -> None:
        assert await session.scalar(select(User).where(User.email == NAME))

    async def alchemy(session: AsyncSession) -> None:
        assert await peers.advanced_alchemy(session=session).get_one_or_none(email=NAME)

    async def fastcrud(session: AsyncSession) -> None:
        assert await peers.fastcrud(User).get(session, email=NAME)

    async def sqlmodel(session: AsyncSession) -> None:
        row = peers.sqlmodel_user
        assert await session.scalar(peers.sqlmodel.select(row).where(row.email == NAME))

    raw = drivers.straight(place, select(User).where(User.email == NAME))
    yield ways(
        place, driver=raw, ours=ours, by_hand=by_hand, alchemy=alchemy, fastcrud=fastcrud, sqlmodel=sqlmodel
    )


@case("repository", "create")
async def create(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        assert (await UserRepository(session).create(fields())).id

    async def by_hand(session: AsyncSession) -> None:
        user = User(**fields())
        session.add(user)
        await session.flush()
        assert user.id

    async def alchemy(session: AsyncSession) -> None:
        assert (await peers.advanced_alchemy(session=session).add(User(**fields()))).id

    async def fastcrud(session: AsyncSession) -> None:
        await peers.fastcrud(User).create(session, peers.UserFields(**fields()), commit=False)
        await session.flush()  # it leaves that to its commit

    async def sqlmodel(session: AsyncSession) -> None:
        user = peers.sqlmodel_user(**fields())
        session.add(user)
        await session.flush()
        assert user.id

    yield ways(
        place,
        driver=_writes(place, CREATE, lambda: (*fields().values(),)),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
        sqlmodel=sqlmodel,
    )


@case("repository", "update")
async def update(place: Place) -> AsyncIterator[Ways]:
    """One field of a row that the session does not hold, to a value that it does not have."""

    def password() -> str:
        return f"hash {next(new)}"

    async def ours(session: AsyncSession) -> None:
        session.expunge_all()
        assert await UserRepository(session).update(KNOWN, {"hashed_password": password()})

    async def by_hand(session: AsyncSession) -> None:
        session.expunge_all()
        user = await session.get_one(User, KNOWN)
        user.hashed_password = password()
        await session.flush()

    async def alchemy(session: AsyncSession) -> None:
        session.expunge_all()
        changed = User(id=KNOWN, hashed_password=password())
        await peers.advanced_alchemy(session=session).update(changed, attribute_names=["hashed_password"])

    async def fastcrud(session: AsyncSession) -> None:
        session.expunge_all()
        change = {"hashed_password": password()}
        await peers.fastcrud(User).update(session, change, commit=False, id=KNOWN)

    async def sqlmodel(session: AsyncSession) -> None:
        session.expunge_all()
        user = await session.get_one(peers.sqlmodel_user, KNOWN)
        user.hashed_password = password()
        await session.flush()

    yield ways(
        place,
        driver=_writes(place, UPDATE, lambda: (password(), KNOWN)),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
        sqlmodel=sqlmodel,
    )


@case("repository", "delete")
async def delete(place: Place) -> AsyncIterator[Ways]:
    """A row that the session does not hold; each call has one of its own."""

    @asynccontextmanager
    async def with_rows(calls: int) -> AsyncIterator[Sequence[tuple[AsyncSession, int]]]:
        async with place.sessions(execution_options=WRITE_LOCK_FIRST) as session, session.begin():
            rows = await session.scalars(insert(User).returning(User.id), [fields() for _ in range(calls)])
            yield [(session, key) for key in rows.all()]

    async def ours(session: AsyncSession, key: int) -> None:
        assert await UserRepository(session).delete(key)

    async def by_hand(session: AsyncSession, key: int) -> None:
        await session.delete(await session.get_one(User, key))
        await session.flush()

    async def alchemy(session: AsyncSession, key: int) -> None:
        await peers.advanced_alchemy(session=session).delete(key)

    async def fastcrud(session: AsyncSession, key: int) -> None:
        await peers.fastcrud(User).delete(session, commit=False, id=key)
        await session.flush()

    async def sqlmodel(session: AsyncSession, key: int) -> None:
        await session.delete(await session.get_one(peers.sqlmodel_user, key))
        await session.flush()

    @asynccontextmanager
    async def keys_alone(calls: int) -> AsyncIterator[Sequence[tuple[Any, int]]]:
        async with with_rows(calls) as rows:
            yield [(await _driver_of(session), key) for session, key in rows]

    async def raw(driver: Any, key: int) -> None:
        mark = "?" if place.database == "sqlite" else "$1"
        assert await drivers.ask(driver, f"DELETE FROM users WHERE id = {mark} RETURNING id", [key])

    around: Callable[[int], AbstractAsyncContextManager[Any]] = with_rows
    yield ways(
        place,
        around,
        driver=Way(raw, keys_alone),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
        sqlmodel=sqlmodel,
    )


@case("repository", "exists")
async def exists(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        assert await UserRepository(session).exists(select(User).where(User.email == NAME))

    async def by_hand(session: AsyncSession) -> None:
        assert await session.scalar(select(sql_exists(select(User).where(User.email == NAME))))

    async def alchemy(session: AsyncSession) -> None:
        assert await peers.advanced_alchemy(session=session).exists(email=NAME)

    async def fastcrud(session: AsyncSession) -> None:
        assert await peers.fastcrud(User).exists(session, email=NAME)

    asked = select(sql_exists(select(User).where(User.email == NAME)))
    yield ways(
        place,
        driver=drivers.straight(place, asked),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
    )


@case("repository", "count")
async def count(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        assert await UserRepository(session).count() == 8

    async def by_hand(session: AsyncSession) -> None:
        assert await session.scalar(select(func.count()).select_from(User)) == 8

    async def alchemy(session: AsyncSession) -> None:
        assert await peers.advanced_alchemy(session=session).count() == 8

    async def fastcrud(session: AsyncSession) -> None:
        assert await peers.fastcrud(User).count(session) == 8

    counted = select(func.count()).select_from(User)
    yield ways(
        place,
        driver=drivers.straight(place, counted),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
    )


@case("repository", "count, filtered")
async def count_filtered(place: Place) -> AsyncIterator[Ways]:
    async def ours(session: AsyncSession) -> None:
        assert await UserRepository(session).count(select(User).where(User.is_active)) == 7

    async def by_hand(session: AsyncSession) -> None:
        assert await session.scalar(select(func.count()).select_from(User).where(User.is_active)) == 7

    async def alchemy(session: AsyncSession) -> None:
        assert await peers.advanced_alchemy(session=session).count(is_active=True) == 7

    async def fastcrud(session: AsyncSession) -> None:
        assert await peers.fastcrud(User).count(session, is_active=True) == 7

    counted = select(func.count()).select_from(User).where(User.is_active)
    yield ways(
        place,
        driver=drivers.straight(place, counted),
        ours=ours,
        by_hand=by_hand,
        alchemy=alchemy,
        fastcrud=fastcrud,
    )
