"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
<%
    def complete(operations):
        """A table that SQLite builds anew would give the ids of deleted rows again: alembic does not see AUTOINCREMENT."""
        return operations.replace("schema=None", 'table_kwargs={"sqlite_autoincrement": True}')
%>

def upgrade() -> None:
    ${complete(upgrades) if upgrades else "pass"}


def downgrade() -> None:
    ${complete(downgrades) if downgrades else "pass"}
