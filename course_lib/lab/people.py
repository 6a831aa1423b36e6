"""Eight people who write, and what they wrote: the same rows, with the same keys, on every database."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from course_lib.models import Account, Post, Tag, User, post_tags

if TYPE_CHECKING:
    from httpx import AsyncClient  # half of a lesson's start, and most lessons need none

PASSWORD = "night-train-to-nowhere"  # noqa: S105  everybody may know it
PASSWORD_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$6zA/zbca1WtC1xUFPYKciQ$3/WHFaUJAThaMqvr67TUEWn7jVe44ZvwlUAcfWpWEB0"  # noqa: S105
)

TAGS = ("bread", "chess", "gardens", "maps", "radio", "trains")

POSTS_BY_AUTHOR = {
    "mira": (
        "My sourdough fell at three in the morning",
        "Seven loaves, one oven, no sleep",
        "What rye knows about patience",
    ),
    "tomas": (
        "Cooking soup in a moving train",
        "The last night train to the coast",
        "Timetables I have loved",
    ),
    "yuki": (
        "I lost to my grandmother in nine moves",
        "Chess by postcard: year eleven",
        "A quiet draw",
    ),
    "amara": (
        "Moss is a garden too",
        "The tomato that came back",
        "Watering by moonlight",
    ),
    "juno": (
        "How I mapped the smells of my street",
        "North is a matter of taste",
        "A map of everywhere I was wrong",
    ),
    "olek": (
        "Mending a radio from 1958",
        "The station that plays only rain",
        "Static, and what it tells you",
    ),
    "priya": (
        "Eleven birds before breakfast",
        "A field guide to the balcony",
        "The owl was a chimney",
    ),
    "sam": (
        "I will start writing tomorrow",
        "Notes towards a first post",
        "Draft, do not read",
    ),
}
"""The last post of each is still a draft."""

FIRST_POST_AT = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


async def make_administrator(engine: AsyncEngine, name: str) -> None:
    """One of them is an administrator from now on; no other column of the row changes."""
    chosen = update(User).where(User.username == name)
    async with engine.begin() as connection:
        await connection.execute(chosen.values(is_admin=True, updated_at=User.updated_at))


async def be(client: "AsyncClient", name: str) -> None:
    """From now on each request of this client is one of that person, who logs in for it."""
    reply = await client.post("/login", json={"email": f"{name}@example.org", "password": PASSWORD})
    reply.raise_for_status()
    client.headers["Authorization"] = f"Bearer {reply.json()['token']}"


async def add_people(connection: AsyncConnection) -> None:
    """Into an empty database: eight users, 24 posts (16 published), six tags, an account of 1,000.00 for each user."""
    await connection.execute(insert(User), [_user(name) for name in POSTS_BY_AUTHOR])
    await connection.execute(insert(Tag), [{"name": name} for name in TAGS])
    users = dict((await connection.execute(select(User.username, User.id).order_by(User.id))).all())
    await connection.execute(
        insert(Account), [{"owner_id": key, "balance": 100_000} for key in users.values()]
    )
    await connection.execute(insert(Post), _posts(users))
    posts = (await connection.scalars(select(Post.id).order_by(Post.id))).all()
    tags = (await connection.scalars(select(Tag.id).order_by(Tag.name))).all()
    await connection.execute(insert(post_tags), _links(list(posts), list(tags)))


def _user(name: str) -> dict[str, object]:
    return {
        "email": f"{name}@example.org",
        "username": name,
        "hashed_password": PASSWORD_HASH,
        "is_active": name != "sam",
        "created_at": FIRST_POST_AT - timedelta(days=30),
        "updated_at": FIRST_POST_AT - timedelta(days=30),
    }


def _posts(users: dict[str, int]) -> list[dict[str, object]]:
    """Two posts appear in each step of time: a time alone is no order."""
    titles = [(author, number) for number in range(3) for author in POSTS_BY_AUTHOR]
    return [
        {
            "title": POSTS_BY_AUTHOR[author][number],
            "content": f"{author} has more to say about this soon.",
            "published": number < 2,
            "author_id": users[author],
            "created_at": FIRST_POST_AT + timedelta(hours=7 * (place // 2)),
            "updated_at": FIRST_POST_AT + timedelta(hours=7 * (place // 2)),
        }
        for place, (author, number) in enumerate(titles)
    ]


def _links(posts: list[int], tags: list[int]) -> list[dict[str, int]]:
    chance = Random(2026)
    return [
        {"post_id": post, "tag_id": tag}
        for post in posts
        for tag in sorted(chance.sample(tags, k=chance.randint(1, 3)))
    ]
