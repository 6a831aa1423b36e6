"""Exercise 17.9, While people book: a column that must be filled, while four book; and a mail that is never lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from itertools import count as counted_up
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import await_

from course_lib.errors import CourseError
from course_lib.lab.engine_events import listening
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.sandbox import finished
from course_lib.school.attempts.time_limit import Stopped
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l17_capstone.known_good import Mail, Payment, Seat
from course_lib.school.judges.l17_capstone.theatre import booked, opened, price_of, seats_of
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.races import pauses_skipped
from course_lib.school.stages.returned_lists import shown

QUEUES = "everyone queues behind the ALTER"
TOO_SOON = "NOT NULL too soon"
FOR_NOTHING = "mail for a rolled-back booking"
BOOKERS, REFUSALS = 4, 3
LONGEST = 1_000
"""Milliseconds that a statement of the change may stand in front of all others."""
GLANCE, LOOKS = 0.02, 75
"""Seconds between two looks at who waits; and after how many looks a wait is one without a limit."""
NO_COLUMN, NULL_REFUSED = "42703", "23502"
REFUSED = ("55P03", "57014")
THEIRS = """
    SELECT pg_backend_pid() AS pid, pg_relation_filenode('bookings'::regclass) AS file,
        coalesce(pg_stat_get_xact_tuples_updated('bookings'::regclass), 0) AS changed,
        EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'bookings'::regclass
            AND granted AND mode = 'AccessExclusiveLock') AS stops_all,
        (SELECT coalesce(min(setting::int), 0) FROM pg_settings
            WHERE name IN ('lock_timeout', 'statement_timeout') AND setting::int > 0) AS most
