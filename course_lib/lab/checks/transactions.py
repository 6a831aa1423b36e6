"""Lesson 05: what is kept when something goes wrong in the middle, and who says commit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError, InsufficientFunds
from course_lib.lab.judging.attempts import Attempt, judge
from course_lib.lab.judging.sandbox import NotYet, told
from course_lib.lab.judging.savepoints import flushed_before, savepoints_of
from course_lib.models import Account, Tag, Transfer, User
from course_lib.transactions import transfer_funds, unit_of_work

PEOPLE = ("mira", "tomas", "yuki", "amara", "juno", "olek")
MUCH = 900_000
"""Cents that nobody has: each account begins with 100,000."""
OF_THE_CALLER = "a tag of the caller"
NO_ACCOUNT = 9_999
LONGEST = "fifty" * 10
TOO_LONG = f"{LONGEST}!"


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


@judge("05.2")
async def an_account_with_a_gift(attempt: Attempt) -> None:
    owner = await attempt.key("sam")
    sponsor = await account_of(attempt, attempt.chance.choice(("mira", "tomas", "yuki")))
    cents = attempt.chance.choice((1_500, 2_500))
    error = await _gift_refused(attempt, owner, sponsor)
    sent = attempt.sent
    await _caller_rolls_back(attempt, owner, sponsor, cents)
    await _gift_is_explained(attempt, await _caller_commits(attempt, owner, sponsor, cents), sponsor, cents)
    if not isinstance(error, Exception):
        raise NotYet(
            "error swallowed",
            f"The sponsor held 100000 cents, and `{attempt.name}` was asked for a gift of {MUCH}. It returned "
            f"{error!r:.60}, so the caller does not hear of the refusal. Let the error go on.",
            sent=sent,
        )


async def _gift_refused(attempt: Attempt, owner: int, sponsor: int) -> object:
    """The error that the caller gets."""
    async with attempt.sessions() as session:
        await _add_own_tag(session)
        error = await attempt.call(session, owner, sponsor, MUCH, expected=(CourseError, IntegrityError))
        kept = await _sees_own_tag(session)
    attempt.require(
        len(await _accounts(attempt, owner)) == 1,
        "half of it kept",
        f"The sponsor held 100000 cents, and `{attempt.name}` was asked for a gift of {MUCH}. The gift was refused, "
        "and the caller never said commit. The owner has an empty account all the same.",
    )
    attempt.require(
        kept,
        "transaction ended",
        f"A caller added a tag and called `{attempt.name}`. The gift was refused, and when the error came, the tag was "
        "gone as well: the caller's transaction was rolled back. The caller began it; who decides how it ends?",
    )
    return error


async def _caller_rolls_back(attempt: Attempt, owner: int, sponsor: int, cents: int) -> None:
    async with attempt.sessions() as session:
        await _add_own_tag(session)
        await attempt.call(session, owner, sponsor, cents)
        await session.rollback()
    sent_something(attempt, "session")
    attempt.require(
        len(await _accounts(attempt, owner)) == 1 and not await _own_tag(attempt),
        "commits for the caller",
        f"A caller added a tag, called `{attempt.name}`, and rolled back. The tag and the account are there all "
        "the same. The caller opened the session: who says commit?",
    )


async def _caller_commits(attempt: Attempt, owner: int, sponsor: int, cents: int) -> int:
    """The id of the new account."""
    async with attempt.sessions() as session:
        await session.get(User, owner)
        got = await attempt.call(session, owner, sponsor, cents)
        await _commit(attempt, session)
    new = (await _accounts(attempt, owner))[1:]
    attempt.require(
        len(new) == 1,
        "account missing",
        f"A caller called `{attempt.name}` and committed. There are {len(new)} new accounts; one was asked for.",
    )
    attempt.require(
        isinstance(got, int) and got == new[0],
        "not the id",
        f"`{attempt.name}` returned {got!r:.60}; the new account has the id {new[0]}.",
    )
    return new[0]


async def _gift_is_explained(attempt: Attempt, account: int, sponsor: int, cents: int) -> None:
    found = await balances(attempt, account, sponsor)
    attempt.require(
        found == [cents, 100_000 - cents],
        "gift missing",
        f"For a gift of {cents} cents the new account holds {found[0]}, and the sponsor has {found[1]} of 100000.",
    )
    line = select(Transfer.from_account_id, Transfer.amount).where(Transfer.to_account_id == account)
    attempt.require(
        await attempt.rows(line) == [(sponsor, cents)],
        "ledger line missing",
        f"The gift of {cents} cents is in both balances, and no row of the table `transfers` tells where it came from. "
        "`transfer_funds` writes that row together with the balances.",
    )


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
    with power_cut(attempt, "COMMIT"):
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
        left != [100_000, 100_000], "commit missing", f"{holds} What did the commit find to keep?"
    )
    attempt.require(left == [100_000 - cents, 100_000 + cents], "half of it kept", holds)


@judge("05.4")
async def tags_out_of_a_file(attempt: Attempt) -> None:
    taken = attempt.chance.choice(("bread", "chess", "maps"))
    good, bad = ["owls", "rain", "moss", LONGEST, "tea"], [taken, "owls", TOO_LONG]
    names = ["owls", taken, "rain", "moss", "owls", TOO_LONG, LONGEST, "tea"]
    async with attempt.sessions() as session:
        await _add_own_tag(session)
        with savepoints_of(session) as savepoints:
            got = await attempt.call(session, names, expected=(IntegrityError, PendingRollbackError))
        _no_bad_row_gets_through(attempt, got, taken, savepoints)
        await _commit(attempt, session)
    await _all_good_rows_are_there(attempt, good, with_savepoints=any(savepoints))
    attempt.require(
        isinstance(got, list | tuple) and list(got) == bad,
        "wrong names left out",
        f"`{attempt.name}` returned {got!r:.200}. Left out are {taken!r}, which is taken, the second 'owls', "
        "and the name of 51 letters, in this order.",
    )
    await _names_rolled_back(attempt)


def _no_bad_row_gets_through(attempt: Attempt, got: object, taken: str, savepoints: list[bool]) -> None:
    attempt.require(
        not isinstance(got, IntegrityError),
        "one row sinks all",
        f"`{attempt.name}` got eight names, of which {taken!r} is taken, 'owls' comes twice and one has 51 letters. "
        f"It ended with {told(got) if isinstance(got, IntegrityError) else ''}, where the bad names were to be left "
        "out and the others kept.",
    )
    if not isinstance(got, PendingRollbackError):
        return
    attempt.require(
        not flushed_before(attempt, savepoints),
        "flushed before the savepoint",
        f"`{attempt.name}` begins savepoints, and in the table the INSERT of {taken!r} stands in none of them, so its "
        "refusal took back the whole transaction. `begin_nested` flushes what the session was told before, and begins "
        "the savepoint then. What has to happen inside the block?",
    )
    raise attempt.not_yet(
        "session left broken",
        f"`{attempt.name}` went on behind a bad name, and got a PendingRollbackError: after a failed flush the "
        "session answers nothing else until it is rolled back. All of it?",
    )


async def _all_good_rows_are_there(attempt: Attempt, good: Sequence[str], *, with_savepoints: bool) -> None:
    found = await attempt.rows(select(Tag.name).where(Tag.name.in_(good)))
    lost = [_shown(name) for name in good if (name,) not in found]
    attempt.require(
        await _own_tag(attempt),
        "transaction ended" if with_savepoints else "swallowed IntegrityError",
        f"The caller added a tag and called `{attempt.name}`, which reported no error. Then the caller committed. "
        f"Gone are the caller's tag and {', '.join(lost) or 'nothing else'}: what the rollback took was more than "
        "the bad row.",
    )
    attempt.require(
        not lost,
        "good rows lost",
        f"The caller committed. Not in the table, though nothing is wrong with it: {', '.join(lost)}.",
    )


def _shown(name: str) -> str:
    return f"the name of {len(name)} letters" if len(name) > 20 else name


async def _names_rolled_back(attempt: Attempt) -> None:
    async with attempt.sessions() as session:
        await session.scalar(select(func.count(Tag.id)))
        await attempt.call(session, ["fog", "bread", "dew"])
        await session.rollback()
    kept = await attempt.rows(select(Tag.name).where(Tag.name.in_(["fog", "dew"])).order_by(Tag.id))
    attempt.require(
        not kept,
        "commits for the caller",
        f"A caller called `{attempt.name}` with 'fog', 'bread' and 'dew', and then rolled back. "
        f"{', '.join(repr(name) for (name,) in kept)} stayed in the table. Who opened the session?",
    )


@judge("05.5")
async def who_can_be_paid_is_paid(attempt: Attempt) -> None:
    payer, *others = [await account_of(attempt, name) for name in attempt.chance.sample(PEOPLE, 5)]
    cents = attempt.chance.choice((20_000, 30_000))
    wages = [(others[0], cents), (NO_ACCOUNT, 500), (others[1], MUCH), (others[2], cents), (others[3], 5_000)]
    got = await attempt.call(attempt.sessions, payer, wages, expected=(CourseError, IntegrityError))
    sent_something(attempt, "sessions")
    await _the_others_are_paid(attempt, payer, wages, got)
    attempt.require(
        isinstance(got, list | tuple) and list(got) == [NO_ACCOUNT, others[1]],
        "wrong list",
        f"`{attempt.name}` returned {got!r:.80}. Not paid are {[NO_ACCOUNT, others[1]]}: there is no account "
        f"{NO_ACCOUNT}, and {MUCH} cents are more than the payer has.",
    )
    attempt.require(
        attempt.left_open() == 0,
        "leaked session",
        f"`{attempt.name}` has ended, and {attempt.left_open()} connection is still in use.",
    )
    await _cut_in_the_middle(attempt, payer, [(other, 1_000) for other in others])


async def _the_others_are_paid(
    attempt: Attempt, payer: int, wages: Sequence[tuple[int, int]], got: object
) -> None:
    possible = {key: cents for key, cents in wages if cents < MUCH and key != NO_ACCOUNT}
    [left, *found] = await balances(attempt, payer, *possible)
    paid = [key for key, balance in zip(possible, found, strict=True) if balance != 100_000]
    ended = f"ended with {told(got)}" if isinstance(got, Exception) else f"returned {got!r:.80}"
    report = f"`{attempt.name}` {ended}. Of the accounts {', '.join(map(str, possible))}, which can be paid,"
    attempt.require(
        paid or not _has_tried_all(attempt, possible),
        "commit missing",
        f"{report} none holds another balance than before, although all of it was sent. Who said commit?",
    )
    attempt.require(
        len(paid) == len(possible),
        "one row sinks all",
        f"{report} {', '.join(map(str, paid)) or 'none'} got the money. An entry that is impossible is left out "
        "alone.",
    )
    attempt.require(
        [left, *found]
        == [100_000 - sum(possible.values()), *(100_000 + cents for cents in possible.values())],
        "wrong amounts",
        f"{report} the wages are {list(possible.values())}. They hold {found} now, and the payer {left}.",
    )


def _has_tried_all(attempt: Attempt, possible: dict[int, int]) -> bool:
    """Whether the last of the possible accounts was changed, kept or not."""
    changes = [each for each in attempt.sent if each.text.startswith("UPDATE accounts")]
    return len(changes) >= 2 * len(possible)


async def _cut_in_the_middle(attempt: Attempt, payer: int, wages: Sequence[tuple[int, int]]) -> None:
    before = await balances(attempt, payer, *(key for key, _ in wages))
    with power_cut(attempt, "UPDATE accounts", times=4):
        await attempt.call(attempt.sessions, payer, wages, expected=(ConnectionError,))
    after = await balances(attempt, payer, *(key for key, _ in wages))
    attempt.require(
        before == after,
        "half of it kept",
        f"The power went in the middle of four wages of 1000 cents. The payer held {before[0]} and holds {after[0]} "
        "now: some are paid. Nobody can send the list again without paying those twice.",
    )


@contextmanager
def power_cut(attempt: Attempt, text: str, *, times: int = 1) -> Iterator[None]:
    """The power goes when a statement that begins like this comes for the n-th time; what comes later is cut, too."""
    left = times
    engine = attempt.engine.sync_engine

    def cut(sent: str) -> None:
        nonlocal left
        left -= sent.startswith(text)
        if left <= 0:
            raise ConnectionError("the power is gone")

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": lambda connection, cursor, sent, *_: cut(sent),
        "commit": lambda connection: cut("COMMIT"),
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


async def account_of(attempt: Attempt, username: str) -> int:
    """The id of the account that a sample person holds."""
    account = select(Account.id).join(Account.owner).where(User.username == username)
    return int(await attempt.scalar(account.order_by(Account.id)))


async def balances(attempt: Attempt, *accounts: int) -> list[int]:
    """What is committed, in the order of these keys."""
    found = select(Account.id, Account.balance).where(Account.id.in_(accounts))
    by_key = dict(await attempt.rows(found))
    return [by_key[key] for key in accounts]


async def _accounts(attempt: Attempt, owner: int) -> list[int]:
    rows = await attempt.rows(select(Account.id).where(Account.owner_id == owner).order_by(Account.id))
    return [key for (key,) in rows]


async def _add_own_tag(session: AsyncSession) -> None:
    session.add(Tag(name=OF_THE_CALLER))
    await session.flush()


async def _own_tag(attempt: Attempt) -> bool:
    return await attempt.scalar(select(Tag.id).where(Tag.name == OF_THE_CALLER)) is not None


async def _sees_own_tag(session: AsyncSession) -> bool:
    """Whether the caller's transaction goes on. One in which a flush has failed has not ended: it waits for its end."""
    try:
        return await session.scalar(select(Tag.id).where(Tag.name == OF_THE_CALLER)) is not None
    except PendingRollbackError:
        return True


def sent_something(attempt: Attempt, given: str) -> None:
    attempt.require(
        attempt.sent.everything,
        "nothing sent",
        f"`{attempt.name}` sent nothing through the `{given}` that it was given. Does it ask the database at all, and "
        "not through another session, such as one of the notebook?",
    )


async def _commit(attempt: Attempt, session: AsyncSession) -> None:
    """As the caller does. A session that cannot is the function's doing."""
    try:
        await session.commit()
    except SQLAlchemyError as error:
        raise attempt.not_yet(
            "session left broken",
            f"`{attempt.name}` reported no error, and the caller's commit failed behind it: {told(error)}",
        ) from None
