"""The money of the sample people, and what is committed of it."""

from sqlalchemy import select

from course_lib.models import Account, User
from course_lib.school.attempts.attempt import Attempt

PEOPLE = ("mira", "tomas", "yuki", "amara", "juno", "olek")
"""Those who hold one account each, of 100,000 cents."""


async def account_of(attempt: Attempt, username: str) -> int:
    """The id of the account that a sample person holds."""
    account = select(Account.id).join(Account.owner).where(User.username == username)
    return int(await attempt.scalar(account.order_by(Account.id)))


async def balances(attempt: Attempt, *accounts: int) -> list[int]:
    """What is committed, in the order of these keys."""
    found = select(Account.id, Account.balance).where(Account.id.in_(accounts))
    by_key = dict(await attempt.rows(found))
    return [by_key[key] for key in accounts]
