"""Milestone 17.2, Free seats: neither held nor paid, for one show as for fifty."""

from typing import Any

from sqlalchemy import insert

from course_lib.errors import NotFound
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l17_capstone.known_good import Seat, Show
from course_lib.school.judges.l17_capstone.theatre import FIRST_SHOW, booked, opened, paid, seats_of
from course_lib.school.judges.registry import BOTH, judge

MANY, ENOUGH = 50, 2


@judge("17.2", on=BOTH)
async def seats_that_are_free(attempt: Attempt) -> None:
    keys = await opened(attempt, seats=12, shows=3)
    show, full, untouched = keys
    seats = await seats_of(attempt, show)
    held, over, bought = attempt.chance.sample(seats, 3)
    await booked(attempt, held, "ana")
    await booked(attempt, over, "bo", minutes=-5)
    await paid(attempt, await booked(attempt, bought, "cem", minutes=-5), "one")
    for seat in await seats_of(attempt, full):
        await booked(attempt, seat, "dana")
    got = await _asked(attempt, keys)
    found = _by_show(attempt, got, keys)
    _right(attempt, found[show], {"held": held, "over": over, "paid": bought}, seats)
    attempt.require(found[full] == [], "held seats are free", f"All seats of show {full} are held.")
    attempt.require(
        found[untouched] == await seats_of(attempt, untouched),
        "order lost",
        "The seats come in the order of row and number: A 2 before A 10, and that before B 1.",
    )
    await _one_or_many(attempt, show)
    await _unknown(attempt, show)


async def _asked(attempt: Attempt, keys: list[int]) -> Any:
    async with attempt.sessions() as session:
        return await attempt.call(session, keys)


def _by_show(attempt: Attempt, got: Any, keys: list[int]) -> dict[int, list[Any]]:
    asked = "A dictionary was asked for: by the key of each show the list of its free seats."
    attempt.require(got is not None, "nothing returned", f"`{attempt.name}` returned None. {asked}")
    attempt.require(
        isinstance(got, dict), "not a dictionary", f"`{attempt.name}` returned {got!r:.80}. {asked}"
    )
    attempt.require(
        set(got) == set(keys),
        "shows left out",
        f"`{attempt.name}` was asked for the shows {keys}, and answered for {list(got)}. A show that is sold out has "
        "an empty list.",
    )
    return {key: [seat.id for seat in seats] for key, seats in got.items()}


def _right(attempt: Attempt, found: list[int], special: dict[str, int], seats: list[int]) -> None:
    attempt.require(
        special["held"] not in found,
        "held seats are free",
        "A seat whose booking is held for ten more minutes is listed as free.",
    )
    attempt.require(
        special["paid"] not in found,
        "paid seats are free",
        "A seat is paid for, and its hold was over five minutes ago. It is listed as free, and will be sold again.",
    )
    attempt.require(
        special["over"] in found,
        "expired holds are taken",
        "A hold was over five minutes ago, and nobody has paid. Its seat is free again, and is not listed.",
    )
    wanted = [key for key in seats if key not in (special["held"], special["paid"])]
    attempt.require(
        sorted(found) == sorted(wanted),
        "wrong seats",
        f"{len(wanted)} seats are free, and `{attempt.name}` lists {len(found)}, not each of them once.",
    )
    attempt.require(
        found == wanted, "order lost", "The seats come in the order of row and number: A 2 before A 10."
    )


async def _one_or_many(attempt: Attempt, show: int) -> None:
    await _asked(attempt, [show])
    attempt.sent_at_most(ENOUGH, "a statement per seat", "That was one show with twelve seats.")
    await attempt.engine.dispose()
    many = await more_shows(attempt, MANY)
    got = _by_show(attempt, await _asked(attempt, many), many)
    attempt.sent_at_most(ENOUGH, "a statement per show", f"That was for {MANY} shows.")
    attempt.require(
        all(len(seats) == 1 for seats in got.values()), "wrong seats", "Each of 50 shows has one free seat."
    )


async def more_shows(attempt: Attempt, count: int) -> list[int]:
    """So many more shows, each with one free seat."""
    keys = list(range(200, 200 + count))
    shows = [{"id": key, "starts_at": FIRST_SHOW} for key in keys]
    seats = [{"show_id": key, "row": "A", "number": 1, "cents": 900} for key in keys]
    await attempt.change(insert(Show).values(shows), insert(Seat).values(seats))
    return keys


async def _unknown(attempt: Attempt, show: int) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, [show, 9_999], expected=(NotFound,))
    attempt.require(
        isinstance(got, NotFound),
        "an unknown show is empty",
        f"There is no show 9999, and `{attempt.name}` returned {got!r:.80}. NotFound was asked for.",
    )
