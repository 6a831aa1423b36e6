"""Exercise 09.2, What a change may say: a change says what it may, and null is refused."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from course_lib.models import User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l09_services.newcomers import new_name
from course_lib.school.judges.registry import judge


@judge("09.2")
async def what_a_change_may_say(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    schema = attempt.program(
        [*attempt.blocks[letter].splitlines(), "return Change"],
        first="def schema():",
        names={"BaseModel": BaseModel, "ConfigDict": ConfigDict, "Field": Field},
    )()
    key, name = await attempt.key("sam"), new_name(attempt)
    await _change(attempt, key, schema, {"username": name}, f"Option {letter}")
    with_null = await _change(attempt, key, schema, {"email": None}, f"Option {letter}")
    attempt.require(
        with_null == "refused",
        "null in a PATCH",
        f"Option {letter} takes {{'email': None}}, and the dump hands the null on. {with_null}",
    )
    await _change(attempt, key, schema, {"username": f"{name}2", "is_admin": True}, f"Option {letter}")
    attempt.require(
        not await attempt.scalar(select(User.is_admin).where(User.id == key)),
        "mass assignment",
        f"Somebody sent `is_admin: true` along. With option {letter} the row says so now.",
    )


async def _change(attempt: Attempt, key: int, schema: Any, request: Mapping[str, object], option: str) -> str:
    """As the usual service does it: 'refused', or what came of it."""
    try:
        wanted = schema(**request)
    except ValidationError as error:
        attempt.require(len(request) > 1 or None in request.values(), "change refused", f"{option}: {error}")
        return "refused"
    async with attempt.sessions() as session:
        user = await session.get_one(User, key)
        for field, value in wanted.model_dump(exclude_unset=True).items():
            setattr(user, field, value)
        try:
            await session.commit()
        except IntegrityError as error:
            return f"Only the database stops it: {told(error)}."
    return "The row was changed."
