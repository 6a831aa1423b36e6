"""One spelling for usernames too, and for addresses in any letters: 'Tomas' cannot pose as 'tomas'.

Only Python can make the spelling on both databases, so the rows are read, compared and written back. Where two of them
would become one, the migration names them and changes nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from course_lib.db import one_spelling, utc_now

revision = "0004"
down_revision = "0003"

NAME = "ck_users_username_lower_case"
RULE = "username = lower(username)"


def upgrade() -> None:
    if op.get_context().as_sql:  # without the rows at hand: A to Z, and no pair is named
        op.execute("UPDATE users SET username = lower(username) WHERE username <> lower(username)")
    else:
        respell()
    keep_numbering()
    with op.batch_alter_table("users", copy_from=users()) as batch:
        batch.create_check_constraint(op.f(NAME), RULE)


def downgrade() -> None:
    keep_numbering()
    with op.batch_alter_table("users", copy_from=users(sa.CheckConstraint(RULE, name=op.f(NAME)))) as batch:
        batch.drop_constraint(op.f(NAME), type_="check")


def respell() -> None:
    table, connection = users(), op.get_bind()
    columns = table.c.email, table.c.username
    rows: dict[str, Sequence[Any]] = {
        column.name: connection.execute(sa.select(table.c.id, column).order_by(table.c.id)).all()
        for column in columns
    }
    if pairs := [pair for column in rows for pair in colliding(column, rows[column])]:
        raise CommandError(f"nothing was changed; first decide who keeps what: {'; '.join(pairs)}")
    for column in rows:
        for key, written in rows[column]:
            if (spelled := one_spelling(written)) != written:
                connection.execute(table.update().where(table.c.id == key).values({column: spelled}))


def colliding(column: str, rows: Sequence[Any]) -> list[str]:
    found = defaultdict(list)
    for key, written in rows:
        found[one_spelling(written)].append(f"user {key} ({written!r})")
    return [f"{' and '.join(same)} have one {column}" for same in found.values() if len(same) > 1]


def keep_numbering() -> None:
    """Hand the highest id ever given to the new table, under the name it has while it is filled."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "INSERT INTO sqlite_sequence (name, seq) "
            "SELECT '_alembic_tmp_users', seq FROM sqlite_sequence WHERE name = 'users'"
        )


def users(*rules: sa.CheckConstraint) -> sa.Table:
    """The table as it is now. Read from the database it would lack AUTOINCREMENT, and --sql reads nothing."""
    return sa.Table(
        "users",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("username", sa.String(50), nullable=False),
        sa.Column("hashed_password", sa.String(255), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=utc_now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=utc_now(), nullable=False),
        sa.CheckConstraint("length(email) <= 255", name=op.f("ck_users_email_length")),
        sa.CheckConstraint("length(username) <= 50", name=op.f("ck_users_username_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower_case")),
        *rules,
        sqlite_autoincrement=True,
    )
