"""Put together: `uvicorn --factory course_lib.app:create_app`, and one table from errors to status codes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import errors, routers
from course_lib.db import create_engine, create_session_factory, is_conflict
from course_lib.services import feed
from course_lib.settings import cursor_secret, database_url

STATUS: dict[type[errors.CourseError], int] = {
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.InUse: 409,
    errors.KeyReused: 409,
    errors.InsufficientFunds: 409,
    errors.SameAccount: 422,
    errors.OutOfRange: 422,
    errors.UnknownField: 422,
    errors.ProtectedField: 422,
    errors.InvalidCursor: 422,
    errors.Conflict: 503,
}


def create_app(engine: AsyncEngine | None = None) -> FastAPI:
    """The web application on `engine` (default: on COURSE_DATABASE), which it disposes of when it shuts down."""
    engine = engine or create_engine(database_url())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPIOffline(title="Course", lifespan=lifespan)  # /docs without asking another host for its parts
    app.state.sessions = create_session_factory(engine)
    app.state.feed = feed(cursor_secret())
    for router in (routers.users, routers.posts, routers.transfers):
        app.include_router(router)
    app.add_exception_handler(errors.CourseError, _answer_course_error)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    app.add_exception_handler(DBAPIError, _answer_database_error)
    return app


async def _answer_course_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, STATUS[type(error)])  # type: ignore[index]


async def _answer_bad_request(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats what was sent; a refused password belongs in no reply and in no log."""
    told = [{word: fault[word] for word in ("type", "loc", "msg")} for fault in error.errors()]  # type: ignore[attr-defined]
    return JSONResponse({"detail": told}, 422)


async def _answer_database_error(request: Request, error: Exception) -> JSONResponse:
    """Another transaction was in the way: come again. Anything else stays a server error, without its text."""
    if isinstance(error, DBAPIError) and is_conflict(error):
        conflict = errors.Conflict(attempts=1)
        return JSONResponse({"detail": str(conflict)}, STATUS[errors.Conflict], {"Retry-After": "1"})
    raise error
