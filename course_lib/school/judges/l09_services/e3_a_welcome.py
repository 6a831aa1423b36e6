"""Exercise 09.3, A welcome: user, account and gift are one, and the caller says commit."""

from typing import Any

from sqlalchemy import select

from course_lib.errors import InsufficientFunds
from course_lib.models import Account, User
from course_lib.repositories import AccountRepository
from course_lib.schemas import TransferCreate, UserCreate
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l09_services.newcomers import newcomer
from course_lib.school.judges.registry import judge
from course_lib.school.stages.callers_work import add_own_tag, own_tag
from course_lib.school.stages.cheap_hashes import cheap_hashes
from course_lib.school.stages.returned_lists import shown
from course_lib.services import TransferService, UserService

MUCH = 200_000
"""Cents that nobody has: each account begins with 100,000."""


@judge("09.3")
async def all_of_a_welcome(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    attempt.require(letters, "not an order", f"`{attempt.name}` returned no letter.")
    names = {"AccountRepository": AccountRepository, "TransferCreate": TransferCreate}
    names |= {"TransferService": TransferService, "UserService": UserService}
    welcome = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def welcome(session, wanted, sponsor, cents):",
        names=names,
    )
    sponsor = await attempt.scalar(select(Account.id).where(Account.owner_id == await attempt.key("yuki")))
    with cheap_hashes():
        await _gift_refused(attempt, welcome, sponsor)
        await _welcomed(attempt, welcome, sponsor)
    attempt.require(
        letters[-1] == "E",
        "behind the return",
        f"`{attempt.blocks[letters[-1]]}` stands behind the `return`, and never runs. Leave it out.",
    )


async def _gift_refused(attempt: Attempt, welcome: Any, sponsor: int) -> None:
    wanted, before = newcomer(attempt), await _people_and_accounts(attempt)
    async with attempt.sessions() as session:
        await add_own_tag(session)
        await attempt.call(session, wanted, sponsor, MUCH, function=welcome, expected=(InsufficientFunds,))
    after = await _people_and_accounts(attempt)
    attempt.require(
        before == after,
        "half of it kept",
        f"`welcome` was asked for a gift of {MUCH} cents, more than the sponsor has, and the caller said no commit. "
        f"There were {before}, and there are {after}.",
    )
    attempt.require(
        not await own_tag(attempt),
        "commits for the caller",
        "A caller added a tag and called `welcome`. The gift was refused, and the caller took everything back. The tag "
        "is in the table all the same: what a caller has begun was committed. Who opened the session?",
    )


async def _welcomed(attempt: Attempt, welcome: Any, sponsor: int) -> None:
    wanted, cents = newcomer(attempt), attempt.chance.choice((300, 700))
    before = await _people_and_accounts(attempt)
    async with attempt.sessions() as session:
        got = await attempt.call(session, wanted, sponsor, cents, function=welcome)
        after = await _people_and_accounts(attempt)
        attempt.require(
            before == after,
            "commits for the caller",
            f"A caller called `welcome` and has not said commit yet. Others saw {before}, and now they see {after}. "
            "Nobody can take that back. Who opened the session?",
        )
        await session.commit()
    await _all_there(attempt, got, wanted, cents)


async def _all_there(attempt: Attempt, got: object, wanted: UserCreate, cents: int) -> None:
    mine = select(User.id, Account.balance).outerjoin(User.accounts).where(User.username == wanted.username)
    rows = [tuple(row) for row in await attempt.rows(mine)]
    called = f"A caller called `welcome` for {wanted.username!r} with a gift of {cents} cents, and committed."
    attempt.require(rows, "user missing", f"{called} There is no such user.")
    [(key, balance), *_] = rows
    held = "no account" if balance is None else f"an account with {balance} cents"
    attempt.require(balance == cents, "gift missing", f"{called} The newcomer has {held}.")
    attempt.require(
        got == key, "nothing returned", f"{called} It returned {shown(got)}; the new user is {key}."
    )


async def _people_and_accounts(attempt: Attempt) -> str:
    users, accounts = [await attempt.scalar(count_of(select(model.id))) for model in (User, Account)]
    return f"{users} users and {accounts} accounts"
