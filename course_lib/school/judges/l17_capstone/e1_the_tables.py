"""Milestone 17.1, The tables: up, down and up again, and the database refuses what must never be there."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from course_lib.db import Base
from course_lib.lab.migrating import AsyncMigration, engine_for_migrations, run_migration
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import check_call
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.unchanged import picture

NAMES = ("Show", "Seat", "Booking", "Payment", "Mail")
TABLES = ("shows", "seats", "bookings", "payments", "mails")
THEN = "'2027-01-08 19:30:00.000000'"
GOOD = (
    f"shows (id, starts_at, title) VALUES (1, {THEN}, 'Hamlet'), (2, {THEN}, NULL), (3, {THEN}, 'Hamlet')",
    "seats (id, show_id, \"row\", number, cents) VALUES (1, 1, 'A', 1, 2000), (2, 1, 'A', 2, 900), "
    "(3, 1, 'B', 1, 900), (4, 2, 'A', 1, 2000)",
    f"bookings (id, seat_id, who, held_until) VALUES (1, 1, 'ana', {THEN}), (2, 2, 'ana', {THEN}), "
    f"(3, 3, 'bo', {THEN})",
    "payments (id, booking_id, key, cents) VALUES (1, 1, 'first', 2000), (2, 2, 'second', 900)",
    "mails (id, payment_id, key, recipient) VALUES (1, 1, 'first', 'ana')",
)
SEAT, BOOKING = 'seats (id, show_id, "row", number, cents)', "bookings (id, seat_id, who, held_until)"
PAYMENT, MAIL = "payments (id, booking_id, key, cents)", "mails (id, payment_id, key, recipient)"
MUST_NOT = (
    ("two bookings, one seat", f"{BOOKING} VALUES (9, 1, 'eve', {THEN})"),
    ("a seat of no show", f"{SEAT} VALUES (9, 77, 'A', 1, 2000)"),
    ("holds without an end", f"{BOOKING} VALUES (9, 4, 'eve', NULL)"),
    ("one place twice", f"{SEAT} VALUES (9, 1, 'A', 1, 2000)"),
    ("no rule for numbers", f"{SEAT} VALUES (9, 1, 'C', 0, 2000)"),
    ("no rule for numbers", f"{SEAT} VALUES (9, 1, 'C', 1, 0)"),
    ("no rule for numbers", f"{PAYMENT} VALUES (9, 3, 'third', 0)"),
    ("two payments, one booking", f"{PAYMENT} VALUES (9, 1, 'third', 2000)"),
    ("two payments, one key", f"{PAYMENT} VALUES (9, 3, 'first', 2000)"),
    ("two mails, one payment", f"{MAIL} VALUES (9, 1, 'third', 'ana')"),
    ("two mails, one key", f"{MAIL} VALUES (9, 2, 'first', 'ana')"),
    ("foreign key missing", f"{BOOKING} VALUES (9, 77, 'eve', {THEN})"),
    ("foreign key missing", f"{PAYMENT} VALUES (9, 77, 'third', 2000)"),
    ("foreign key missing", f"{MAIL} VALUES (9, 77, 'third', 'ana')"),
    ("NULL allowed", "shows (id, starts_at, title) VALUES (9, NULL, 'Hamlet')"),
    ("NULL allowed", f"{SEAT} VALUES (9, NULL, 'C', 1, 2000)"),
    ("NULL allowed", f"{SEAT} VALUES (9, 1, NULL, 1, 2000)"),
    ("NULL allowed", f"{SEAT} VALUES (9, 1, 'C', NULL, 2000)"),
    ("NULL allowed", f"{SEAT} VALUES (9, 1, 'C', 1, NULL)"),
    ("NULL allowed", f"{BOOKING} VALUES (9, NULL, 'eve', {THEN})"),
    ("NULL allowed", f"{BOOKING} VALUES (9, 4, NULL, {THEN})"),
    ("NULL allowed", f"{PAYMENT} VALUES (9, NULL, 'third', 2000)"),
    ("NULL allowed", f"{PAYMENT} VALUES (9, 3, NULL, 2000)"),
    ("NULL allowed", f"{PAYMENT} VALUES (9, 3, 'third', NULL)"),
    ("NULL allowed", f"{MAIL} VALUES (9, NULL, 'third', 'ana')"),
    ("NULL allowed", f"{MAIL} VALUES (9, 2, NULL, 'ana')"),
    ("NULL allowed", f"{MAIL} VALUES (9, 2, 'third', NULL)"),
)
"""A misconception, and the row of it that the database must refuse."""


@judge("17.1", on=BOTH)
async def up_down_and_up(attempt: Attempt) -> None:
    class Theatre(DeclarativeBase):
        metadata = MetaData(naming_convention=Base.metadata.naming_convention)

    models, upgrade, downgrade = _parts(attempt, Theatre, await attempt.call(Theatre))
    before = await picture(attempt)
    await _run(attempt, upgrade, Theatre.metadata)
    await _filled(attempt, "After `upgrade`")
    await _refuses(attempt)
    await _agree(attempt, Theatre.metadata)
    await _read(attempt, models)
    await _run(attempt, downgrade, Theatre.metadata)
    left = [name for name in TABLES if await _is_there(attempt, name)]
    attempt.require(
        not left, "downgrade leaves tables", f"After `downgrade` there still are {', '.join(left)}."
    )
    await _run(attempt, upgrade, Theatre.metadata)
    await _filled(attempt, "Up, down, and up again")
    await _run(attempt, downgrade, Theatre.metadata)
    after = await picture(attempt)
    attempt.require(
        after == before,
        "other tables changed",
        "Up and down, and the tables that were there before are not as they were.",
    )


def _parts(attempt: Attempt, base: type[DeclarativeBase], got: Any) -> tuple[list[Any], Any, Any]:
    asked = f"`{attempt.name}` is to return [{', '.join(NAMES)}], upgrade, downgrade"
    attempt.require(got is not None, "nothing returned", f"{asked}. It returned None.")
    parts = list(got) if isinstance(got, tuple | list) else []
    models = list(parts[0]) if len(parts) == 3 and isinstance(parts[0], tuple | list) else []
    attempt.require(
        [getattr(each, "__name__", "") for each in models] == list(NAMES) and all(map(callable, parts[1:])),
        "not the parts that were asked for",
        f"{asked}. It returned {got!r:.100}.",
    )
    tables = [getattr(each, "__tablename__", None) for each in models if issubclass(each, base)]
    attempt.require(
        tables == list(TABLES),
        "not the parts that were asked for",
        f"The models on `base` have the tables {tables}; {', '.join(TABLES)} were asked for.",
    )
    return models, parts[1], parts[2]


async def _run(attempt: Attempt, step: Callable[[Any], object], metadata: MetaData) -> None:
    check_call(step, ("op",))
    try:
        async with attempt.running(step), engine_for_migrations(attempt.engine) as own:
            await run_migration(own, step, metadata=metadata)
    except AsyncMigration as error:
        raise attempt.not_yet("an async migration", str(error)) from None
    finally:
        await attempt.engine.dispose()  # a connection to PostgreSQL keeps plans for the tables as they were


async def _filled(attempt: Attempt, when: str) -> None:
    for row in GOOD:
        error = await _refused(attempt, row)
        attempt.require(
            error is None,
            "a right row refused",
            f"{when}, `INSERT INTO {row:.110}` … is refused: {error and told(error)}",
        )


async def _refuses(attempt: Attempt) -> None:
    for name, row in MUST_NOT:
        attempt.require(
            await _refused(attempt, row, keep=False),
            name,
            f"`INSERT INTO {row}` was taken. Whatever a program forgets, the database is to refuse this row.",
        )


async def _refused(attempt: Attempt, row: str, *, keep: bool = True) -> DBAPIError | None:
    try:
        async with attempt.engine.connect() as connection:
            await connection.execute(text(f"INSERT INTO {row}"))
            if keep:
                await connection.commit()
    except DBAPIError as error:
        return error
    return None


async def _agree(attempt: Attempt, metadata: MetaData) -> None:
    """Alembic's own comparison, as `alembic check` makes it."""
    async with attempt.engine.connect() as connection:
        found = await connection.run_sync(_differences, metadata)
    attempt.require(
        not found,
        "models and migration differ",
        f"`upgrade` has run, and Alembic still finds {len(found)} difference(s) between models and tables: "
        f"{', '.join(found)}.",
    )


