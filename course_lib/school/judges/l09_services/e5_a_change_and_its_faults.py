"""Exercise 09.5, A change and its faults: all faults are told at once, and what was not sent stays."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError, NotFound
from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l09_services.newcomers import (
    PASSWORD,
    TOO_SHORT,
    hash_awaited,
    new_name,
)
from course_lib.school.judges.registry import judge
from course_lib.school.stages.cheap_hashes import cheap_hashes
from course_lib.school.stages.returned_lists import shown
from course_lib.security import verify_password

NULLS = ["is_active", "username", "password"]


@judge("09.5")
async def what_was_sent_and_no_more(attempt: Attempt) -> None:
    with cheap_hashes():
        await _changes_and_faults(attempt, await attempt.key(attempt.chance.choice(("sam", "priya"))))


async def _changes_and_faults(attempt: Attempt, key: int) -> None:
    name = new_name(attempt)
    replies = [
        await _faulty(attempt, key, request, fields=fields, misconception=misconception)
        for request, fields, misconception in _faulty_requests(name)
    ]
    for came, got in replies:
        attempt.require(
            all(isinstance(text, str) and text for text in got.values()),
            "not a text",
            f"{came} A text for each faulty field was asked for.",
        )
    await _taken_back(attempt, key, {"username": name})
    await _saved(attempt, key, {"username": name})
    await _saved(attempt, key, {"password": PASSWORD, "is_active": True})
    await _saved(attempt, key, {"is_active": False})
    await _saved(attempt, key, {"email": f"{name}@example.net", "is_active": True})
    await _nobody(attempt, {"username": f"{name}3"})


def _faulty_requests(name: str) -> Iterator[tuple[dict[str, Any], list[str], str]]:
    """Each with its faulty fields, and what to call it when the first of them gets through."""
    yield {"username": name, "email": None}, ["email"], "null in a PATCH"
    yield {"username": name, "is_admin": True}, ["is_admin"], "mass assignment"
    yield {"username": name, "password": TOO_SHORT}, ["password"], "fault not named"
    yield {"username": name, "email": f"{name} at home"}, ["email"], "format not checked"
    yield {"password": PASSWORD, "email": None, "is_admin": True}, ["email", "is_admin"], "null in a PATCH"
    yield {"is_active": None, "username": None, "password": None}, NULLS, "null in a PATCH"
    yield {"username": f"{name} at home", "email": f"{name}@example.org"}, ["username"], "format not checked"
    yield {"is_active": "yes"}, ["is_active"], "type not checked"


async def _faulty(
    attempt: Attempt, key: int, request: Mapping[str, Any], *, fields: list[str], misconception: str
) -> tuple[str, Mapping[Any, Any]]:
    """What came of a faulty request, in words, and the faults that the function named."""
    async with attempt.sessions() as session:
        got, before, after = await _patch(attempt, session, key, request)
    ended = f", and raises {_cause(got)}." if isinstance(got, Exception) else f" and returned {shown(got)}."
    came = f"`{attempt.name}` was called with the request {request}{ended}"
    if isinstance(got, ValidationError | CourseError):
        raise attempt.not_yet("error let out", f"{came} A dict of faults was asked for.")
    _not_through(attempt, came, got, (before, after), field=fields[0], misconception=misconception)
    faults = _named(attempt, came, got, fields)
    attempt.require(before == after, "half of it kept", f"{came} The row was changed all the same.")
    attempt.require(
        TOO_SHORT not in repr(got) and PASSWORD not in repr(got),
        "password told",
        f"{came} Faults are shown and logged, and in the text for `password` stands what was typed.",
    )
    return came, faults


def _not_through(
    attempt: Attempt, came: str, got: object, rows: tuple[Any, Any], *, field: str, misconception: str
) -> None:
    """The value of the field did not get as far as the row."""
    before, after = rows
    attempt.require(
        not isinstance(got, Exception),
        misconception,
        f"{came} Before it came to that, `{field}` was to be refused.",
    )
    if isinstance(after, Exception):
        raise attempt.not_yet(
            misconception, f"{came} With the caller's next statement comes {_cause(after)}."
        )
    column = "hashed_password" if field == "password" else field
    attempt.require(
        before[column] == after[column],
        misconception,
        f"{came} `{column}` of the row is {after[column]!r} now.",
    )


def _named(attempt: Attempt, came: str, got: object, fields: list[str]) -> Mapping[Any, Any]:
    if not isinstance(got, Mapping):
        raise attempt.not_yet("not a dict", f"{came} A dict of faults was asked for.")
    faulty = " and ".join(f"`{field}`" for field in fields)
    attempt.require(got, "dropped without a word", f"{came} Faulty is {faulty}, and nobody is told.")
    attempt.require(not set(got) < set(fields), "one fault only", f"{came} Faulty are {faulty}.")
    attempt.require(set(got) == set(fields), "wrong fields named", f"{came} Faulty: {faulty}.")
    return got


def _cause(error: Exception) -> str:
    """The error in a line, without what SQLAlchemy and Pydantic add."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(error).__name__}: {str(cause).partition(chr(10))[0]}"


