"""Exercise 05.1, The rent and the fee: both payments are kept, or neither."""

from course_lib.errors import InsufficientFunds
from course_lib.models import Account
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.registry import judge
from course_lib.school.stages.bank_accounts import PEOPLE, account_of, balances
from course_lib.transactions import transfer_funds, unit_of_work


@judge("05.1")
async def rent_and_fee(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    payer, landlord, bank = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 3)]
    names = {"sessions": attempt.sessions, "transfer_funds": transfer_funds, "unit_of_work": unit_of_work}
    names |= {"Account": Account, "payer": payer, "landlord": landlord, "bank": bank}
    pay = attempt.program([attempt.blocks[letter]], first="async def pay(rent, fee):", names=names)
    await attempt.call(30_000, 20_000, function=pay)
    attempt.require(
        await balances(attempt, payer, landlord, bank) == [50_000, 130_000, 120_000],
        "commit missing",
        f"Option {letter} paid a rent of 30000 and a fee of 20000 cents, and no error came. In another session "
        f"the payer still holds {(await balances(attempt, payer))[0]}. What does the end of the block send?",
    )
    await attempt.call(10_000, 60_000, function=pay, expected=(InsufficientFunds,))
    left = await balances(attempt, payer, landlord, bank)
    attempt.require(
        left == [50_000, 130_000, 120_000],
        "half of it kept",
        f"The payer held 50000 cents, for a rent of 10000 and a fee of 60000. Option {letter} ended with "
        f"InsufficientFunds, and now the payer holds {left[0]}: the rent is paid, and the fee is not.",
    )
