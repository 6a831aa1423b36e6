"""Parse, call one service method, answer. Errors are raised, never returned: only a raised one rolls back."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, status

from course_lib.dependencies import Posts, Transfers, Users
from course_lib.models import MAX_ID, Post, Transfer, User
from course_lib.pagination import MAX_PAGE, MAX_PER_PAGE, CursorPage, PaginatedResponse
from course_lib.schemas import (
    PostResponse,
    TransferCreate,
    TransferResponse,
    UserCreate,
    UserResponse,
    UserUpdate,
)

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]
Page = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=64)]

users = APIRouter(prefix="/users", tags=["users"])
posts = APIRouter(prefix="/posts", tags=["posts"])
transfers = APIRouter(prefix="/transfers", tags=["transfers"])


@users.get("", response_model=PaginatedResponse[UserResponse])
async def list_users(service: Users, page: Page = 1, per_page: PerPage = 20) -> PaginatedResponse[User]:
    return await service.get_users(page=page, per_page=per_page)


@users.get("/{user_id}", response_model=UserResponse)
async def get_user(service: Users, user_id: UserId) -> User:
    return await service.get_user(user_id)


@users.post("", response_model=UserResponse, status_code=status.HTTP_201_CREATED)
async def create_user(service: Users, wanted: UserCreate) -> User:
    return await service.create_user(wanted)


@users.patch("/{user_id}", response_model=UserResponse)
async def update_user(service: Users, user_id: UserId, wanted: UserUpdate) -> User:
    return await service.update_user(user_id, wanted)


@users.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_user(service: Users, user_id: UserId) -> None:
    await service.delete_user(user_id)


@posts.get("", response_model=CursorPage[PostResponse])
async def get_feed(service: Posts, limit: PerPage = 20, cursor: str | None = None) -> CursorPage[Post]:
    return await service.get_feed(limit=limit, cursor=cursor)


@transfers.post("", response_model=TransferResponse, status_code=status.HTTP_201_CREATED)
async def create_transfer(
    service: Transfers, wanted: TransferCreate, idempotency_key: IdempotencyKey = None
) -> Transfer:
    """Send the same Idempotency-Key again when no reply came: the money moves once."""
    return await service.transfer(wanted, key=idempotency_key)
