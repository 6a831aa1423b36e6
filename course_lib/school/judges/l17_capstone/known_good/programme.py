"""What is on: all shows in the order of time, page by page, by key."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.pagination import Keyset
from course_lib.school.judges.l17_capstone.known_good.models import Show

_IN_ORDER = Keyset(select(Show), Show.starts_at, Show.title, secret="curtain")  # noqa: S106  a playhouse has none


async def program(
    session: AsyncSession, *, limit: int = 20, cursor: str | None = None
) -> tuple[list[Show], str | None]:
    """The next shows by `starts_at`, then `title` (those without one last), then id; and the cursor of the page behind
    them, None at the end. Raises OutOfRange, InvalidCursor.
    """
    page = await _IN_ORDER.get_page(session, limit=limit, cursor=cursor)
    return page.items, page.next_cursor
