"""Exercise 07.3, A page of people: the limit counts people, and nothing is fetched in vain."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from course_lib.models import Account, Post, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l07_eager_loading.what_came_back import call, nobody_twice, pairs, rows_fetched
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, forget_order, limited_in_order


@judge("07.3")
async def people_with_published_posts(attempt: Attempt) -> None:
    await _people_of_all_kinds(attempt)
    for limit in (4, attempt.chance.choice((5, 6))):
        wanted = await _first_people(attempt, limit)
        async with attempt.sessions() as session:
            got = await call(attempt, session, limit)
        called = f"`{attempt.name}(session, {limit})`"
        page = pairs(attempt, got, called)
        all_of(attempt, [name for name, _ in page], str, of="usernames", called=called)
        for name, titles in page:
            _list_of_titles(attempt, titles, f"{called}, beside {name!r},")
        await _no_draft(attempt, called, page)
        limited_in_order(attempt, called)
        _right_people(attempt, called, [name for name, _ in page], wanted)
        _right_titles(attempt, called, page, wanted)
        _no_row_too_many(attempt, called, limit + sum(map(len, wanted.values())))


async def _first_people(attempt: Attempt, limit: int) -> dict[str, list[str]]:
    """Their published titles by their names."""
    people = await attempt.rows(select(User.id, User.username).order_by(User.id).limit(limit))
    return {name: [title for (title,) in await attempt.rows(_published_titles(key))] for key, name in people}


def _list_of_titles(attempt: Attempt, titles: object, called: str) -> None:
    attempt.require(
        titles is not None and titles != [None],
        "no list for nobody's posts",
        f"{called} returned {titles}. Who has published nothing has an empty list.",
    )
    all_of(attempt, a_list(attempt, titles, of="titles", called=called), str, of="titles", called=called)


async def _no_draft(attempt: Attempt, called: str, page: Sequence[tuple[Any, Any]]) -> None:
    drafts = {title for (title,) in await attempt.rows(select(Post.title).where(~Post.published))}
    found = [title for _, titles in page for title in titles if title in drafts]
    attempt.require(
        not found, "collection not filtered", f"{called} shows {''.join(found[:1])!r}, which is a draft."
    )


def _right_people(
    attempt: Attempt, called: str, names: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> None:
    first, limit = list(wanted), len(wanted)
    nobody_twice(attempt, names)
    attempt.require(
        len(names) <= limit,
        "LIMIT unused",
        f"{called} returned {len(names)} people; {limit} were asked for.",
    )
    full = any(sent.rows == limit and "LIMIT" in sent.text for sent in attempt.sent)
    attempt.require(
        names == first or names != first[: len(names)] or not full,
        "LIMIT counts rows",
        f"{called} returned {len(names)} of the {limit} people that were asked for. The statement with LIMIT "
        f"gave {limit} rows: of what is each one?",
    )
    loud = [name for name in first if wanted[name]]
    attempt.require(
        names == first or names[: len(loud)] != loud,
        "people left out",
        f"{called} returned {', '.join(names)}. The first {limit} by their keys are {', '.join(first)}: "
        "who has published nothing stands on the page, too.",
    )
    attempt.require(
        names == first or sorted(names) != sorted(first),
        "order lost",
        f"{called} returned {', '.join(names)}; in the order of their keys they are {', '.join(first)}.",
    )
    attempt.require(
        names == first,
        "wrong people",
        f"{called} returned {', '.join(names) or 'nobody'}. The first {limit} by their keys are "
        f"{', '.join(first)}.",
    )


def _right_titles(
    attempt: Attempt, called: str, page: Sequence[tuple[Any, Any]], wanted: Mapping[str, Sequence[str]]
) -> None:
    for name, titles in page:
        attempt.require(
            sorted(titles) == sorted(wanted[name]),
            "wrong titles",
            f"{called} shows {list(titles)} for {name}; published are {wanted[name]}.",
        )


def _no_row_too_many(attempt: Attempt, called: str, needed: int) -> None:
    attempt.sent_at_most(2, "N+1", "One for the people, one for all their posts.")
    rows = rows_fetched(attempt)
    attempt.require(
        rows <= needed, "rows thrown away", f"{called} fetched {rows} rows, and {needed} are on the page."
    )


async def _people_of_all_kinds(attempt: Attempt) -> None:
    """By their keys: an inactive one whose name comes last, who published the same title twice, one with drafts
    alone, one without posts, and a gap."""
    inactive, drafting, silent, gone = [
        key for (key,) in await attempt.rows(select(User.id).order_by(User.id).limit(4))
    ]
    twice = {"title": "Twice", "content": "…", "published": True, "author_id": inactive}
    await attempt.change(
        insert(Post).values([twice, twice]),
        update(User).where(User.id == inactive).values(is_active=False, username="zoe"),
        update(Post).where(Post.author_id == drafting).values(published=False),
        delete(Post).where(Post.author_id.in_([silent, gone])),
        delete(Account).where(Account.owner_id == gone),
        delete(User).where(User.id == gone),
    )
    await forget_order(attempt)


def _published_titles(key: int) -> Any:
    return select(Post.title).where(Post.author_id == key, Post.published)
