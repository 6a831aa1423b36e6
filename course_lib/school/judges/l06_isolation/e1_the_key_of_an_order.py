"""Exercise 06.1, The key of an order: an order is paid once, and two orders are two."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.transactions import transfer_funds


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
        "async with sessions.begin() as session:",
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
