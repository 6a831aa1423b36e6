"""Exercise 15.2, Cash for the owner: whose account it is, is asked of the row that is locked, and told to nobody."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from inspect import iscoroutine
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util.concurrency import await_

from course_lib.db import is_conflict
from course_lib.errors import InsufficientFunds, NotFound
from course_lib.lab.engine_events import listening
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l15_permissions.refusals import CRASHES, ON_PURPOSE, crash_named
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of
from course_lib.school.stages.races import without_patience
from course_lib.school.stages.returned_lists import shown

ALL = 100_000
"""Cents in each account at the beginning."""
TOO_MUCH = 250_000


@judge("15.2", on=BOTH)
async def the_owner_alone(attempt: Attempt) -> None:
    if attempt.database == "sqlite":
        await without_patience(attempt)
    mine, other = attempt.chance.sample(PEOPLE, 2)
    me, account = await attempt.key(mine), await account_of(attempt, mine)
    foreign = await account_of(attempt, other)
    left = await _my_own(attempt, me, account)
    await _nobody_else(attempt, me, foreign)
    await _more_than_there_is(attempt, me, account, left)
    await _meanwhile(attempt, me, account, heir=await attempt.key(other))


async def _call(attempt: Attempt, me: int, account: int, cents: int) -> Any:
    with crash_named("a missing account crashes"):
        got = await attempt.call(attempt.sessions, me, account, cents, expected=ON_PURPOSE)
    for each in vars(got).values() if isinstance(got, InsufficientFunds) else ():
        if iscoroutine(each):
            each.close()  # or Python warns of it later
            raise attempt.not_yet(
                "missing await", f"`{attempt.name}` tells a coroutine in its InsufficientFunds."
            )
    if isinstance(got, DBAPIError) and is_conflict(got):
        raise attempt.not_yet(
            "lock asked too late",
            f"`{attempt.name}` read first and wrote later, and was refused: {told(got)}. `unit_of_work` begins with "
            "the lock.",
        )
    return got


async def _balances(attempt: Attempt) -> dict[int, int]:
    return dict(map(tuple, await attempt.rows(select(Account.id, Account.balance))))


async def _my_own(attempt: Attempt, me: int, account: int) -> int:
    before, cents = await _balances(attempt), attempt.chance.randint(20, 400) * 100
    got = await _call(attempt, me, account, cents)
    called = (
        f"`{attempt.name}(sessions, {me}, {account}, {cents})`, with {ALL} cents in the user's own account,"
    )
    if isinstance(got, Exception):
        raise attempt.not_yet("owner refused", f"{called} ended with {told(got)}.")
    after, wanted = await _balances(attempt), before | {account: ALL - cents}
    if after == before:
        raise attempt.not_yet(
            "commit missing", f"{called} returned {shown(got)}, and {ALL} are in the account behind it."
        )
    attempt.require(
        after == wanted,
        "wrong amounts",
        f"{called} left {after[account]} in it; all accounts hold {sum(after.values()) - sum(before.values())} more.",
    )
    attempt.require(
        got == wanted[account],
        "nothing returned" if got is None else "not what is left",
        f"{called} returned {shown(got)}. What is left was asked for: {wanted[account]}.",
    )
    _all_given_back(attempt, called)
    return wanted[account]


def _all_given_back(attempt: Attempt, called: str) -> None:
    attempt.require(
        not attempt.left_open(),
        "leaked session",
        f"{called} came to its end, and a connection is in use still.",
    )


async def _nobody_else(attempt: Attempt, me: int, foreign: int) -> None:
    missing = int(await attempt.scalar(select(func.max(Account.id)))) + attempt.chance.randint(5, 50)
    before = await _balances(attempt)
    nobodys = await _call(attempt, me, missing, 500)
    called = f"`{attempt.name}` was called for account {missing}, which does not exist. It"
    attempt.require(
        isinstance(nobodys, Exception),
        "no error raised",
        f"{called} returned {shown(nobodys)}, and no error.",
    )
    if not isinstance(nobodys, NotFound):
        both = "one error for both" if isinstance(nobodys, InsufficientFunds) else "another error raised"
        name = "a missing account crashes" if isinstance(nobodys, CRASHES) else both
        raise attempt.not_yet(name, f"{called} ended with {told(nobodys)}. NotFound was asked for.")
    attempt.require(
        str(nobodys) == str(NotFound("Account", missing)),
        "other facts in the error",
        f"{called} says: {nobodys}. NotFound takes the thing, which is Account, and its key.",
    )
    asked = len(attempt.sent)
    for cents in (500, TOO_MUCH):
        got = await _call(attempt, me, foreign, cents)
        await _told_nothing(attempt, foreign, cents, got, moved=await _balances(attempt) != before)
        attempt.require(
            len(attempt.sent) == asked,
            "statements tell",
            f"For an account that does not exist `{attempt.name}` sent {asked} statements; for one of somebody else "
            f"{len(attempt.sent)}. Who measures the time can tell them apart.",
        )
    _all_given_back(attempt, f"`{attempt.name}` with an account of somebody else")


async def _told_nothing(attempt: Attempt, foreign: int, cents: int, got: object, *, moved: bool) -> None:
    called = (
        f"`{attempt.name}` was called for {cents} cents of account {foreign}, which is somebody else's. It"
    )
    attempt.require(
        not moved,
        "anybody's money",
        f"{called} took them" + (f", and ended with {told(got)}." if isinstance(got, Exception) else "."),
    )
    attempt.require(isinstance(got, Exception), "no error raised", f"{called} returned {shown(got)}.")
    attempt.require(
        not isinstance(got, InsufficientFunds),
        "balance told to strangers",
        f"{called} says: {got}. The question whose it is comes first.",
    )
    attempt.require(
        isinstance(got, NotFound) and str(got) == str(NotFound("Account", foreign)),
        "told whose it is",
        f"{called} ended with {shown(got)}. A missing account has NotFound('Account', …), with its number: another "
        "answer tells that this one exists.",
    )


async def _more_than_there_is(attempt: Attempt, me: int, account: int, left: int) -> None:
    got = await _call(attempt, me, account, left + 1)
    called = (
        f"`{attempt.name}` was called for {left + 1} cents of the user's own account, which holds {left}. It"
    )
    if isinstance(got, NotFound):
        raise attempt.not_yet("one error for both", f"{called} says: {got}. InsufficientFunds was asked for.")
    attempt.require(
        isinstance(got, InsufficientFunds),
        "rule left to the database" if isinstance(got, IntegrityError) else "more than there is",
        f"{called} gave {shown(got)}. InsufficientFunds was asked for.",
    )
    attempt.require(
        vars(got) == vars(InsufficientFunds(account, left, left + 1)),
        "other facts in the error",
        f"{called} says: {got}. InsufficientFunds takes the account, what it holds, and what was wanted.",
    )
    got = await _call(attempt, me, account, left)
    attempt.require(
        got == 0 and (await _balances(attempt))[account] == 0,
        "last cent kept",
        f"`{attempt.name}` was called for all the {left} cents of the user's own account, and gave {shown(got)}.",
    )


async def _meanwhile(attempt: Attempt, me: int, account: int, *, heir: int) -> None:
    """In front of each statement behind the first a colleague hands the account over, unless a lock keeps them out."""
    await attempt.change(update(Account).where(Account.id == account).values(balance=ALL, owner_id=me))
    with _behind_the_first_look(attempt, update(Account).where(Account.id == account), heir) as done:
        got = await _call(attempt, me, account, 500)
    if not done:
        return
    attempt.require(
        isinstance(got, NotFound) and (await _balances(attempt))[account] == ALL,
        "check in front of the lock",
        f"`{attempt.name}` asked whose account {account} is. Before its next statement a colleague gave the account to "
        f"somebody else and committed: no lock kept them out. It went on, gave {shown(got)}, and "
        f"{(await _balances(attempt))[account]} of {ALL} cents are left to the new owner.",
    )


@contextmanager
def _behind_the_first_look(attempt: Attempt, account: Any, heir: int) -> Iterator[list[bool]]:
    looked: list[str] = []
    done: list[bool] = []
    busy: list[bool] = []

    async def hand_over() -> None:
        with suppress(DBAPIError):
            async with attempt.engine.begin() as connection:
                if attempt.database == "postgresql":
                    await connection.execute(text("SET LOCAL lock_timeout = 20"))  # milliseconds
                await connection.execute(account.values(owner_id=heir))
            done.append(True)

    def meet(connection: object, cursor: object, sent: str, *_: object) -> None:
        if busy or done or "accounts" not in sent:
            return
        if looked:
            busy.append(True)
            await_(hand_over())
            busy.clear()
        looked.append(sent)

    with listening(attempt.engine, before_cursor_execute=meet):
        yield done
