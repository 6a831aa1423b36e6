"""Exercise 04.4, A form from outside: a form changes the two fields that it may, as far as it has them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l04_repositories.callers_rows import MISHAPS, require_model, require_open
from course_lib.school.judges.registry import judge
from course_lib.school.stages.callers_work import callers_session
from course_lib.school.stages.races import without_patience
from course_lib.school.stages.returned_lists import shown

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NOT_FOR_VISITORS = {
    "is_admin": True,
    "is_active": True,
    "hashed_password": "open sesame",
    "id": 900_001,
    "created_at": LONG_AGO,
    "updated_at": LONG_AGO,
    "nickname": "the boss",
}
"""What a form may smuggle in; sam is neither an administrator nor active."""
REFUSALS = (*MISHAPS, ValueError, LookupError, PermissionError)
"""What a function may raise for a form that it does not like."""
FOR_NOBODY = (*REFUSALS, AttributeError, TypeError)
"""What a function may raise where there is no user."""


@judge("04.4")
async def only_what_the_form_may_say(attempt: Attempt) -> None:
    await without_patience(attempt)
    sam = await attempt.key("sam")
    outcomes = {field: await _smuggle(attempt, sam, field) for field in NOT_FOR_VISITORS}
    through = [field for field, outcome in outcomes.items() if outcome == "through"]
    told_fields = ", ".join(f"`{field}`" for field in through)
    attempt.require(
        "is_admin" not in through,
        "mass assignment",
        f"`{attempt.name}` let the form change {told_fields}. It may change `email` and `username`.",
    )
    attempt.require(
        not through,
        "deny list",
        f"`{attempt.name}` kept `is_admin` out, and let the form change {told_fields}. "
        "Whatever column comes next will be let through as well.",
    )
    unsaved = [outcome for outcome in outcomes.values() if "saved nothing" in outcome]
    _require_not_refused(attempt, [outcome for outcome in outcomes.values() if outcome not in unsaved])
    for form in ({"email": "new@example.net"}, {"username": "new"}, {}, _both_fields(attempt)):
        await _save_a_part(attempt, sam, form)
    _require_not_refused(attempt, unsaved)
    for form in ({}, {"nickname": "the boss"}):
        await _leave_alone(attempt, sam, form)
    await _save_for_nobody(attempt)


def _require_not_refused(attempt: Attempt, outcomes: list[str]) -> None:
    refused = next((outcome for outcome in outcomes if outcome), "")
    attempt.require(
        not refused, "form refused", f"{refused} The rest of the form was to be saved all the same."
    )


async def _smuggle(attempt: Attempt, key: int, field: str) -> str:
    """'' when the field was left out, 'through' when it reached the row, else what came of the form instead."""
    form = _both_fields(attempt) | {field: NOT_FOR_VISITORS[field]}
    [before] = await attempt.rows(_guarded_columns().where(User.id == key))
    async with callers_session(attempt) as session:
        user = await attempt.call(session, key, dict(form), expected=REFUSALS)
        if isinstance(user, REFUSALS):
            _require_one_row(attempt, user)
            return f"`{attempt.name}` was given a form with `{field}`, and raises {told(user)}."
        await require_open(attempt, session)
        after = await _seen(session, _guarded_columns().where(User.username == form["username"]))
    if not after:
        return f"`{attempt.name}` was given a form with `{field}`, and saved nothing of it."
    return "through" if after != [before] else ""


def _require_one_row(attempt: Attempt, error: Exception) -> None:
    """Nobody has the new address or the new name: whoever meets them writes them into a second row."""
    attempt.require(
        not isinstance(error, IntegrityError) or "UNIQUE" not in str(error),
        "WHERE missing",
        f"`{attempt.name}` was to change one user, and wrote the same into a second one: {told(error)}.",
    )


def _both_fields(attempt: Attempt) -> dict[str, Any]:
    name = f"sam{attempt.chance.randrange(100, 999)}"
    return {"email": f"{name}@example.net", "username": name}


def _guarded_columns() -> Any:
    """`updated_at` may move, but not to where the form wants it."""
    by_form = User.updated_at == LONG_AGO
    return select(User.id, User.is_admin, User.is_active, User.hashed_password, User.created_at, by_form)


async def _save_a_part(attempt: Attempt, key: int, form: dict[str, str]) -> None:
    columns = select(User.email, User.username).where(User.id == key)
    [before] = await attempt.rows(columns)
    wanted = tuple((before._asdict() | form).values())
    called = f"`{attempt.name}` was given the form {form}"
    async with attempt.sessions() as session:
        user = await attempt.call(session, key, dict(form), expected=(*MISHAPS, KeyError))
        attempt.require(
            attempt.sent or not form, "nothing sent", f"{called}. It sent no statement, so it saved nothing."
        )
        after: Any = user if isinstance(user, Exception) else await _seen(session, columns)
        _require_no_mishap(attempt, called, form, after)
        require_model(attempt, user, User)
        _require_saved(attempt, f"{called}, and", before=tuple(before), after=tuple(after[0]), wanted=wanted)
        seen = (user.email, user.username)
    attempt.require(seen == wanted, "stale object", f"{called}. The returned user shows {seen}.")
    attempt.sent_at_most(2, "too many statements", "At most a SELECT and an UPDATE.")


def _require_no_mishap(attempt: Attempt, called: str, form: dict[str, str], after: object) -> None:
    if isinstance(after, Exception):
        absent = "absent field demanded" if isinstance(after, KeyError) else "absent field emptied"
        raise attempt.not_yet(
            absent if form else "empty form",
            f"{called}, and raises {told(after)}. What a form does not have stays as it was.",
        )


def _require_saved(
    attempt: Attempt, called: str, *, before: tuple[Any, ...], after: tuple[Any, ...], wanted: tuple[Any, ...]
) -> None:
    told_rows = f"{called} the row holds {after}; {wanted} was asked for."
    lost = any(new != old == asked for old, new, asked in zip(before, after, wanted, strict=True))
    attempt.require(not lost, "absent field emptied", told_rows)
    attempt.require(after == wanted, "not saved", told_rows)


async def _leave_alone(attempt: Attempt, key: int, form: dict[str, str]) -> None:
    columns = select(*User.__table__.c).where(User.id == key)
    [before] = await attempt.rows(columns)
    async with attempt.sessions() as session:
        await attempt.call(session, key, dict(form))
        [after] = await _seen(session, columns)
    changed = [name for name, value in before._asdict().items() if after._mapping[name] != value]
    attempt.require(
        not changed,
        "change without a field",
        f"`{attempt.name}` was given the form {form}, which has neither of the fields. It sent an UPDATE all the "
        f"same, and that moves `{', '.join(changed)}`.",
    )


async def _save_for_nobody(attempt: Attempt) -> None:
    nobody = await attempt.scalar(select(func.max(User.id))) + 1
    async with callers_session(attempt) as session:
        user = await attempt.call(session, nobody, _both_fields(attempt), expected=FOR_NOBODY)
        if user is None:
            await require_open(attempt, session)
    did = f"raises {told(user)}" if isinstance(user, Exception) else f"returned {shown(user)}"
    attempt.require(
        user is None,
        "unknown id",
        f"No user has the id {nobody}. Asked to change it, `{attempt.name}` {did}; None was asked for, and no error.",
    )


async def _seen(session: AsyncSession, statement: Any) -> Any:
    """The rows as the caller's transaction sees them, or the error of what the function left to be sent."""
    try:
        return list((await session.execute(statement)).all())
    except SQLAlchemyError as error:
        return error
