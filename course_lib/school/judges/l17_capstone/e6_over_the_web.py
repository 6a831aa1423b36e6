"""Exercise 17.6, Over the web: committed before it is answered, and every refusal has its number."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from httpx import Response
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from course_lib.db import create_engine
from course_lib.lab.engine_events import listening
from course_lib.lab.serving_in_this_loop import Site, served
from course_lib.models import MAX_ID
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l17_capstone.known_good import Booking, Payment, Show, book, pay
from course_lib.school.judges.l17_capstone.theatre import count, hold_over, opened, price_of
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.returned_lists import shown
from course_lib.school.stages.web_requests import NO_ROUTE, body_of, json_of, part_of

MIRA, TOMAS = "mira", "tomas"
SAID_YES = "said yes, stored nothing"
NUMBERS: tuple[Any, ...] = (None, "", "three", -1, 0, 1.5, 2**31, 2**63, 2**200, [], [1], {"id": 1})
TEXTS: tuple[Any, ...] = (None, "", 7, [], {}, "\x00", "a\x00b", "k" * 65, "k" * 5_000)
SUMS: tuple[Any, ...] = (None, -1, 0, 2**31, 2**63, "x")
BODIES = (b"", b"{", b"[]", b"null", b'"show"', b"show_id=1", b"\xff\xfe")


class Front:
    """The application of an answer, as its clients see it; `tokens` are theirs."""

    def __init__(self, attempt: Attempt, site: Site, tokens: Mapping[str, str]) -> None:
        self.attempt, self.site, self.tokens = attempt, site, tokens

    def header(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    async def ask(
        self, request: str, *, by: str | None = None, guarded: bool = False, **content: Any
    ) -> Response:
        """The reply. What nobody caught in the application is a 500, or, `guarded`, explained with its line."""
        method, path = request.split(" ")
        content["headers"] = content.get("headers", {}) | (self.header(by) if by else {})
        expected = () if guarded else (Exception,)
        reply = await self.attempt.reply(self.site.ask(method, path, expected=expected, **content))
        self.attempt.require(
            self.attempt.left_open() == 0,
            "leaked session",
            f"`{request}` was answered with {reply.status_code}, and a connection is in use still.",
        )
        return reply

    async def book(self, show: object, *, by: str = MIRA, guarded: bool = False) -> Response:
        return await self.ask("POST /bookings", by=by, guarded=guarded, json={"show_id": show})

    async def pay(
        self, booking: object, key: object, cents: object, *, by: str = MIRA, guarded: bool = False
    ) -> Response:
        terms = {"booking_id": booking, "key": key, "cents": cents}
        return await self.ask("POST /payments", by=by, guarded=guarded, json=terms)

    def wants(self, reply: Response, status: int, misconception: str, what: str) -> None:
        """Raise NotYet for another status. A route that is not there has a name of its own."""
        self.attempt.require(
            json_of(reply) != NO_ROUTE or reply.status_code != 404 or status == 404,
            "route missing",
            f"{what}: no route of the application has this path.",
        )
        self.attempt.require(
            reply.status_code == status,
            misconception,
            f"{what} was answered with {reply.status_code} {body_of(reply)}; {status} was asked for.{self.uncaught}",
        )

    @property
    def uncaught(self) -> str:
        return f" Nobody caught {told(self.site.errors[0])}" if self.site.errors else ""


@judge("17.6", on=BOTH)
async def over_the_web(attempt: Attempt) -> None:
    shows = await opened(attempt, seats=2, shows=5)
    tokens = {name: f"{attempt.chance.getrandbits(64):016x}" for name in (MIRA, TOMAS)}
    names = {token: name for name, token in tokens.items()}
    async with served(attempt.sessions) as site:
        site.app.mount("/", await _application(attempt, attempt.engine, names))
        front = Front(attempt, site, tokens)
        await _lists_the_shows(front, shows)
        await _books(front, shows[0])
        await _knows_who_calls(front, shows[0])
        await _pays(front, shows[0])
        await _refuses(front, shows[0])
        await _many_at_once(front, shows[1])
        await _the_commit_fails(front, shows[2])
        await _bad_inputs(front, shows[3])
        await _at_the_bounds(front)
    await _no_connection_left(attempt, tokens, names, shows[4])


async def _application(attempt: Attempt, engine: object, names: Mapping[str, str]) -> FastAPI:
    def who_has(token: str) -> str | None:
        return names.get(token)

    app = await attempt.call(engine, who_has, book, pay)
    attempt.require(
        isinstance(app, FastAPI), "no application", f"`{attempt.name}` returned {shown(app)}, and no FastAPI."
    )
    return app  # type: ignore[no-any-return]


async def _lists_the_shows(front: Front, shows: list[int]) -> None:
    reply = await front.ask("GET /shows", guarded=True)
    front.wants(reply, 200, "wrong status", "`GET /shows`, without a token,")
    titles = {int(key): title for key, title in await front.attempt.rows(select(Show.id, Show.title))}
    rows = json_of(reply)
    fits = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    found = [(row.get("id"), row.get("title")) for row in rows] if fits else None
    front.attempt.require(
        found is not None and sorted(found, key=str) == sorted(titles.items(), key=str),
        "wrong listing",
        f"`GET /shows` was answered with {body_of(reply)} A list of {len(shows)} shows was asked for, each with its "
        "`id` and `title`.",
    )


async def _books(front: Front, show: int) -> None:
    attempt, happened = front.attempt, front.site.happened
    with listening(attempt.engine, commit=lambda _: happened.append("COMMIT")):
        happened.clear()
        reply = await front.book(show, guarded=True)
    front.wants(reply, 201, "wrong status", "`POST /bookings` for a show with free seats")
    rows = await attempt.rows(select(Booking.id, Booking.seat_id, Booking.who))
    attempt.require(rows, SAID_YES, "`POST /bookings` was answered with 201, and there is no booking.")
    attempt.require(
        "COMMIT" in happened[: happened.index("reply 201")],
        SAID_YES,
        f"This is what happened, in this order: {', '.join(happened)}. The client heard of a booking that was not "
        "committed yet. If that commit fails, nobody can call the 201 back.",
    )
    attempt.require(len(rows) == 1, "booked twice", f"One `POST /bookings` made {len(rows)} bookings.")
    booking, seat, who = rows[0]
    attempt.require(
        who == MIRA, "booked for another", f"The token was {MIRA}'s, and the booking is for {who!r:.40}."
    )
    attempt.require(
        (part_of(reply).get("id"), part_of(reply).get("seat_id")) == (booking, seat),
        "wrong reply",
        f"The booking has the id {booking} and the seat_id {seat}, and the reply was {body_of(reply)}.",
    )


async def _knows_who_calls(front: Front, show: int) -> None:
    token = front.tokens[MIRA]
    headers = (None, "", "Bearer", "Bearer wrong", f"Basic {token}", f"Bearer {token}x", token)
    terms = {"booking_id": 1, "key": "k", "cents": 1}
    for request, body in (("POST /bookings", {"show_id": show}), ("POST /payments", terms)):
        for header in headers:
            given = {} if header is None else {"Authorization": header}
            reply = await front.ask(request, json=body, headers=given)
            words = "no header" if header is None else f"the header {header.replace(token, 'TOKEN')!r}"
            front.wants(reply, 401, "let in without a token", f"`{request}` with {words}")
    front.attempt.require(
        await count(front.attempt, "bookings") == 1,
        "let in without a token",
        "Requests without a known token were answered with 401, and seats are booked for them all the same.",
    )


async def _pays(front: Front, show: int) -> None:
    attempt, cents = front.attempt, await price_of(front.attempt, show)
    booking = await attempt.scalar(select(Booking.id))
    unknown = await front.pay(booking + 700, "key-1", cents, by=TOMAS)
    front.wants(unknown, 404, "missing is no 404", "`POST /payments` for a booking that is not there")
    others = await front.pay(booking, "key-1", cents, by=TOMAS)
    front.wants(others, 404, "anybody's booking", f"`POST /payments` by {TOMAS}, for a booking of {MIRA}'s,")
    attempt.require(
        await count(attempt, "payments") == 0,
        "anybody's booking",
        f"The reply to {TOMAS} was 404, and {MIRA}'s booking is paid.",
    )
    attempt.require(
        unknown.text.replace(str(booking + 700), "N") == others.text.replace(str(booking), "N"),
        "tells what is there",
        f"For a booking of {MIRA}'s, {TOMAS} gets {body_of(others)}; for one that is not there {body_of(unknown)}. So "
        "he can find out which ones there are.",
    )
    first = await front.pay(booking, "key-1", cents, guarded=True)
    front.wants(first, 201, "wrong status", f"`POST /payments` by {MIRA}, for her own booking,")
    rows = await attempt.rows(select(Payment.id, Payment.booking_id))
    attempt.require(rows, SAID_YES, "`POST /payments` was answered with 201, and there is no payment.")
    attempt.require(
        (part_of(first).get("id"), part_of(first).get("booking_id")) == tuple(rows[0]),
        "wrong reply",
        f"The payment has the id {rows[0].id} and the booking_id {booking}, and the reply was {body_of(first)}.",
    )
    again = await front.pay(booking, "key-1", cents)
    attempt.require(
        again.is_success and part_of(again).get("id") == rows[0].id,
        "second click refused",
        f"The same `POST /payments` came a second time, and was answered with {again.status_code} {body_of(again)}; "
        f"the payment that is there was asked for.{front.uncaught}",
    )
    other = await front.pay(booking, "key-1", cents + 1)
    front.wants(other, 409, "no 409", "`POST /payments` with a used key, and other cents,")
    twice = await front.pay(booking, "key-2", cents)
    front.wants(
        twice, 409, "no 409", "`POST /payments` for a booking that is paid already, with another key,"
    )


async def _refuses(front: Front, show: int) -> None:
    attempt, cents = front.attempt, await price_of(front.attempt, show)
    unknown = await front.book(show + 700)
    front.wants(unknown, 404, "missing is no 404", "`POST /bookings` for a show that is not there")
    last = await front.book(show, by=TOMAS)
    front.wants(last, 201, "wrong status", "`POST /bookings` for the last seat of a show")
    sold_out = await front.book(show)
    name = "sold out is a 500" if sold_out.is_server_error else "no 409"
    front.wants(sold_out, 409, name, "`POST /bookings` for a show without a free seat")
    booking = int(part_of(last)["id"])
    less = await front.pay(booking, "key-3", cents - 1, by=TOMAS)
    front.wants(less, 409, "no 409", "`POST /payments` with a cent less than the price")
    await hold_over(attempt, booking)
    late = await front.pay(booking, "key-3", cents, by=TOMAS)
    front.wants(late, 409, "no 409", "`POST /payments` a minute after the hold was over")


async def _many_at_once(front: Front, show: int) -> None:
    """Four people, two seats: whoever is in somebody's way waits."""

    async def one(who: str) -> int:
        body = {"show_id": show}
        return (await front.site.client.post("/bookings", json=body, headers=front.header(who))).status_code

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*map(one, (MIRA, TOMAS) * 2))

    async with front.attempt.running():
        found = sorted(await all_of_them())
    front.attempt.require(
        found == [201, 201, 409, 409],
        "busy is a 500" if 500 in found else "sold out too early",
        f"Four people booked two seats at once, and were answered with {', '.join(map(str, found))}. Two times 201 and "
        "two times 409 were asked for.",
    )


