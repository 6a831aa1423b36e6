"""More posts than a change of the table may touch at once."""

from sqlalchemy import text

from course_lib.school.attempts.attempt import Attempt

MANY = (
    "INSERT INTO posts (title, content, author_id, published, created_at, updated_at) "
    "SELECT 'Post ' || n, '…', (SELECT min(id) FROM users), true, '2026-03-01', '2026-03-01' "
    "FROM generate_series(1, :count) AS n"
)


async def write_posts(attempt: Attempt, count: int) -> int:
    """Write so many more, and return the oid of the table."""
    await attempt.change(text(MANY).bindparams(count=count))
    return int(await attempt.scalar(text("SELECT 'posts'::regclass::oid::bigint")))