"""
WAITING = "SELECT pid FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"

_theirs: ContextVar[bool] = ContextVar("_theirs", default=False)


class Dies(Stopped):
    """The end of a worker: no `except Exception` catches it."""


class Postman:
    """`out` are the letters that have gone out: key and recipient."""

    def __init__(self) -> None:
        self.out: list[tuple[object, object]] = []
        self.tried = 0
        self.before: Callable[[int], None] = lambda number: None
        self.after: Callable[[int], None] = lambda number: None

    async def deliver(self, key: object, recipient: object) -> None:
        self.tried += 1
        self.before(self.tried)
        self.out.append((key, recipient))
        self.after(self.tried)

    def empties_his_bag(self) -> None:
        self.out, self.tried = [], 0
        self.before = self.after = lambda number: None


@judge("17.9", on=BOTH)
async def while_people_book(attempt: Attempt) -> None:
    [show] = await opened(attempt, seats=60)
    postman = Postman()
    parts = await attempt.call(postman.deliver)
    attempt.require(
        isinstance(parts, tuple | list) and len(parts) == 3 and all(map(callable, parts)),
        "not three functions",
        f"`{attempt.name}` returned {shown(parts)}; the functions add_code, write_mail, send_mails were asked for.",
    )
    add_code, write_mail, send_mails = parts
    await _Mails(attempt, postman, write_mail, send_mails, await seats_of(attempt, show)).are_never_lost()
    if attempt.database == "postgresql":
        await _nobody_fails(attempt, add_code, show)


class _Mails:
    def __init__(self, attempt: Attempt, postman: Postman, write: Any, send: Any, seats: list[int]) -> None:
        self.attempt, self.postman, self.write, self.send = attempt, postman, write, send
        self.seats = iter(seats)
        self.numbers = counted_up(attempt.chance.randint(1, 50))

    async def are_never_lost(self) -> None:
        await self._none_for_a_rollback()
        await self._each_once()
        await self._after_a_crash(before=True)
        await self._after_a_crash(before=False)
        await self._after_an_error()

    async def _pays(self, session: Any) -> str:
        """Somebody's payment, and what the answer writes about it; gives the recipient."""
        who = f"visitor {next(self.numbers)}"
        booking = await booked(self.attempt, next(self.seats), who)
        terms = {"booking_id": booking, "key": f"click {booking}", "cents": 1_000}
        payment = await session.scalar(insert(Payment).values(terms).returning(Payment.id))
        await self.attempt.call(session, payment, who, function=self.write)
        return who

    async def _paid(self, many: int) -> set[str]:
        people: set[str] = set()
        for _ in range(many):
            async with self.attempt.sessions() as session:
                people.add(await self._pays(session))
                await session.commit()
        return people

    async def _sent(self, *expected: type[Exception]) -> Any:
        got = await self.attempt.call(self.attempt.sessions, function=self.send, expected=expected)
        self.attempt.require(
            self.attempt.left_open() == 0,
            "leaked session",
            "`send_mails` ended, and a connection is in use still.",
        )
        return got

    async def _none_for_a_rollback(self) -> None:
        async with self.attempt.sessions() as session:
            who = await self._pays(session)
            await session.rollback()
        await self._sent()
        self.attempt.require(
            not self.postman.out,
            FOR_NOTHING,
            f"The payment of {who} was rolled back. There is none, and {who} got a mail about it.",
        )

    async def _each_once(self) -> None:
        people, postman = await self._paid(2), self.postman
        told = f"{len(people)} payments were committed, and `send_mails` was called."
        early = len(postman.out)
        self.attempt.require(
            early == 0, FOR_NOTHING, f"{early} mails went out before anybody had called `send_mails`."
        )
        await self._sent()
        got = Counter(recipient for _, recipient in postman.out)
        self.attempt.require(got, "no mail", f"{told} Nothing went out.")
        self.attempt.require(
            set(got) == people,
            "mail lost" if set(got) < people else "wrong recipient",
            f"{told} Mails went to {', '.join(map(str, got))}, and not to {', '.join(sorted(people))}.",
        )
        self.attempt.require(max(got.values()) == 1, "sent again", f"{told} One of them was sent twice.")
        await self._sent()
        self.attempt.require(
            len(postman.out) == len(people),
            "sent again",
            f"All had gone out. `send_mails` was called once more, and sent {len(postman.out) - len(people)} again.",
        )
        unsent = await self.attempt.rows(select(Mail.key).where(Mail.sent_at.is_(None)))
        self.attempt.require(
            not unsent, "sent again", "All had gone out, and in `mails` some have no `sent_at`."
        )

    async def _after_a_crash(self, *, before: bool) -> None:
        people, postman = await self._paid(2), self.postman
        postman.empties_his_bag()

        def dies(number: int) -> None:
            if number == 1:
                raise Dies

        postman.before, postman.after = (dies, lambda _: None) if before else (lambda _: None, dies)
        with suppress(Dies):
            await self.attempt.call(self.attempt.sessions, function=self.send)
        await self.attempt.close()  # its connections die with it
        postman.before = postman.after = lambda number: None
        await self._sent()
        when = "just before its first mail went out" if before else "between a delivery and its commit"
        self._nobody_is_forgotten(people, f"A worker died {when}. Another one sent all that it found.")

    def _nobody_is_forgotten(self, people: set[str], told: str) -> None:
        got = {recipient for _, recipient in self.postman.out}
        self.attempt.require(
            got >= people, "mail lost", f"{told} {', '.join(sorted(people - got))} never got a mail."
        )
        keys = Counter(recipient for _, recipient in set(self.postman.out))
        self.attempt.require(
            max(keys.values()) == 1,
            "another key",
            f"{told} A mail came twice, as it may, and with two keys: the receiver takes it for two mails.",
        )

    async def _after_an_error(self) -> None:
        people, postman = await self._paid(2), self.postman
        postman.empties_his_bag()

        def refuses(number: int) -> None:
            if number == 1:
                raise ConnectionError("the mailbox is full")

        postman.before = refuses
        await self._sent(Exception)
        postman.before = lambda number: None
        await self._sent()
        self._nobody_is_forgotten(
            people, "`deliver` raised an error once, and `send_mails` was called again."
        )


async def _nobody_fails(attempt: Attempt, add_code: Any, show: int) -> None:
    own = create_async_engine(attempt.engine.url)
    try:
        async with own.connect() as reader, own.connect() as watching:
            rollout = _Rollout(attempt, own, reader, watching, show)
            await rollout.begin()
            got = await rollout.run(add_code)
            await rollout.judge(got)
    finally:
        await own.dispose()


