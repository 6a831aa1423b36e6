"""Exercise 12.5, The doubled sum: what is added up over a join is added up once for each row of the join."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Account, Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l12_indexes.rows_of_values import (
    add_person,
    any_order,
    everybody,
    in_two_statements,
    tuples,
)
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.returned_lists import shown

Wealth = dict[str, tuple[list[int], int, int]]
"""By name: the balances, the number of published posts, and that of all posts."""


@judge("12.5", on=BOTH)
async def each_balance_once(attempt: Attempt) -> None:
    await _opened(attempt)
    await any_order(attempt)
    wanted = await _wanted(attempt)
    async with attempt.sessions() as session:
        got = await _called(attempt, session)
    rows = tuples(attempt, got, of="triples", width=3)
    names = [name for name, _, _ in rows]
    everyone = list(wanted)
    _each_person_once(attempt, names, everyone)
    for name, cents, posts in rows:
        _right(attempt, name, cents, posts, wanted)
    attempt.require(
        names == everyone,
        "order lost",
        f"`{attempt.name}` returned everybody, beginning with {names[0]}; {everyone[0]} comes first.",
    )
    in_two_statements(attempt, len(everyone))


async def _called(attempt: Attempt, session: AsyncSession) -> object:
    """What the answer returns; a division by zero gets its name."""
    try:
        return await attempt.call(session)
    except NotYet as fault:
        if "division" in fault.told.lower():
            raise attempt.not_yet(*_divided(fault.told)) from None
        raise


async def _opened(attempt: Attempt) -> None:
    """Two accounts with the same balance, and three of two balances; one who has nothing, an account alone, posts
    alone, drafts alone, an empty account; and numbers of posts that differ."""
    keys = {name: await add_person(attempt, name) for name in ("nora", "bela", "quinn", "dag")}
    keys |= {name: await attempt.key(name) for name in ("mira", "tomas", "sam", "olek")}
    accounts = [
        ("mira", 100_000),
        ("tomas", 2_500),
        ("tomas", 2_500),
        ("bela", 70_000),
        ("bela", 5_000),
        ("dag", 900),
        ("olek", 0),
    ]
    posts = [
        ("quinn", 3, True),
        ("quinn", 1, False),
        ("dag", 2, False),
        ("tomas", 4, True),
        ("mira", 2, False),
    ]
    await attempt.change(
        update(Post).where(Post.author_id == keys["olek"], Post.published).values(published=False),
        delete(Account).where(Account.owner_id == keys["sam"]),
        insert(Account).values([{"owner_id": keys[name], "balance": cents} for name, cents in accounts]),
        insert(Post).values(
            [
                {
                    "author_id": keys[name],
                    "title": "More",
                    "content": "…",
                    "published": published,
                    "created_at": FIRST_POST_AT + timedelta(days=1),
                }
                for name, times, published in posts
                for _ in range(times)
            ]
        ),
    )


async def _wanted(attempt: Attempt) -> Wealth:
    balances = await attempt.rows(select(User.username, Account.balance).join(Account.owner))
    posts = await attempt.rows(select(User.username, Post.published).join(Post.author))
    return {
        name: (
            [cents for owner, cents in balances if owner == name],
            sum(published for author, published in posts if author == name),
            sum(author == name for author, _ in posts),
        )
        for name in await everybody(attempt)
    }


def _each_person_once(attempt: Attempt, names: Sequence[str], everyone: Sequence[str]) -> None:
    returned = f"`{attempt.name}` returned {len(names)} rows, and there are {len(everyone)} people."
    stranger = [name for name in names if name not in everyone]
    attempt.require(not stranger, "not a username", f"{returned} One begins with {shown(stranger[:1])}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    attempt.require(
        twice is None, "people repeated", f"{returned} {twice} comes {names.count(twice or '')} times."
    )
    missing = [name for name in everyone if name not in names]
    attempt.require(
        not missing,
        "inner join loses who has none",
        f"{returned} {', '.join(missing)} are missing: they have no account, or no published post, or neither. "
        "A join keeps whom it finds on both sides, and so does a condition on the other side in WHERE.",
    )


def _right(attempt: Attempt, name: str, cents: Any, posts: Any, wanted: Wealth) -> None:
    balances, written, drafts_too = wanted[name]
    owned = sum(balances)
    if (cents, posts) == (owned, written):
        return
    said = (
        f"For {name}, who has {len(balances)} account{'s' * (len(balances) != 1)} with {owned} cents and {written} "
        f"published post{'s' * (written != 1)}, `{attempt.name}` says {shown(cents)} and {shown(posts)}."
    )
    attempt.require(
        (cents, posts) != (written, owned), "values swapped", f"{said} First the cents, then the posts."
    )
    _a_number_each(attempt, cents, posts, said, divided=not written)
    attempt.require(
        cents == owned or cents != sum(set(balances)),
        "sum(distinct)",
        f"{said} Two of the balances are equal, and DISTINCT takes them for one: it looks at the number, and not at "
        "whose it is.",
    )
    attempt.require(
        cents <= owned or not owned or cents % owned,
        "multiplied by the join",
        f"{said} A join has a row for each account with each post. Added up over it, every balance counts once for "
        "each post.",
    )
    attempt.require(cents == owned, "wrong sum", f"{said} Each balance is to be added once.")
    attempt.require(
        len(balances) < 2 or posts != written * len(balances),
        "multiplied by the join",
        f"{said} A join has a row for each account with each post, and so each post counts once for each account.",
    )
    attempt.require(posts != drafts_too, "drafts counted", f"{said} There are drafts as well.")
    attempt.require(
        len(balances) or posts,
        "no account, no posts",
        f"{said} The posts are lost with the account that is not there.",
    )
    attempt.require(
        written or posts != 1,
        "count(*) counts the empty side",
        f"{said} Who published nothing is still a row of the outer join, and count(*) counts rows. A column of the "
        "empty side is not counted.",
    )
    raise attempt.not_yet("wrong posts", f"{said} Published ones are counted, and each once.")


def _a_number_each(attempt: Attempt, cents: Any, posts: Any, said: str, *, divided: bool) -> None:
    if cents is None or posts is None:
        sent = " ".join(statement.text for statement in attempt.sent)
        attempt.require(not divided or "/" not in sent, *_divided(said))
        raise attempt.not_yet("NULL in place of 0", f"{said} The sum of no rows is NULL. 0 was asked for.")
    numbers = all(isinstance(each, int | float | Decimal) for each in (cents, posts))
    attempt.require(numbers, "not numbers", f"{said} Numbers were asked for.")


def _divided(said: str) -> tuple[str, str]:
    return (
        "divided afterwards",
        f"{said} To divide what the join has multiplied goes wrong where there is no post to divide by.",
    )
