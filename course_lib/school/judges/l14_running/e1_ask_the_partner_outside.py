"""Exercise 14.1, Ask the partner outside: nothing is held while somebody else takes their time."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from course_lib.lab.faults import in_front_of_the_first
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.bank_accounts import account_of
from course_lib.school.stages.races import colleague_at_work, until_refused, without_patience
from course_lib.school.stages.shop_tables import Order, open_shop

OF_OTHERS = "paid by phone"


class Refusal(Exception):
    """The partner gives no receipt."""


class Partner:
    """Takes the money each time it is asked, and looks at what the shop holds meanwhile."""

    def __init__(self, attempt: Attempt, meanwhile: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.attempt, self.meanwhile = attempt, meanwhile
        self.asked: list[tuple[object, ...]] = []
        self.held = 0
        self.again = False
        self.receipts: list[str] = []
        self.begun: list[Coroutine[Any, Any, str]] = []

    def ask(self, order: int, cents: Any) -> Coroutine[Any, Any, str]:
        self.begun += [each for each in (cents, self._ask(order, cents)) if isinstance(each, Coroutine)]
        return self.begun[-1]

    def let_go(self) -> None:
        """Of what nobody awaited, or Python warns of it in some later cell."""
        for each in self.begun:
            each.close()

    async def _ask(self, order: int, cents: Any) -> str:
        self.asked.append((order, cents))
        self.held = max(self.held, self.attempt.left_open())
        marks = [each.text for each in self.attempt.sent.everything if each.is_mark]
        self.again |= "COMMIT" in marks or "ROLLBACK" in marks
        if self.meanwhile is not None:
            await self.meanwhile()
        self.receipts.append(f"receipt {order}-{len(self.asked)}")
        return self.receipts[-1]


@judge("14.1", on=BOTH)
async def nothing_held_meanwhile(attempt: Attempt) -> None:
    await open_shop(attempt)
    first = attempt.chance.randint(20, 60)
    for key in range(first, first + 5):
        await attempt.change(insert(Order).values(id=key, cents=key * 100))
    await _asked_outside(attempt, first)
    await _paid_before(attempt, first)
    await _paid_meanwhile(attempt, first + 1)
    await _partner_refuses(attempt, first + 2)
    if attempt.database == "sqlite":
        await _somebody_in_the_way(attempt, first + 3)
    else:
        await _paid_in_the_last_moment(attempt, first + 3)


async def _call(attempt: Attempt, key: int, partner: Partner, *expected: type[Exception]) -> Any:
    try:
        return await attempt.call(attempt.sessions, key, partner.ask, expected=expected)
    finally:
        partner.let_go()


async def _receipt(attempt: Attempt, key: int) -> Any:
    return await attempt.scalar(select(Order.receipt).where(Order.id == key))


async def _asked_outside(attempt: Attempt, key: int) -> None:
    partner = Partner(attempt)
    got = await _call(attempt, key, partner)
    called = f"`{attempt.name}(sessions, {key}, partner)`, for an order of {key * 100} cents,"
    attempt.require(
        partner.asked == [(key, key * 100)],
        "partner not asked once",
        f"{called} asked the partner {partner.asked}. Once, with the order and its cents, was wanted.",
    )
    if partner.held:
        raise attempt.not_yet(
            "session in use again" if partner.again else "connection held",
            f"While {called} waited for the partner, it held {partner.held} of the pool's connections. "
            + (
                "It had ended a transaction, and the next statement began another."
                if partner.again
                else "As long as the partner takes, nobody else has it."
            ),
        )
    found = await _receipt(attempt, key)
    attempt.require(
        found is not None,
        "commit missing",
        f"{called} returned {got!r:.40}. The order has no receipt in the end.",
    )
    attempt.require(found == partner.receipts[0], "wrong receipt", f"{called} wrote the receipt {found!r}.")
    others = select(Order.id).where(Order.receipt.is_not(None), Order.id != key)
    attempt.require(
        not await attempt.rows(others), "other orders paid", f"{called} gave a receipt to others, too."
    )
    attempt.require(
        got is True,
        "not True or False",
        f"{called} wrote the receipt, and returned {got!r:.40} in place of True.",
    )


async def _paid_before(attempt: Attempt, key: int) -> None:
    partner = Partner(attempt)
    got = await _call(attempt, key, partner)
    called = f"Order {key} had been paid, and `{attempt.name}` was called for it again. It"
    attempt.require(
        not partner.asked, "paid order charged", f"{called} asked the partner for the money again."
    )
    attempt.require(got is False, "not True or False", f"{called} returned {got!r:.40} in place of False.")


async def _paid_meanwhile(attempt: Attempt, key: int) -> None:
    async def by_phone() -> None:
        await attempt.change(update(Order).where(Order.id == key).values(receipt=OF_OTHERS))

    got = await _call(attempt, key, Partner(attempt, by_phone))
    called = f"While `{attempt.name}` waited for the partner, a colleague had order {key} paid by phone."
    attempt.require(
        await _receipt(attempt, key) == OF_OTHERS,
        "written without looking",
        f"{called} That receipt has been overwritten: what was read before the call is old behind it.",
    )
    attempt.require(
        got is False, "other receipt unnoticed", f"{called} It returned {got!r:.40} in place of False."
    )


async def _paid_in_the_last_moment(attempt: Attempt, key: int) -> None:
    """Between the read and the write of the end, where nobody makes the colleague wait."""
    paid: list[bool] = []

    async def by_phone() -> None:
        with suppress(DBAPIError):
            async with attempt.engine.begin() as connection:
                await connection.execute(text("SET LOCAL lock_timeout = 20"))  # milliseconds
                await connection.execute(update(Order).where(Order.id == key).values(receipt=OF_OTHERS))
            paid.append(True)

    met = f"UPDATE {Order.__tablename__}"
    partner = Partner(attempt)
    with in_front_of_the_first(attempt.engine, met, by_phone):
        got = await _call(attempt, key, partner)
    if paid:
        attempt.require(
            (await _receipt(attempt, key), got) == (OF_OTHERS, False),
            "row not locked",
            f"`{attempt.name}` had looked at order {key} again, and was about to write its receipt, when a colleague "
            f"had it paid by phone: no lock made them wait. It returned {got!r:.40}, and their receipt is overwritten.",
        )


async def _partner_refuses(attempt: Attempt, key: int) -> None:
    async def refuse() -> None:
        raise Refusal(f"no money for order {key}")

    partner = Partner(attempt, refuse)
    got = await _call(attempt, key, partner, Refusal)
    told = f"The partner refused order {key}, with an error. `{attempt.name}`"
    attempt.require(
        isinstance(got, Refusal),
        "refusal swallowed",
        f"{told} returned {got!r:.40}: the caller has to hear of it.",
    )
    attempt.require(len(partner.asked) == 1, "called twice", f"{told} asked {len(partner.asked)} times.")
    attempt.require(
        await _receipt(attempt, key) is None, "wrong receipt", f"{told} wrote a receipt all the same."
    )


async def _somebody_in_the_way(attempt: Attempt, key: int) -> None:
    """A colleague has the write lock when the partner has answered, and commits when somebody has been refused."""
    await without_patience(attempt)
    account = await account_of(attempt, "mira")
    async with AsyncExitStack() as stack:

        async def take_the_lock() -> None:
            if len(partner.asked) == 1:
                colleague = await stack.enter_async_context(colleague_at_work(attempt, account, 100))
                stack.enter_context(until_refused(attempt.engine, colleague, times=1))

        partner = Partner(attempt, take_the_lock)
        got = await _call(attempt, key, partner, DBAPIError)
    told = (
        f"The partner had given its receipt for order {key}, and the write was refused once: a colleague was writing, "
        f"and ready a moment later. `{attempt.name}`"
    )
    attempt.require(
        len(partner.asked) == 1,
        "called twice",
        f"{told} asked the partner {len(partner.asked)} times, and the money was taken each time. Only the write "
        "has to be done again.",
    )
    attempt.require(
        not isinstance(got, Exception),
        "receipt lost",
        f"{told} gave up with {type(got).__name__}. The money has been taken, and nobody wrote it down.",
    )
    attempt.require(
        await _receipt(attempt, key) == partner.receipts[0],
        "receipt lost",
        f"{told} returned {got!r:.40}. No receipt.",
    )