class _Rollout:
    """A change of the table, while between its steps four people book: with the old program, then with the new one."""

    def __init__(
        self,
        attempt: Attempt,
        own: AsyncEngine,
        reader: AsyncConnection,
        watching: AsyncConnection,
        show: int,
    ) -> None:
        self.attempt, self.own, self.reader, self.watching, self.show = attempt, own, reader, watching, show
        self.deployed = self.serving = self.altered = False
        self.codes: dict[int, str] = {}
        """Of the bookings that the new program made."""
        self.before: dict[int, Any] = {}
        self.limits: dict[int, int] = {}
        self.tries = self.refused = 0
        self.fault: NotYet | None = None
        self.ended: asyncio.Event = asyncio.Event()

    async def begin(self) -> None:
        """Some have booked already; and there are seats for all who will."""
        cents = await price_of(self.attempt, self.show)
        rows = [{"show_id": self.show, "row": "ZZ", "number": n, "cents": cents} for n in range(1, 500)]
        await self.attempt.change(insert(Seat).values(rows))
        free = await self.attempt.rows(select(Seat.id).where(Seat.row == "ZZ").order_by(Seat.id))
        self.seats = iter([key for (key,) in free])
        await self._serve()
        await self._read()

    async def _read(self) -> None:
        """Somebody has read, and has not ended the transaction."""
        await self.reader.rollback()
        await self.reader.execute(text("SELECT id FROM bookings LIMIT 1"))
        self.tries = self.refused = 0

    async def run(self, add_code: Any) -> object:
        process = await self.reader.scalar(text("SELECT pg_backend_pid()"))
        watcher = asyncio.ensure_future(self._watch(process))
        call = asyncio.ensure_future(self._call(add_code))
        try:
            await asyncio.wait([call, watcher], return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                call.cancel()
                await asyncio.wait([call])
            if self.fault:
                raise self.fault
            return call.result()
        finally:
            for task in (call, watcher):
                task.cancel()
            await asyncio.wait([call, watcher])
            if not call.cancelled():
                call.exception()

    async def _call(self, add_code: Any) -> object:
        @wraps(add_code)
        async def theirs(*arguments: object) -> object:
            _theirs.set(True)
            return await finished(add_code(*arguments))

        heard = listening(
            Engine,  # type: ignore[arg-type]  # all engines: an answer may make one of its own
            begin=self._begins,
            before_cursor_execute=self._is_sent,
            after_cursor_execute=self._has_run,
            handle_error=self._fails,
        )
        with pauses_skipped(), heard:
            return await self.attempt.call(
                self.attempt.engine, self._deploy, function=theirs, expected=(DBAPIError, CourseError)
            )

    async def _deploy(self) -> None:
        """The old program books a last time, and from now on the new one does."""
        await self._serve()
        self.deployed = True
        await self._serve()
        await self._read()

    def _is_theirs(self, connection: Connection) -> bool:
        return _theirs.get() and not self.serving and connection.engine is not self.own.sync_engine

    def _begins(self, connection: Connection) -> None:
        if self._is_theirs(connection) and self.altered:
            await_(self._serve())

    def _is_sent(self, connection: Connection, cursor: object, sent: str, *_: object) -> None:
        if not self._is_theirs(connection):
            return
        if any(word in sent.upper() for word in ("ALTER TABLE", "LOCK TABLE")):
            self.tries, self.altered = self.tries + 1, True
            if self.tries > REFUSALS:
                await_(self.reader.rollback())
        driver: Any = connection.connection.driver_connection
        with suppress(Exception):  # a transaction that has failed answers nothing
            self.before[id(driver)] = look = await_(driver.fetchrow(THEIRS))
            self.limits[look["pid"]] = look["most"]

    def _has_run(self, connection: Connection, cursor: object, sent: str, *_: object) -> None:
        if not self._is_theirs(connection):
            return
        driver: Any = connection.connection.driver_connection
        with suppress(Exception):
            was, now = self.before.pop(id(driver)), await_(driver.fetchrow(THEIRS))
            words = " ".join(sent.split())[:60]
            if now["file"] != was["file"]:
                self._end(
                    QUEUES, f"`{words}` writes the whole table anew. Nobody can book or read meanwhile."
                )
            if was["stops_all"] and now["changed"] > was["changed"]:
                self._end(
                    QUEUES,
                    f"`{words}` changed {now['changed'] - was['changed']} rows in a transaction that has altered the "
                    "table: its lock keeps out all who book or read, to the end of it.",
                )

    def _end(self, misconception: str, words: str) -> None:
        if self.fault is None:
            self.fault = self.attempt.not_yet(misconception, words)
        self.ended.set()

    def _fails(self, context: ExceptionContext) -> None:
        if context.connection is not None and self._is_theirs(context.connection):
            self.refused += getattr(context.original_exception, "sqlstate", None) in REFUSED
            if self.refused >= REFUSALS:
                await_(self.reader.rollback())

    async def _serve(self) -> None:
        """Four people book, as the program does that is running now."""
        self.serving, self.altered = True, False
        try:
            for number in range(BOOKERS):
                await self._book(f"booker {number}")
        except DBAPIError as error:
            self._end(*self._of_a_failure(str(getattr(error.orig, "sqlstate", "")), error))
        finally:
            self.serving = False

    async def _book(self, who: str) -> None:
        seat = next(self.seats)
        columns, values = ("", "") if not self.deployed else (", code", ", :code")
        book = text(
            f"INSERT INTO bookings (seat_id, who, held_until{columns}) "  # noqa: S608  words of ours
            f"VALUES (:seat, :who, now() + interval '10 minutes'{values}) RETURNING id"
        )
        given: dict[str, Any] = {"seat": seat, "who": who} | ({"code": f"N{seat}"} if self.deployed else {})
        async with self.own.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '1500ms'"))
            key = int(await connection.scalar(book, given))
        if self.deployed:
            self.codes[key] = f"N{seat}"

    def _of_a_failure(self, state: str, error: DBAPIError) -> tuple[str, str]:
        program = (
            "new program, which writes `code`," if self.deployed else "old program, which knows no `code`,"
        )
        failed = f"Somebody booked with the {program} and failed: {told(error)}"
        if state in REFUSED:
            return (
                QUEUES,
                f"{failed}. A transaction of `add_code` holds the table's lock, and does something else.",
            )
        if state == NULL_REFUSED and not self.deployed:
            return TOO_SOON, f"{failed}. It runs until `deploy` has been called."
        if state == NO_COLUMN:
            return "deployed too soon", f"{failed}. No column has been committed yet."
        return "bookings fail", failed

    async def _watch(self, reader: int) -> None:
        """Ends when the verdict is known: also where a statement waits behind the reader, and will not go soon."""
        raw: Any = (await self.watching.get_raw_connection()).driver_connection
        looks: Counter[int] = Counter()
        while not self.ended.is_set():
            for row in await raw.fetch(WAITING, reader):
                most = self.limits.get(row["pid"], 0)
                looks[row["pid"]] += 1
                if most > LONGEST or (most == 0 and looks[row["pid"]] > LOOKS):
                    limit = f"a limit of {most} milliseconds" if most else "no limit"
                    self._end(
                        QUEUES,
                        f"Somebody has read a booking and not committed. A statement of `add_code` waits for its lock, "
                        f"with {limit}, and whoever comes to the table then waits behind it.",
                    )
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), GLANCE)

    async def judge(self, got: object) -> None:
        attempt = self.attempt
        columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'bookings'"
        there = ("code",) in await attempt.rows(text(columns))
        if isinstance(got, Exception):
            state = str(getattr(getattr(got, "orig", None), "sqlstate", ""))
            name = TOO_SOON if state == NULL_REFUSED else "not finished" if there else "gives up too early"
            raise attempt.not_yet(
                name,
                f"`add_code` ended with {told(got)}",
            )
        attempt.require(
            there,
            "commit missing",
            "`add_code` ended, and in another session `bookings` has no column `code`.",
        )
        attempt.require(
            self.deployed, TOO_SOON, "`add_code` ended, and never called `deploy`: the old program runs on."
        )
        await self._serve()
        if self.fault:
            raise self.fault
        attempt.require(attempt.left_open() == 0, "leaked connection", "`add_code` left a connection open.")
        rows = dict(map(tuple, await attempt.rows(text("SELECT id, code FROM bookings ORDER BY id"))))
        for key, code in rows.items():
            wanted = self.codes.get(key, f"C{key}")
            attempt.require(
                code == wanted,
                "codes overwritten"
                if key in self.codes
                else "bookings without a code"
                if code is None
                else "wrong code",
                f"Booking {key} was made by the {'new' if key in self.codes else 'old'} program. Its code is {code!r} "
                f"in place of {wanted!r}.",
            )
        attempt.require(
            await self._refuses_null(),
            "NULL still taken",
            "`add_code` ended, and `bookings` takes a row whose `code` is NULL.",
        )

    async def _refuses_null(self) -> bool:
        try:
            async with self.own.connect() as connection:
                seat, words = next(self.seats), "(:seat, 'nobody', now(), NULL)"
                row = text(f"INSERT INTO bookings (seat_id, who, held_until, code) VALUES {words}")  # noqa: S608
                await connection.execute(row, {"seat": seat})
        except DBAPIError:
            return True
        return False
