"""One session per request, committed before the reply leaves: scope="function" ends it when the handler returns."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.services import PostService, TransferService, UserService
from course_lib.transactions import unit_of_work

READING = frozenset({"GET", "HEAD", "OPTIONS"})


async def get_db(request: Request) -> AsyncIterator[AsyncSession]:
    """A session that only reads for the methods that may only read; for the others a unit of work."""
    async with request.app.state.sessions() as session:
        if request.method in READING:
            yield session
        else:
            async with unit_of_work(session):
                yield session


Db = Annotated[AsyncSession, Depends(get_db, scope="function")]


async def get_user_service(session: Db) -> UserService:
    return UserService(session)


async def get_post_service(session: Db, request: Request) -> PostService:
    return PostService(session, feed=request.app.state.feed)


async def get_transfer_service(session: Db) -> TransferService:
    return TransferService(session)


Users = Annotated[UserService, Depends(get_user_service)]
Posts = Annotated[PostService, Depends(get_post_service)]
Transfers = Annotated[TransferService, Depends(get_transfer_service)]
