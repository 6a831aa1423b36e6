"""Exercise 05.3, The mail comes last: no mail is written before the money has moved for good."""

from typing import Any

from course_lib.lab.faults import power_cut
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import account_of, balances


@judge("05.3")
async def the_mail_comes_last(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call(), every=True)
    pay = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def pay(session, payer, payee, cents, mails):",
        names={"Account": Account},
    )
    await _paid_and_told(attempt, pay)
    payer, payee = await account_of(attempt, "juno"), await account_of(attempt, "olek")
    written: list[str] = []
    with power_cut(attempt.engine, "COMMIT"):
        async with attempt.sessions() as session:
            await attempt.call(session, payer, payee, 700, written, function=pay, expected=(ConnectionError,))
    attempt.require(
        not written,
        "mail too early",
        "The power went in the moment of the commit, so no money moved. The mail was written all the same: "
        f"{written!r}.",
    )


async def _paid_and_told(attempt: Attempt, pay: Any) -> None:
    payer, payee = await account_of(attempt, "mira"), await account_of(attempt, "yuki")
    cents = attempt.chance.choice((300, 500))
    mails: list[str] = []
    async with attempt.sessions() as session:
        await attempt.call(session, payer, payee, cents, mails, function=pay)
    left = await balances(attempt, payer, payee)
    holds = f"After a payment of {cents} cents, the payer holds {left[0]} and the payee {left[1]}, of 100000 each."
    attempt.require(
        left != [100_000, 100_000],
        "commit too early",
        f"{holds} Nothing had changed by the time of the commit: what did it find to keep?",
    )
    attempt.require(
        left == [100_000 - cents, 100_000 + cents],
        "half of it kept",
        f"{holds} One of the two changes came behind the commit, and nobody kept it.",
    )
