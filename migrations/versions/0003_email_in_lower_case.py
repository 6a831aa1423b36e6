"""One spelling for an e-mail address: refuse two that would become one, mend the rest, then forbid new ones.

SQLite before 3.53 cannot add a CHECK to a table, and alembic's batch mode does not ask how old SQLite is: it copies
the rows to a new table that has the CHECK, and gives that the old name. SQLite's lower() knows A to Z alone.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from course_lib.db import utc_now

revision = "0003"
down_revision = "0002"

NAME = "ck_users_email_lower_case"
RULE = "email = lower(email)"
PAIRS = """
    SELECT lower(email), id, email FROM users
    WHERE lower(email) IN (SELECT lower(email) FROM users GROUP BY lower(email) HAVING count(*) > 1)
    ORDER BY lower(email), id
"""
SHOWN = 10


def upgrade() -> None:
    refuse_pairs()
    op.execute("UPDATE users SET email = lower(email) WHERE email <> lower(email)")
    keep_numbering()
    with op.batch_alter_table("users", copy_from=users()) as batch:
        batch.create_check_constraint(op.f(NAME), RULE)


def downgrade() -> None:
    keep_numbering()
    with op.batch_alter_table("users", copy_from=users(sa.CheckConstraint(RULE, name=op.f(NAME)))) as batch:
        batch.drop_constraint(op.f(NAME), type_="check")


def refuse_pairs() -> None:
    """Which of two people keeps the address is for a person to decide. --sql asks nothing: there UNIQUE refuses."""
    if op.get_context().as_sql or not (pairs := op.get_bind().execute(sa.text(PAIRS)).all()):
        return
    shown = ", ".join(f"{email!r} of user {key}" for _, key, email in pairs[:SHOWN])
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    raise CommandError(
        f"in lower case these addresses would be the same: {shown}{more}. Nothing was changed. "
        "Decide which user keeps each address, give the others another one, and upgrade again"
    )


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
        *rules,
        sqlite_autoincrement=True,
    )
