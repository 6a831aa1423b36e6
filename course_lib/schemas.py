"""What comes in and what goes out, apart from the tables: unknown fields are refused,
and a hash has no way out."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, Secret

from course_lib.access import LOGIN_LASTS
from course_lib.db import one_spelling
from course_lib.models import MAX_ID
from course_lib.transactions import MAX_AMOUNT

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Username = Annotated[
    str,
    Field(max_length=50, pattern=r"^[A-Za-z0-9_.-]+$"),
    AfterValidator(one_spelling),
]
Email = Annotated[EmailStr, AfterValidator(one_spelling), Field(max_length=255)]
Password = Secret[Annotated[str, Field(min_length=8, max_length=128)]]
"""Eight letters are for practice: NIST SP 800-63B-4, section 3.1.1.2, asks for 15 where
a password is all there is."""


def _may_be_left_out() -> Any:
    """Optional is not nullable: null is refused, and no schema shows it, because a
    factory makes the default."""
    return Field(default_factory=lambda: None)


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Outgoing(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int


class UserCreate(Incoming):
    email: Email
    username: Username
    password: Password


class UserUpdate(Incoming):
    email: Email = _may_be_left_out()
    username: Username = _may_be_left_out()
    password: Password = _may_be_left_out()
    is_active: bool = _may_be_left_out()


class Login(Incoming):
    """No shortest length: what was once good enough as a password still logs in."""

    email: Email
    password: Secret[Annotated[str, Field(max_length=128)]]


class LoginResponse(BaseModel):
    """`expires_in` is in seconds, as in RFC 6749, section 5.1."""

    token: str
    expires_in: int = int(LOGIN_LASTS.total_seconds())


class UserResponse(Outgoing):
    email: str
    username: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class AuthorResponse(Outgoing):
    username: str


class TagResponse(Outgoing):
    name: str


class PostResponse(Outgoing):
    title: str
    content: str
    created_at: datetime
    author: AuthorResponse
    tags: list[TagResponse]


class TransferCreate(Incoming):
    """`amount` is in whole cents."""

    from_account_id: Id
    to_account_id: Id
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]


class TransferResponse(Outgoing):
    from_account_id: int
    to_account_id: int
    amount: int
    created_at: datetime


class Fault(BaseModel):
    """What is wrong with one part of a request: where, which kind, and in words; what
    was sent has no place here."""

    loc: list[str | int]
    type: str
    msg: str


class Problem(BaseModel):
    """The body of every reply that is no success; `faults` are those of a request that
    could not be understood."""

    detail: str
    faults: list[Fault] = []
