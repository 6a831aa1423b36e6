"""Put together: `uvicorn --factory course_lib.app:create_app`, and one table from
errors to status codes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import errors, routers
from course_lib.db import create_engine, create_session_factory, is_unavailable
from course_lib.schemas import Problem
from course_lib.services import feed
from course_lib.settings import cursor_secret, database_url, timeouts

STATUS: dict[type[errors.CourseError], int] = {
    errors.LoginRefused: 401,
    errors.NotLoggedIn: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.InUse: 409,
    errors.InsufficientFunds: 409,
    errors.SameAccount: 422,
    errors.OutOfRange: 422,
    errors.UnknownField: 422,
    errors.ProtectedField: 422,
    errors.InvalidCursor: 422,
    errors.KeyReused: 422,
    errors.Conflict: 503,
}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


def create_app(engine: AsyncEngine | None = None) -> FastAPI:
    """The web application on `engine` (default: on COURSE_DATABASE), which it disposes
    of when it shuts down."""
    secret = cursor_secret(one_process=engine is not None)
    engine = engine or create_engine(database_url(), timeouts=timeouts())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    # Its pages ask no other host for their parts.
    app = FastAPIOffline(docs_url=None, title="Course", lifespan=lifespan)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    app.state.sessions = create_session_factory(engine)
    app.state.feed = feed(secret)
    app.include_router(routers.public)
    app.include_router(routers.private)
    app.add_middleware(head_like_get)
    app.add_exception_handler(errors.CourseError, _answer_course_error)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    for kind in (SQLAlchemyError, OSError):
        app.add_exception_handler(kind, _answer_database_error)
    return app


async def _docs() -> HTMLResponse:
    """Swagger UI, with its language told to whoever reads it aloud; relative addresses
    hold behind any proxy."""
    parts = "static-offline-docs"
    page = get_swagger_ui_html(
        openapi_url="./openapi.json",
        title="Course",
        swagger_js_url=f"{parts}/swagger-ui-bundle.js",
        swagger_css_url=f"{parts}/swagger-ui.css",
        swagger_favicon_url=f"{parts}/favicon.png",
    )
    return HTMLResponse(bytes(page.body).replace(b"<html>", b'<html lang="en">', 1))


def head_like_get(app: Any) -> Any:
    """HEAD gets what GET would, without a body, which the server leaves out."""

    async def called(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope.get("method") == "HEAD":
            scope = scope | {"method": "GET"}
        await app(scope, receive, send)

    return called


def _problem(status: int, detail: str, **more: Any) -> JSONResponse:
    body = Problem(detail=detail, **more).model_dump(exclude_defaults=True)
    return JSONResponse(body, status, HEADERS.get(status))


async def _answer_course_error(request: Request, error: Any) -> JSONResponse:
    return _problem(STATUS.get(type(error), 500), str(error))


async def _answer_bad_request(request: Request, error: Any) -> JSONResponse:
    """FastAPI's own answer repeats what was sent; a refused password belongs in no
    reply and in no log."""
    told = "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        for fault in error.errors()
    )
    return _problem(422, told, faults=error.errors())


async def _answer_database_error(request: Request, error: Any) -> JSONResponse:
    """The database was not there to answer: come again. Anything else stays a server
    error, without its text."""
    if is_unavailable(error):
        return _problem(503, "the database cannot answer now; nothing was changed")
    raise error
