"""The users table as SQLModel writes it; its metadata is its own."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from course_lib.db import OneSpelling, UtcDateTime, utc_now


class SqlModelUser(SQLModel, table=True):  # type: ignore[misc,call-arg]
    __tablename__ = "users"
    __mapper_args__: Any = {"eager_defaults": True}

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(sa_column=Column(OneSpelling(255), unique=True))
    username: str = Field(sa_column=Column(OneSpelling(50), unique=True))
    hashed_password: str
    is_active: bool = True
    is_admin: bool = False
    created_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, server_default=utc_now()))
    updated_at: datetime | None = Field(
        default=None, sa_column=Column(UtcDateTime, server_default=utc_now(), onupdate=utc_now())
    )
