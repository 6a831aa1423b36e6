"""What to fetch along with a row, said in the query: relationships here raise when they
were not asked for.

A reference comes along in the same statement (joinedload), a collection in one more
(selectinload), because a join would repeat the parent once per child. See "Relationship
Loading Techniques" in SQLAlchemy's manual."""

from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption

from course_lib.models import Post, User


def author_and_tags() -> tuple[ExecutableOption, ...]:
    """For posts: the author by a join, the tags by one more statement."""
    return joinedload(Post.author, innerjoin=True), selectinload(Post.tags)


def posts_and_their_tags() -> tuple[ExecutableOption, ...]:
    """For users: all posts, with their tags; one more statement for each 500 users, and
    for each 500 posts."""
    return (selectinload(User.posts).selectinload(Post.tags),)


def published_posts() -> tuple[ExecutableOption, ...]:
    """For users: `posts` holds the published ones alone. To be read only: removing one
    from the list deletes it."""
    return (selectinload(User.posts.and_(Post.published)),)
