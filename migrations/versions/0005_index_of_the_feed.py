"""The index that the feed is read along: published posts by time, and by key within a time."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NAME = "ix_posts_feed"


def upgrade() -> None:
    op.create_index(
        op.f(NAME),
        "posts",
        ["created_at", "id"],
        sqlite_where=sa.text("published = 1"),
        postgresql_where=sa.text("published"),
    )


def downgrade() -> None:
    op.drop_index(op.f(NAME), table_name="posts")