async def _patch(
    attempt: Attempt, session: AsyncSession, key: int, request: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """What the function gave, and the row before and after, as the caller's transaction sees it."""
    before = await _row(session, key)
    got = await attempt.call(
        session, key, dict(request), expected=(ValidationError, SQLAlchemyError, CourseError)
    )
    try:
        return got, before, before if isinstance(got, Exception) else await _row(session, key)
    except SQLAlchemyError as error:
        return got, before, error


async def _row(session: AsyncSession, key: int) -> dict[str, Any]:
    columns = (User.email, User.username, User.hashed_password, User.is_active, User.is_admin)
    row = (await session.execute(select(*columns).where(User.id == key))).one()
    return dict(row._mapping)


async def _taken_back(attempt: Attempt, key: int, request: Mapping[str, Any]) -> None:
    async with attempt.sessions() as session:
        _, before, _ = await _patch(attempt, session, key, request)
        await session.rollback()
        after = await _row(session, key)
    attempt.require(
        before == after,
        "commits for the caller",
        f"A caller called `{attempt.name}` with {request} and rolled back. The change stayed. Who opened the session?",
    )


async def _saved(attempt: Attempt, key: int, request: Mapping[str, Any]) -> None:
    called = f"`{attempt.name}` was called with the request {request}, in which all is well."
    others = (
        select(User.username, User.hashed_password, User.is_active).where(User.id != key).order_by(User.id)
    )
    those_before = await attempt.rows(others)
    async with attempt.sessions() as session:
        got, before, after = await _patch(attempt, session, key, request)
        failed = got if isinstance(got, IntegrityError) else after
        if isinstance(failed, Exception):
            raise attempt.not_yet("absent field emptied", f"{called} The database refused: {_cause(failed)}.")
        _no_faults(attempt, got, called)
        await session.commit()
        after = await _row(session, key)
    sent = {field: value for field, value in request.items() if field != "password"}
    stored = {field: value for field, value in after.items() if before[field] != value}
    stored.pop("hashed_password", None)
    attempt.require(
        stored == {field: value for field, value in sent.items() if before[field] != value},
        "not saved",
        f"{called} Then the caller committed. Of the row, this has changed: {stored or 'nothing'}.",
    )
    attempt.require(
        those_before == await attempt.rows(others),
        "others changed",
        f"{called} Other users were changed, too.",
    )
    await _password_kept(attempt, called, request.get("password"), before=before, after=after)


def _no_faults(attempt: Attempt, got: object, called: str) -> None:
    if isinstance(got, Exception):
        raise attempt.not_yet("good request refused", f"{called} It raises {_cause(got)}.")
    attempt.require(
        isinstance(got, Mapping),
        "not a dict",
        f"{called} It returned {shown(got)}; an empty dict was asked for.",
    )
    attempt.require(not got, "good request refused", f"{called} It returned {shown(got)}.")


async def _password_kept(
    attempt: Attempt,
    called: str,
    password: str | None,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """A new password has become its hash, and without one the hash is the old one."""
    old, new = before["hashed_password"], after["hashed_password"]
    if password is None:
        attempt.require(old == new, "wrong hash", f"{called} It holds no password, and the hash has changed.")
        return
    hash_awaited(attempt, new)
    attempt.require(
        new.startswith("$argon2") and await verify_password(password, new),
        "password not saved" if old == new else "wrong hash",
        f"{called} The column `hashed_password` holds {new[:20]!r} …, which is no hash of the new password.",
    )


async def _nobody(attempt: Attempt, request: Mapping[str, Any]) -> None:
    nobody = await attempt.scalar(select(func.max(User.id))) + 100
    async with attempt.sessions() as session:
        got = await attempt.call(session, nobody, dict(request), expected=(NotFound, SQLAlchemyError))
    attempt.require(
        isinstance(got, NotFound),
        "unknown id",
        f"No user has the id {nobody}. `{attempt.name}` gave {shown(got)}; NotFound was to be raised.",
    )
