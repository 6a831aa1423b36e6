"""Lesson 06: what is lost, who is refused and who waits, when two or three do it at once."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.db import WRITE_LOCK_FIRST, create_session_factory, is_conflict
from course_lib.errors import Conflict, CourseError
from course_lib.lab.checks.transactions import PEOPLE, account_of, balances, sent_something
from course_lib.lab.interleave import Interleaving
from course_lib.lab.judging.attempts import BOTH, Attempt, judge
from course_lib.lab.judging.exchanges import beside_a_colleague, there_and_back
from course_lib.lab.judging.races import (
    Work,
    at_once,
    colleague_at_work,
    ends,
    errors_at_most,
    failed,
    locks_asked_for,
    pauses_skipped,
    told_steps,
    until_refused,
    usual_engine,
    without_patience,
)
from course_lib.lab.judging.sandbox import NotYet, finished, told
from course_lib.lab.sql import watch
from course_lib.models import Account
from course_lib.transactions import transfer_funds

NO_ROW_LOCKS = (
    "This ran on SQLite, which has no locks on rows: the words FOR UPDATE were asked for, and not even sent. One "
    "statement that looks and changes needs no lock."
)
A_FEW = 3
"""Refusals that are no reason to give up."""
MOST = 300
"""Attempts, of which the last has to give up."""
REFUSALS = (DBAPIError, PendingRollbackError, Conflict)


@judge("06.1")
async def one_order_one_payment(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    payer, payee = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    cents = attempt.chance.choice((1_900, 2_400))
    names = {"sessions": attempt.sessions, "transfer_funds": transfer_funds}
    names["uuid4"] = lambda: UUID(int=attempt.chance.getrandbits(128), version=4)  # the same in each check
    names |= {"payer": payer, "payee": payee, "cents": cents}
    lines = [
        attempt.blocks[letter],
        "async with sessions() as session:",
        "    await transfer_funds(session, payer, payee, cents, key=key)",
    ]
    send = attempt.program(lines, first="async def send(number):", names=names)
    received = [await _received(attempt, payee, send, number) for number in (71, 71, 72)]
    _each_order_is_paid_once(
        attempt, received, f"With option {letter}, order 71 over {cents} cents was sent", cents
    )


def _each_order_is_paid_once(attempt: Attempt, received: list[int], told_before: str, cents: int) -> None:
    """`received` is what the payee had after the first click, the second one, and the next order."""
    attempt.require(
        received[1] == received[0],
        "a new key each time",
        f"{told_before} by two clicks. After the second one the payee had {received[1]} cents: it was a payment of "
        "its own.",
    )
    attempt.require(
        received[2] == 2 * cents,
        "two orders taken for one",
        f"{told_before}, and order 72 over as much the next day. In the end the payee had {received[2]} cents: the "
        "second order was never paid.",
    )


async def _received(attempt: Attempt, payee: int, send: Callable[..., Any], number: int) -> int:
    await attempt.call(number, function=send)
    return (await balances(attempt, payee))[0] - 100_000


@judge("06.2")
async def no_gap(attempt: Attempt) -> None:
    key, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    await _takes_what_is_there(attempt, key)
    await _refuses_what_is_not(attempt, key)
    attempt.require(
        await balances(attempt, other) == [100_000],
        "wrong account",
        f"`{attempt.name}` was called for account {key} alone, and account {other} has changed.",
    )
    await _two_withdrawals_at_once(attempt, other)
    got, left = await _withdraw(attempt, key, 60_000)
    attempt.require(
        (got, left) == (True, 0),
        "last cent refused",
        f"For an account of 60000 cents, `{attempt.name}(session, {key}, 60000)` returned {got!r:.60}, and {left} "
        "are left. As much as that is there, so it can be taken.",
    )
    attempt.sent_at_most(1, "looked first", "Between two statements there is room for somebody else.")


async def _takes_what_is_there(attempt: Attempt, key: int) -> None:
    called = f"`{attempt.name}(session, {key}, 40000)`"
    got, left = await _withdraw(attempt, key, 40_000, commit=False)
    sent_something(attempt, "session")
    attempt.require(
        got in (True, False), "not True or False", f"{called} returned {got!r:.60}. Return True or False."
    )
    attempt.require(
        left == 100_000,
        "commits for the caller",
        f"{called} was called in a session that was then rolled back. The account holds {left} cents all the same: "
        "the caller opened the session, and says commit.",
    )
    got, left = await _withdraw(attempt, key, 40_000)
    attempt.require(
        left == 60_000 and got,
        "wrong amounts",
        f"{called} returned {got!r:.60} for an account of 100000 cents. After the caller's commit it holds {left}.",
    )


async def _refuses_what_is_not(attempt: Attempt, key: int) -> None:
    got, left = await _withdraw(attempt, key, 60_001)
    called = f"`{attempt.name}(session, {key}, 60001)`, for an account of 60000 cents,"
    if isinstance(got, IntegrityError):
        raise attempt.not_yet(
            "condition missing",
            f"{called} left it to the table to refuse: {told(got)}. False was asked for, and a session that goes on.",
        )
    attempt.require(
        left == 60_000, "condition missing", f"{called} returned {got!r:.60}. The account holds {left} now."
    )
    attempt.require(
        not got,
        "rowcount ignored",
        f"{called} returned {got!r:.60}. Nothing was taken, and the machine would pay out.",
    )


async def _withdraw(attempt: Attempt, key: int, cents: int, *, commit: bool = True) -> tuple[Any, int]:
    """What the function returned or raised, and what the account holds then."""
    async with attempt.sessions() as session:
        got = await attempt.call(session, key, cents, expected=(IntegrityError,))
        if commit and not isinstance(got, Exception):
            await session.commit()
    return got, (await balances(attempt, key))[0]


async def _two_withdrawals_at_once(attempt: Attempt, key: int) -> None:
    paid: list[int] = []

    def withdraw(cents: int) -> Work:
        async def work(session: AsyncSession) -> None:
            if await finished(attempt.answer(session, key, cents)):
                paid.append(cents)
            await session.commit()

        return work

    async with attempt.running(), usual_engine(attempt) as engine:
        with watch(engine) as attempt.sent, locks_asked_for(engine) as asked:
            shown = await at_once(engine, {"A": withdraw(300), "B": withdraw(500)})
    [left] = await balances(attempt, key)
    attempt.require(
        left == 100_000 - sum(paid),
        "lost update",
        f"A took 300 cents and B 500, at once, on the usual engine: {ends(shown)}. The account held 100000 and "
        f"holds {left} now; {100_000 - sum(paid)} would be right. {told_steps(shown)} {NO_ROW_LOCKS if asked else ''}",
    )


@judge("06.3")
async def the_write_lock_first(attempt: Attempt) -> None:
    key, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    cents = attempt.chance.choice((700, 900))
    await attempt.call(attempt.sessions, key, cents)
    sent_something(attempt, "sessions")
    attempt.require(
        await balances(attempt, key) == [100_000 + cents],
        "commit missing",
        f"`{attempt.name}(sessions, {key}, {cents})` came back without an error. In another session the account "
        f"holds {(await balances(attempt, key))[0]} cents, as before it: {100_000 + cents} would be right.",
    )
    await _three_at_once(attempt, other, cents)


async def _three_at_once(attempt: Attempt, key: int, cents: int) -> None:
    async def work(session: AsyncSession) -> None:
        await finished(attempt.answer(attempt.sessions, key, cents))

    async with attempt.running():
        shown = await at_once(attempt.engine, dict.fromkeys("ABC", work))
    await _all_are_paid_in(attempt, key, 100_000 + 3 * cents, shown)
    begun = len([each for each in attempt.sent.everything if each.text in ("BEGIN", "BEGIN IMMEDIATE")])
    attempt.require(
        begun <= 3,
        "attempts thrown away",
        f"Three calls of `{attempt.name}` at once began {begun} transactions; 3 are enough. The others were refused, "
        "and run again. Whoever waits in front of the first read is not refused.",
    )


async def _all_are_paid_in(attempt: Attempt, key: int, wanted: int, shown: Interleaving) -> None:
    [left] = await balances(attempt, key)
    report = (
        f"Three calls of `{attempt.name}` at once: {ends(shown)}. The account holds {left} cents; {wanted} would "
        f"be right. {told_steps(shown)}"
    )
    attempt.require(not failed(shown), "write lock too late", report)
    attempt.require(left == wanted, "lost update", report)


@judge("06.4", on=BOTH)
async def locks_in_order(attempt: Attempt) -> None:
    one, other = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 2)]
    await attempt.change(update(Account).where(Account.id == one).values(balance=70_000))
    writing = create_session_factory(attempt.engine.execution_options(**WRITE_LOCK_FIRST))
    async with writing() as session:
        await attempt.call(session, one, other)
        sent_something(attempt, "session")
        await session.rollback()
    await _nothing_was_kept(attempt, one, other)
    async with writing() as session:
        await attempt.call(session, one, other)
        await session.commit()
    left = await balances(attempt, one, other)
    attempt.require(
        left == [100_000, 70_000],
        "not exchanged",
        f"The accounts {one} and {other} held 70000 and 100000 cents. After `{attempt.name}(session, {one}, {other})` "
        f"and a commit they hold {left[0]} and {left[1]}.",
    )
    if attempt.database == "postgresql":
        await there_and_back(attempt, one, other)
        await beside_a_colleague(attempt, one, other)


async def _nothing_was_kept(attempt: Attempt, one: int, other: int) -> None:
    attempt.require(
        await balances(attempt, one, other) == [70_000, 100_000],
        "commits for the caller",
        f"`{attempt.name}(session, {one}, {other})` was called in a session that was then rolled back. The balances "
        "have changed all the same: the caller opened the session, and says commit.",
    )


@judge("06.5")
async def all_of_it_again(attempt: Attempt) -> None:
    key = await account_of(attempt, attempt.chance.choice(PEOPLE))
    taken, cents = attempt.chance.choice((300, 400)), attempt.chance.choice((500, 600))
    await _taken_for_good(attempt, cents)
    await without_patience(attempt)
    with pauses_skipped():
        await _refused_a_few_times(attempt, key, (taken, cents))
        await _other_errors_reach_the_caller(attempt, key)
        await _gives_up_in_the_end(attempt, key)


async def _taken_for_good(attempt: Attempt, cents: int) -> None:
    key = await account_of(attempt, "sam")
    await attempt.call(attempt.sessions, key, cents)
    sent_something(attempt, "sessions")
    attempt.require(
        await balances(attempt, key) != [100_000],
        "commit missing",
        f"`{attempt.name}` took {cents} cents, with nobody in the way. In another session the account holds as much "
        "as before.",
    )


async def _refused_a_few_times(attempt: Attempt, key: int, amounts: tuple[int, int]) -> None:
    async with colleague_at_work(attempt, key, amounts[0]) as colleague:
        with until_refused(attempt.engine, colleague, times=A_FEW) as refused:
            got = await attempt.call(attempt.sessions, key, amounts[1], expected=REFUSALS)
    _no_refusal_gets_through(attempt, got, len(refused))
    await _both_are_taken(attempt, key, got, amounts)
    attempt.require(attempt.left_open() == 0, "leaked session", f"`{attempt.name}` left a connection open.")


async def _both_are_taken(attempt: Attempt, key: int, got: object, amounts: tuple[int, int]) -> None:
    [left] = await balances(attempt, key)
    colleague, cents = amounts
    report = (
        f"A colleague took {colleague} cents, and `{attempt.name}` {cents}, from an account of 100000. It returned "
        f"{got!r:.60}, and the account holds {left}"
    )
    attempt.require(
        left != 100_000 - colleague,
        "only the end run again",
        f"{report}: nothing was taken. A refused attempt is rolled back, with everything it had changed.",
    )
    attempt.require(
        left != 100_000 - cents,
        "lost update",
        f"{report}: the colleague's {colleague} are lost. Which balance did the second attempt calculate with?",
    )
    wanted = 100_000 - colleague - cents
    attempt.require(left == wanted, "wrong amounts", f"{report}; {wanted} would be right.")
    attempt.require(got == wanted, "wrong balance returned", f"{report}. What is left was to be returned.")


def _no_refusal_gets_through(attempt: Attempt, got: object, times: int) -> None:
    refused = f"A colleague was in the way, and the first attempt of `{attempt.name}` was refused."
    attempt.require(
        not isinstance(got, PendingRollbackError),
        "only the end run again",
        f"{refused} What ran again then met a PendingRollbackError: the session is still the one that failed, and what "
        "it had read is old.",
    )
    ended = f"ended with {told(got)}" if isinstance(got, REFUSALS) else f"returned {got!r:.60}"
    if isinstance(got, DBAPIError) and not is_conflict(got):
        raise attempt.not_yet("wrong amounts", f"{refused} It {ended}.")
    if not isinstance(got, REFUSALS) and (got is not None or times == A_FEW):
        return
    attempt.require(
        times > 1,
        "gives up at once",
        f"{refused} It {ended}. The same work succeeds a little later, when the colleague has committed.",
    )
    raise attempt.not_yet(
        "gives up too early",
        f"A colleague was in the way for {A_FEW} attempts. `{attempt.name}` was refused {times} times, and {ended}. "
        f"After {A_FEW} refusals it was to try once more.",
    )


async def _other_errors_reach_the_caller(attempt: Attempt, key: int) -> None:
    asked = f"`{attempt.name}` was asked for 900000 cents, which the table refuses, and"
    why = "Nobody is in the way there, and no second attempt helps: the caller has to hear of it."
    again = f"{asked} tried it again and again. An IntegrityError is a DBAPIError, too. {why}"
    with errors_at_most(attempt.engine, 100, NotYet("swallowed IntegrityError", again)):
        got = await attempt.call(
            attempt.sessions, key, 900_000, expected=(IntegrityError, CourseError, ValueError)
        )
    attempt.require(
        isinstance(got, Exception), "swallowed IntegrityError", f"{asked} returned {got!r:.60}. {why}"
    )


async def _gives_up_in_the_end(attempt: Attempt, key: int) -> None:
    async with colleague_at_work(attempt, key, 1) as colleague:
        with until_refused(attempt.engine, colleague, times=MOST + 1) as refused:
            got = await attempt.call(attempt.sessions, key, 100, expected=REFUSALS)
    attempt.require(
        len(refused) <= MOST,
        "never gives up",
        f"A colleague took the lock and kept it. `{attempt.name}` was refused {MOST} times, and went on. Whoever "
        "called it waits for ever, and the database is asked again and again. Where does it end?",
    )
    attempt.require(
        isinstance(got, Exception),
        "error swallowed",
        f"A colleague took the lock and kept it. `{attempt.name}` was refused {len(refused)} times, gave up, and "
        f"returned {got!r:.60}. Nothing was taken, and the caller has to hear of it.",
    )
