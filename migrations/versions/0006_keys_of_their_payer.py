"""An idempotency key belongs to its payer: two payers may use the same one."""

import sqlalchemy as sa
from alembic import op

from course_lib.db import utc_now

revision = "0006"
down_revision = "0005"

OF_ALL = ("uq_transfers_idempotency_key", ["idempotency_key"])
OF_A_PAYER = ("uq_transfers_payer_and_key", ["from_account_id", "idempotency_key"])


def upgrade() -> None:
    swap(OF_ALL, OF_A_PAYER)


def downgrade() -> None:
    """The database refuses it where two payers have used one key: which of their transfers should lose it?"""
    swap(OF_A_PAYER, OF_ALL)


def swap(old: tuple[str, list[str]], new: tuple[str, list[str]]) -> None:
    keep_numbering()
    with op.batch_alter_table("transfers", copy_from=transfers(*old)) as batch:
        batch.drop_constraint(op.f(old[0]), type_="unique")
        batch.create_unique_constraint(op.f(new[0]), new[1])


def keep_numbering() -> None:
    """Hand the highest id ever given to the new table, under the name it has while it is filled."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "INSERT INTO sqlite_sequence (name, seq) "
            "SELECT '_alembic_tmp_transfers', seq FROM sqlite_sequence WHERE name = 'transfers'"
        )


def transfers(rule: str, columns: list[str]) -> sa.Table:
    """The table as it is now. Read from the database it would lack AUTOINCREMENT, and --sql reads nothing."""
    return sa.Table(
        "transfers",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("from_account_id", sa.Integer(), nullable=False),
        sa.Column("to_account_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=utc_now(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount_positive")),
        sa.CheckConstraint("from_account_id <> to_account_id", name=op.f("ck_transfers_two_accounts")),
        sa.CheckConstraint("length(idempotency_key) <= 64", name=op.f("ck_transfers_idempotency_key_length")),
        sa.ForeignKeyConstraint(
            ["from_account_id"], ["accounts.id"], name=op.f("fk_transfers_from_account_id")
        ),
        sa.ForeignKeyConstraint(["to_account_id"], ["accounts.id"], name=op.f("fk_transfers_to_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
        sa.UniqueConstraint(*columns, name=op.f(rule)),
        sa.Index(op.f("ix_transfers_from_account_id"), "from_account_id"),
        sa.Index(op.f("ix_transfers_to_account_id"), "to_account_id"),
        sqlite_autoincrement=True,
    )