async def _the_commit_fails(front: Front, show: int) -> None:
    def fail(connection: Connection) -> None:
        raise OperationalError("COMMIT", None, Exception("the power is gone"))

    with listening(front.attempt.engine, commit=fail):
        reply = await front.book(show)
    front.attempt.require(
        not reply.is_success,
        SAID_YES,
        f"The COMMIT of a booking failed, and the client was answered with {reply.status_code} {body_of(reply)}.",
    )
    front.attempt.require(
        reply.is_server_error,
        "failed commit blamed on the client",
        f"The COMMIT of a booking failed, and the client was answered with {reply.status_code}: it is not to blame.",
    )


async def _bad_inputs(front: Front, show: int) -> None:
    cents = await price_of(front.attempt, show)
    booking = part_of(await front.book(show)).get("id")
    json = {"Content-Type": "application/json"}
    requests: list[tuple[str, dict[str, Any]]] = [
        *(("POST /bookings", {"json": {"show_id": each}}) for each in NUMBERS),
        *(("POST /bookings", {"content": each, "headers": json}) for each in BODIES),
        *(("POST /payments", {"json": {"booking_id": each, "key": "k", "cents": cents}}) for each in NUMBERS),
        *(
            ("POST /payments", {"json": {"booking_id": booking, "key": each, "cents": cents}})
            for each in TEXTS
        ),
        *(("POST /payments", {"json": {"booking_id": booking, "key": "k", "cents": each}}) for each in SUMS),
    ]
    replies = [
        (await front.ask(request, by=MIRA, **content), front.uncaught) for request, content in requests
    ]
    for misconception, fits in {
        "bad input is a 500": range(100, 500),
        "bad input taken": range(300, 600),
        "no 422": (422,),
    }.items():
        for (reply, uncaught), (request, content) in zip(replies, requests, strict=True):
            front.attempt.require(
                reply.status_code in fits,
                misconception,
                f"`{request}` with {content.get('json', content.get('content'))!r:.90} was answered with "
                f"{reply.status_code}; 422 says that it cannot be read.{uncaught}",
            )


