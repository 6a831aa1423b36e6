"""What the outside is to hear of a change waits in a table, and is sent from there."""

import sqlalchemy as sa
from alembic import op

from course_lib.db import utc_now

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    unsent = sa.text("sent_at IS NULL")
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=utc_now(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_outbox_messages_unsent"),
        "outbox_messages",
        ["attempts", "id"],
        sqlite_where=unsent,
        postgresql_where=unsent,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_messages_unsent"), table_name="outbox_messages")
    op.drop_table("outbox_messages")
