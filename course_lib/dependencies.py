"""Who asks, and one session per request, committed before the reply leaves:
scope="function" ends it when the handler returns."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.access import user_of
from course_lib.db import READ_ONLY
from course_lib.models import User
from course_lib.services import PostService, TransferService, UserService
from course_lib.transactions import retry, unit_of_work

READING = {"GET", "HEAD", "OPTIONS"}


class RunAgain(APIRoute):
    """Runs a request again, from its first line and in a new session, while another
    transaction is in its way.

    Nothing of it has been sent: the reply leaves when its session is committed. Raises
    Conflict in the end."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_again(request: Request) -> Response:
            async def once() -> Response:
                # Those of scope="function" end with it.
                async with AsyncExitStack() as dependencies:
                    request.scope["fastapi_function_astack"] = dependencies
                    return await handle(request)

            return await retry(once)

        return handle_again


async def get_db(request: Request) -> AsyncIterator[AsyncSession]:
    """A session that cannot write for the methods that only read, from the factory
    `app.state.readers` where there is one, perhaps of a standby; for the others a unit
    of work."""
    state = request.app.state
    reads = request.method in READING
    async with (
        getattr(state, "readers", state.sessions)(execution_options=READ_ONLY)
        if reads
        else unit_of_work(state.sessions) as session
    ):
        yield session


Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


Db = Annotated[AsyncSession, Depends(get_db, scope="function")]


async def get_current_user(request: Request, bearer: Bearer, session: Db) -> User:
    """Whoever asks. Raises NotLoggedIn.

    A request that writes asks in a short read of its own: before it is known to be
    somebody's, it waits for no lock and holds none. One that reads asks in its session,
    unless that is of `readers`: a standby may not know yet of a login or its end."""
    state = request.app.state
    if request.method in READING and not hasattr(state, "readers"):
        return await user_of(session, bearer.credentials)
    async with state.sessions(execution_options=READ_ONLY) as short:
        return await user_of(short, bearer.credentials)


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_user_service(session: Db) -> UserService:
    return UserService(session)


async def get_post_service(session: Db, request: Request) -> PostService:
    return PostService(session, feed=request.app.state.feed)


async def get_transfer_service(session: Db) -> TransferService:
    return TransferService(session)


Users = Annotated[UserService, Depends(get_user_service)]
Posts = Annotated[PostService, Depends(get_post_service)]
Transfers = Annotated[TransferService, Depends(get_transfer_service)]
