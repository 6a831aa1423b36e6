"""The tables of the learner's own file, and the queries on them: tries, hints shown, questions recalled."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import CheckConstraint, MetaData, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from course_lib.db import Base, UtcDateTime
from course_lib.models import Numbered
from course_lib.repositories import BaseRepository
from course_lib.school.exercises.outcomes import NOT_YET, PASSED


class Own(Numbered, Base):
    """A row of the learner's own file, whose tables stand apart from those that the course is about."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)

    at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=1)


class Try(Own):
    __tablename__ = "tries"
    __table_args__ = (CheckConstraint(f"outcome IN ('{NOT_YET}', '{PASSED}')", name="outcome_known"),)

    exercise: Mapped[str] = mapped_column(index=True)
    outcome: Mapped[str]
    misconception: Mapped[str | None]


class HintShown(Own):
    __tablename__ = "hints_shown"
    __table_args__ = (UniqueConstraint("exercise", "number"),)

    exercise: Mapped[str]
    number: Mapped[int]


class Recall(Own):
    __tablename__ = "recalls"

    question: Mapped[str]
    known: Mapped[bool]


Row = TypeVar("Row", bound=Own)


class OwnRepository(BaseRepository[Row]):
    async def every(self) -> list[Row]:
        """All rows in the order of their writing, which holds also when the clock was turned back."""
        return list(await self.session.scalars(select(self.model).order_by(self.model.id)))


class TryRepository(OwnRepository[Try]):
    model = Try

    async def failed(self, exercise: str) -> int:
        of_it = select(Try).where(Try.exercise == exercise)
        last_pass = select(func.max(Try.id)).where(Try.exercise == exercise, Try.outcome == PASSED)
        return await self.count(of_it.where(Try.id > func.coalesce(last_pass.scalar_subquery(), 0)))


class HintRepository(OwnRepository[HintShown]):
    model = HintShown

    async def shown(self, exercise: str) -> int:
        return await self.count(select(HintShown).where(HintShown.exercise == exercise))


class RecallRepository(OwnRepository[Recall]):
    model = Recall
