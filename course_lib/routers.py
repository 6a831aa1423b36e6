"""Parse, call one service method, answer. Errors are raised, never returned: only a
raised one rolls back."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query

from course_lib import schemas
from course_lib.dependencies import Posts, RunAgain, Transfers, Users
from course_lib.models import MAX_ID, Post, Transfer, User
from course_lib.pagination import MAX_PAGE, MAX_PER_PAGE, CursorPage, PaginatedResponse

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]
Page = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=64)]


def _also(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What else than a success may come, for the description of the application."""
    return {number: {"model": schemas.Problem} for number in (*statuses, 422, 503)}


users = APIRouter(prefix="/users", tags=["users"], route_class=RunAgain)
posts = APIRouter(prefix="/posts", tags=["posts"], route_class=RunAgain)
transfers = APIRouter(prefix="/transfers", tags=["transfers"], route_class=RunAgain)


@users.get(
    "", response_model=PaginatedResponse[schemas.UserResponse], responses=_also()
)
async def list_users(
    service: Users, page: Page = 1, per_page: PerPage = 20
) -> PaginatedResponse[User]:
    return await service.get_users(page=page, per_page=per_page)


@users.get("/{user_id}", response_model=schemas.UserResponse, responses=_also(404))
async def get_user(service: Users, user_id: UserId) -> User:
    return await service.get_user(user_id)


@users.post(
    "", response_model=schemas.UserResponse, status_code=201, responses=_also(400, 409)
)
async def create_user(service: Users, wanted: schemas.UserCreate) -> User:
    return await service.create_user(wanted)


@users.patch(
    "/{user_id}", response_model=schemas.UserResponse, responses=_also(400, 404, 409)
)
async def update_user(
    service: Users, user_id: UserId, wanted: schemas.UserUpdate
) -> User:
    return await service.update_user(user_id, wanted)


@users.delete("/{user_id}", status_code=204, responses=_also(404, 409))
async def delete_user(service: Users, user_id: UserId) -> None:
    await service.delete_user(user_id)


@posts.get("", response_model=CursorPage[schemas.PostResponse], responses=_also())
async def get_feed(
    service: Posts, limit: PerPage = 20, cursor: str | None = None
) -> CursorPage[Post]:
    return await service.get_feed(limit=limit, cursor=cursor)


@transfers.post(
    "",
    response_model=schemas.TransferResponse,
    status_code=201,
    responses=_also(400, 404, 409),
)
async def create_transfer(
    service: Transfers,
    wanted: schemas.TransferCreate,
    idempotency_key: IdempotencyKey = None,
) -> Transfer:
    """Send the same Idempotency-Key again when no reply came: the money moves once.
    Keys belong to their payer."""
    return await service.transfer(wanted, key=idempotency_key)
