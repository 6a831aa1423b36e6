"""The first revision of the theatre's tables."""

from typing import Any

from course_lib.school.judges.l17_capstone.known_good.models import CurtainBase


def upgrade(op: Any) -> None:
    CurtainBase.metadata.create_all(op.get_bind())


def downgrade(op: Any) -> None:
    CurtainBase.metadata.drop_all(op.get_bind())
