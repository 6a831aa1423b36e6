"""Other people's libraries, each on the course's own tables; None where the group `figures` is not installed.

They are called as their manuals say, with the settings that ask for as little as ours do: no commit, no second read."""

from contextlib import suppress
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.models import Post, User

advanced_alchemy: Any = None
advanced_alchemy_posts: Any = None
fastcrud: Any = None
sqlmodel: Any = None
sqlmodel_user: Any = None
sqlakeyset: Any = None
fastapi_pagination: Any = None
limit_offset: Any = None

with suppress(ImportError):
    from advanced_alchemy.repository import SQLAlchemyAsyncRepository

    class AlchemyUsers(SQLAlchemyAsyncRepository[User]):  # type: ignore[misc]
        model_type = User

    class AlchemyPosts(SQLAlchemyAsyncRepository[Post]):  # type: ignore[misc]
        model_type = Post

    advanced_alchemy, advanced_alchemy_posts = AlchemyUsers, AlchemyPosts

with suppress(ImportError):
    from fastcrud import FastCRUD

    fastcrud = FastCRUD

with suppress(ImportError):
    import sqlmodel as installed_sqlmodel

    from benchmarks.sqlmodel_user import SqlModelUser

    sqlmodel, sqlmodel_user = installed_sqlmodel, SqlModelUser

with suppress(ImportError):
    from sqlakeyset.asyncio import select_page

    sqlakeyset = select_page

with suppress(ImportError):
    from advanced_alchemy.filters import LimitOffset

    limit_offset = LimitOffset

with suppress(ImportError):
    from sqlakeyset import serialize_bookmark

    def bookmark(place: tuple[Any, ...]) -> str:
        return str(serialize_bookmark((place, False)))


with suppress(ImportError):
    from fastapi_pagination import Page, Params
    from fastapi_pagination.api import set_page
    from fastapi_pagination.cursor import CursorPage, CursorParams, encode_cursor
    from fastapi_pagination.ext.sqlalchemy import apaginate

    fastapi_pagination = apaginate

    async def pages_by_number(session: AsyncSession, statement: Any, page: int, size: int) -> Any:
        with set_page(Page[Any]):
            return await apaginate(session, statement, Params(page=page, size=size))

    async def pages_by_cursor(session: AsyncSession, statement: Any, after: str | None, size: int) -> Any:
        with set_page(CursorPage[Any]):
            return await apaginate(session, statement, CursorParams(cursor=encode_cursor(after), size=size))


NAMES = {
    "Advanced Alchemy": advanced_alchemy,
    "FastCRUD": fastcrud,
    "SQLModel": sqlmodel,
    "sqlakeyset": sqlakeyset,
    "fastapi-pagination": fastapi_pagination,
}


class UserFields(BaseModel):
    """FastCRUD takes schemas of pydantic."""

    email: str
    username: str
    hashed_password: str


def absent(*names: str) -> dict[str, str]:
    """Why these are not measured, where they are not installed."""
    return {name: "not installed: see `make bench`" for name in names if NAMES[name] is None}
