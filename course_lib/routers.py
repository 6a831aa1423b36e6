"""Parse, call one service method, answer. Errors are raised, never returned: only a
raised one rolls back. A route is private unless it is written `@public`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request

from course_lib import access, schemas
from course_lib.dependencies import (
    Bearer,
    CurrentUser,
    Db,
    Posts,
    RunAgain,
    Transfers,
    Users,
    get_current_user,
)
from course_lib.models import MAX_ID, Post, Transfer, User
from course_lib.pagination import MAX_PAGE, MAX_PER_PAGE, CursorPage, PaginatedResponse

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]
Page = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=64)]


def _gives(status: int, model: Any, *others: int) -> dict[str, Any]:
    """For the description of the application: what a success gives, and which statuses
    else may come."""
    also = {number: {"model": schemas.Problem} for number in (*others, 422, 503)}
    return {"status_code": status, "response_model": model, "responses": also}


public = APIRouter(tags=["for everybody"], route_class=RunAgain)
private = APIRouter(
    tags=["for whoever has logged in"],
    route_class=RunAgain,
    dependencies=[Depends(get_current_user)],
    responses={401: {"model": schemas.Problem}},
)


@public.post("/login", **_gives(201, schemas.LoginResponse, 400, 401))
async def log_in(request: Request, wanted: schemas.Login) -> schemas.LoginResponse:
    """The token goes into a header of each request: `Authorization: Bearer <token>`.
    The padlock on the page of documentation puts it there."""
    sessions, password = request.app.state.sessions, wanted.password.get_secret_value()
    token = await access.log_in(sessions, wanted.email, password)
    return schemas.LoginResponse(token=token)


@private.delete("/login", **_gives(204, None))
async def log_out(bearer: Bearer, session: Db) -> None:
    await access.log_out(session, bearer.credentials)


@private.get("/users", **_gives(200, PaginatedResponse[schemas.UserResponse], 403))
async def list_users(
    me: CurrentUser, service: Users, page: Page = 1, per_page: PerPage = 20
) -> PaginatedResponse[User]:
    access.administrator(me)
    return await service.get_users(page=page, per_page=per_page)


@private.get("/users/{user_id}", **_gives(200, schemas.UserResponse, 404))
async def get_user(me: CurrentUser, service: Users, user_id: UserId) -> User:
    return await service.get_user(access.own(me, user_id))


@public.post("/users", **_gives(201, schemas.UserResponse, 400, 409))
async def create_user(service: Users, wanted: schemas.UserCreate) -> User:
    return await service.create_user(wanted)


@private.patch(
    "/users/{user_id}", **_gives(200, schemas.UserResponse, 400, 403, 404, 409)
)
async def update_user(
    me: CurrentUser,
    bearer: Bearer,
    service: Users,
    user_id: UserId,
    wanted: schemas.UserUpdate,
) -> User:
    """`is_active` is for administrators. A new password ends all other logins."""
    access.own(me, user_id)
    if "is_active" in wanted.model_fields_set:
        access.administrator(me)
    return await service.update_user(user_id, wanted, token=bearer.credentials)


@private.delete("/users/{user_id}", **_gives(204, None, 404, 409))
async def delete_user(me: CurrentUser, service: Users, user_id: UserId) -> None:
    await service.delete_user(access.own(me, user_id))


@public.get("/posts", **_gives(200, CursorPage[schemas.PostResponse]))
async def get_feed(
    service: Posts, limit: PerPage = 20, cursor: str | None = None
) -> CursorPage[Post]:
    return await service.get_feed(limit=limit, cursor=cursor)


@private.post("/transfers", **_gives(201, schemas.TransferResponse, 400, 404, 409))
async def create_transfer(
    me: CurrentUser,
    service: Transfers,
    wanted: schemas.TransferCreate,
    idempotency_key: IdempotencyKey = None,
) -> Transfer:
    """Send the same Idempotency-Key again when no reply came: the money moves once.
    Keys belong to their payer, and the paying account to whoever asks."""
    return await service.transfer(wanted, key=idempotency_key, by=me.id)