async def _at_the_bounds(front: Front) -> None:
    """What can be read, and is refused for another reason."""
    booking = await front.attempt.scalar(select(func.max(Booking.id)))
    for show in (1, MAX_ID):
        what = f"`POST /bookings` for show {show}, which is not there,"
        front.wants(await front.book(show), 404, "good input refused", what)
    unknown = await front.pay(MAX_ID, "k", 1_000)
    front.wants(
        unknown, 404, "good input refused", f"`POST /payments` for booking {MAX_ID}, which is not there,"
    )
    for key, cents in (("k", 1), ("k" * 64, MAX_ID)):
        reply = await front.pay(booking, key, cents)
        what = (
            f"`POST /payments` with {cents} cents, which is not the price, and a key of {len(key)} characters"
        )
        front.wants(reply, 409, "good input refused", what)


async def _no_connection_left(
    attempt: Attempt, tokens: Mapping[str, str], names: Mapping[str, str], show: int
) -> None:
    """The pool has one connection, and somebody else holds it."""
    small = create_engine(attempt.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    try:
        async with served(attempt.sessions) as site:
            site.app.mount("/", await _application(attempt, small, names))
            front = Front(attempt, site, tokens)
            async with small.connect():
                reply = await front.book(show)
            front.wants(reply, 503, "busy is a 500", "`POST /bookings`, while all connections were in use,")
    finally:
        await small.dispose()
