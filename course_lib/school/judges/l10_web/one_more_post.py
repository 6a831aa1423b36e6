"""Posts that the judges of this lesson write."""

from datetime import timedelta

from sqlalchemy import func, insert, literal, select

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post, Tag, post_tags
from course_lib.school.attempts.attempt import Attempt


async def new_post(attempt: Attempt, *tags: str, published: bool = True) -> int:
    """The key of one more post, which no other database has: the last by its key, and the first by its time."""
    written = FIRST_POST_AT - timedelta(days=attempt.chance.randrange(100, 999))
    post = {
        "title": f"Owls, part {attempt.chance.randrange(100, 999)}",
        "content": f"Hoo, and {attempt.chance.randrange(100, 999)} times hoo.",
        "published": published,
        "author_id": await attempt.key(attempt.chance.choice(("yuki", "juno", "priya"))),
        "created_at": written,
        "updated_at": written + timedelta(days=1),
    }
    await attempt.change(insert(Post).values(post))
    key = int(await attempt.scalar(select(func.max(Post.id))))
    links = select(literal(key), Tag.id).where(Tag.name.in_(tags))
    await attempt.change(insert(post_tags).from_select(["post_id", "tag_id"], links))
    return key
