"""Exercise 17.7, Three statements: the same few for one show and for fifty, and no connection while others work."""

from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import Response
from sqlalchemy import insert, select

from course_lib.lab.serving_in_this_loop import Site, served
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l17_capstone.known_good import Booking, Payment, Seat, Show
from course_lib.school.judges.l17_capstone.theatre import FIRST_SHOW, opened, seats_of
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.returned_lists import shown
from course_lib.school.stages.web_requests import ask, body_of, part_of, wants

MOST = 3
REQUEST = "GET /shows"
MANY = 50
HELD, OVER, PAID = "held seats are free", "expired holds are taken", "paid seats are free"
"""What may be the matter with a seat, by the mistake that it brings about."""


class Seal:
    """What makes the seal, far away and slowly; `held` are connections that were in use when it was asked."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.asked: list[Any] = []
        self.held = 0
        self.seals: list[str] = []

    async def make(self, shows: Any) -> str:
        self.asked.append(shows)
        self.held = max(self.held, self.attempt.left_open())
        self.seals.append(f"{self.attempt.chance.getrandbits(64):016x}")
        return self.seals[-1]


@judge("17.7", on=BOTH)
async def three_statements(attempt: Attempt) -> None:
    [key] = await opened(attempt, seats=4)
    wanted = {key: (4, 4)}
    seal = Seal(attempt)
    async with served(attempt.sessions) as site:
        await attempt.call(site.app, attempt.sessions, seal.make)
        await _all_is_right(attempt, site, seal, wanted)
        few = len(attempt.sent)
        wanted |= await _many_more(attempt, key)
        reply = await _sealed(attempt, site, seal)
        _as_few(attempt, few, len(wanted))
        _sealed_once(attempt, seal)
        _counted(attempt, reply, wanted)


async def _book_all(attempt: Attempt, show: int, state: str) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5 if state == HELD else -5)
    seats = await seats_of(attempt, show)
    await attempt.change(
        insert(Booking).values([{"seat_id": seat, "who": "mira", "held_until": until} for seat in seats])
    )
    if state == PAID:
        bookings = select(Booking.id).where(Booking.seat_id.in_(seats))
        payments = [
            {"booking_id": key, "key": f"key-{key}", "cents": 2_000}
            for (key,) in await attempt.rows(bookings)
        ]
        await attempt.change(insert(Payment).values(payments))


async def _all_is_right(attempt: Attempt, site: Site, seal: Seal, wanted: dict[int, tuple[int, int]]) -> None:
    reply = await _sealed(attempt, site, seal)
    body = part_of(reply)
    shows = body.get("shows")
    rows: list[Any] = shows if isinstance(shows, list) else []
    attempt.require(
        rows and isinstance(rows[0], dict) and {"id", "title", "seats", "free"} <= rows[0].keys(),
        "wrong reply",
        f"`{REQUEST}` was answered with {body_of(reply)} `shows` was to be a list of shows, each with `id`, `title`, "
        "`seats` and `free`.",
    )
    attempt.require(
        attempt.sent,
        "nothing asked",
        f"`{REQUEST}` was answered, and the database of this check was not asked.",
    )
    _sealed_once(attempt, seal)
    attempt.require(
        seal.asked == [rows],
        "wrong thing sealed",
        f"`seal` was given {shown(seal.asked[0])}. The list that the client gets as `shows` was asked for.",
    )
    attempt.require(
        body.get("seal") == seal.seals[0],
        "wrong reply",
        f"`seal` gave {seal.seals[0]!r}, and the reply has {body.get('seal')!r:.40} as its `seal`.",
    )
    attempt.require(
        seal.held == 0,
        "connection held",
        f"While `seal` was at work, {seal.held} connection was in use: as long as it takes, nobody else has it.",
    )
    title = await attempt.scalar(select(Show.title))
    attempt.require(
        rows[0]["title"] == title,
        "wrong reply",
        f"A title was {rows[0]['title']!r:.40} in place of {title!r}.",
    )


def _sealed_once(attempt: Attempt, seal: Seal) -> None:
    attempt.require(
        len(seal.asked) == 1,
        "not sealed once",
        f"For one `{REQUEST}`, `seal` was called {len(seal.asked)} times; once, with the whole list, was asked for.",
    )


async def _sealed(attempt: Attempt, site: Site, seal: Seal) -> Response:
    seal.asked.clear()
    seal.seals.clear()
    reply = await ask(attempt, site, REQUEST)
    wants(attempt, reply, REQUEST, 200)
    attempt.require(
        attempt.left_open() == 0,
        "leaked session",
        f"`{REQUEST}` was answered, and a connection is still in use.",
    )
    return reply


async def _many_more(attempt: Attempt, first: int) -> dict[int, tuple[int, int]]:
    """Shows whose order in time is not that of their keys; one has no seats, three have seats that are booked."""
    keys = range(first + 1, first + MANY)
    many = {key: 5 + key % 3 if key != keys[0] else 0 for key in keys}
    shows = [
        {"id": key, "starts_at": FIRST_SHOW - timedelta(days=key), "title": f"Faust, part {key}"}
        for key in reversed(keys)  # they lie in the table the other way round
    ]
    seats = [
        {"show_id": key, "row": "A", "number": number + 1, "cents": 2_000}
        for key in keys
        for number in range(many[key])
    ]
    await attempt.change(insert(Show).values(shows), insert(Seat).values(seats))
    for key, state in _states(first).items():
        await _book_all(attempt, key, state)
    gone = [key for key, state in _states(first).items() if state != OVER]
    return {key: (seats, 0 if key in gone else seats) for key, seats in many.items()}


def _states(first: int) -> dict[int, str]:
    return dict(zip(range(first + 2, first + 5), (HELD, OVER, PAID), strict=True))


def _as_few(attempt: Attempt, few: int, shows: int) -> None:
    many = len(attempt.sent)
    attempt.require(
        many <= MOST,
        "grows with the page" if many > few else "too many statements",
        f"`{REQUEST}` sent {few} statements for one show, and {many} for {shows}. {MOST} are enough, for any number.",
    )
    rows = sum(sent.rows or 0 for sent in attempt.sent)
    attempt.require(
        rows <= MOST * shows,
        "one giant join" if many == 1 else "counts in Python",
        f"`{REQUEST}` told two numbers about each of {shows} shows, and fetched {rows} rows for them. Let the "
        "database count: a row for each show.",
    )


def _counted(attempt: Attempt, reply: Response, wanted: dict[int, tuple[int, int]]) -> None:
    rows = part_of(reply).get("shows", [])
    found = {row["id"]: (row["seats"], row["free"]) for row in rows}
    left_out = sorted(wanted.keys() - found.keys())
    attempt.require(
        not left_out,
        "show left out",
        f"Of {len(wanted)} shows, {len(left_out)} are missing in the reply: {', '.join(map(str, left_out[:3]))}. The "
        "first of them has no seats yet.",
    )
    attempt.require(
        len(rows) == len(wanted),
        "wrong reply",
        f"There are {len(wanted)} shows, and the reply has {len(rows)}.",
    )
    order = [row["id"] for row in rows]
    attempt.require(
        order == sorted(order), "order lost", "The shows were asked for in the order of their ids."
    )
    for key, numbers in wanted.items():
        attempt.require(
            found[key] == numbers,
            _states(min(wanted)).get(key, "wrong count") if found[key][0] == numbers[0] else "wrong count",
            f"Show {key} has {numbers[0]} seats, {numbers[1]} of them free. `{REQUEST}` says {found[key][0]!r}, "
            f"{found[key][1]!r}.",
        )