def _differences(connection: Connection, metadata: MetaData) -> list[str]:
    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "table" or name in TABLES

    options = {"include_name": ours, "compare_type": False}
    found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return [_in_words(each) for each in found]


def _in_words(difference: Any) -> str:
    if isinstance(difference, list):  # changes of one column
        difference = difference[0]
    name, *parts = difference
    names = [getattr(part, "name", part) for part in parts if isinstance(getattr(part, "name", part), str)]
    return f"{name} {' '.join(names)}".strip()


async def _read(attempt: Attempt, models: Sequence[Any]) -> None:
    """The models give what lies in the tables, and times that know their zone."""
    async with attempt.running(), attempt.sessions() as session:
        rows: list[Any] = [
            (await session.scalars(select(model).order_by(model.id))).first() for model in models
        ]
        moments = {"Show.starts_at": rows[0].starts_at, "Booking.held_until": rows[2].held_until}
        moments |= {"Payment.paid_at": rows[3].paid_at}
    await _written(attempt, models[3])
    naive = [name for name, moment in moments.items() if getattr(moment, "tzinfo", None) is None]
    attempt.require(
        not naive,
        "times without a zone",
        f"{', '.join(naive)} come back as times without a zone, or not at all. `UtcDateTime` of course_lib.db keeps "
        "it, and `utc_now()` is its clock.",
    )
    await _elsewhere(attempt, models[2])


async def _elsewhere(attempt: Attempt, booking: Any) -> None:
    """A column without a zone keeps the local time of whoever wrote, and nobody knows any more which one that was."""
    if attempt.database == "sqlite":
        return
    until = datetime(2027, 1, 8, 19, 30, tzinfo=UTC)
    async with attempt.sessions() as session:
        await session.execute(text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        session.add(booking(id=77, seat_id=4, who="eve", held_until=until))
        await session.flush()
        read = await session.scalar(select(booking.held_until).where(booking.id == 77))
    attempt.require(
        read == until,
        "times without a zone",
        f"A session in Tokyo wrote the `held_until` {until}, and reads {read}. A column of the revision knows its zone "
        "as `DateTime(timezone=True)`.",
    )


async def _written(attempt: Attempt, payment: Any) -> None:
    """A program names no time of a payment: the model has to leave it to the database."""
    try:
        async with attempt.sessions() as session:
            session.add(payment(id=77, booking_id=3, key="third", cents=900))
            await session.flush()
    except DBAPIError as error:
        raise attempt.not_yet(
            "default not in the model",
            f"A Payment with booking_id, key and cents was added, and refused: {told(error)}. The model does not know "
            "that the database gives `paid_at`.",
        ) from None


async def _is_there(attempt: Attempt, table: str) -> bool:
    try:
        await attempt.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608  a name of ours
    except DBAPIError:
        return False
    return True
