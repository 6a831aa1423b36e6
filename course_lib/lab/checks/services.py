"""Lesson 09: does the loop turn meanwhile, what gets in, who is told, and who says commit."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

from course_lib.errors import AlreadyExists, CourseError, InsufficientFunds, NotFound
from course_lib.lab.judging.attempts import BOTH, Attempt, count_of, judge
from course_lib.lab.judging.listings import shown
from course_lib.lab.judging.sandbox import NotYet, told
from course_lib.lab.judging.savepoints import flushed_before, savepoints_of
from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import Account, Tag, User
from course_lib.repositories import AccountRepository
from course_lib.schemas import TransferCreate, UserCreate
from course_lib.security import verify_password
from course_lib.services import TransferService, UserService

OF_THE_CALLER = "a tag of the caller"
OUTCOMES = (AlreadyExists, IntegrityError, OperationalError)
PASSWORD, TOO_SHORT = "night-train-9", "night-t"
MUCH = 200_000
"""Cents that nobody has: each account begins with 100,000."""
NOT_PLAIN = (
    (
        ("await", "coroutine"),
        "nothing to await",
        "`hash_one` is a plain function: whoever calls it has the text when it is done, and nothing to wait for. "
        "Somebody else has to call it.",
    ),
    (
        ("pickle",),
        "another process",
        "Another process gets a copy of what it runs, and this `hash_one` cannot be copied. A thread needs no copy.",
    ),
)
"""Words of an error, and whom they show: somebody who took `hash_one` for another kind of function."""


@judge("09.1")
async def hashing_beside_the_loop(attempt: Attempt) -> None:
    passwords = [f"{word}-train-{attempt.chance.randrange(10, 99)}" for word in ("night", "day", "slow")]
    async with _slow_hash(passwords[0]) as slow:
        turns = slow.turns
        got = await _hash_all(attempt, slow, passwords)
        turns = slow.turns - turns
    worked = f"`{attempt.name}` hashed {slow.calls} passwords. While a hash was being made, another task got no turn"
    attempt.require(
        not slow.alone or turns > 0, "loop blocked", f"{worked}, and between two of them none either."
    )
    attempt.require(
        not slow.alone,
        "turns only between",
        f"{worked}. It got {turns} in all, before or between the hashes: the slow part still stands in the way.",
    )
    _hashes(attempt, got, [_hashed(password) for password in passwords], calls=slow.calls)


async def _hash_all(attempt: Attempt, slow: "_SlowHash", passwords: list[str]) -> Any:
    try:
        return await attempt.call(slow.hash_one, passwords)
    except NotYet as fault:
        line = fault.told.partition(". That was the call")[0]
        for words, misconception, why in NOT_PLAIN:
            if any(word in line.partition(" raises ")[2] for word in words):
                raise attempt.not_yet(misconception, f"{line}. {why}") from None
        raise


def _hashes(attempt: Attempt, got: object, wanted: list[str], *, calls: int) -> None:
    called = f"`{attempt.name}` called `hash_one` {calls} time{'s' * (calls != 1)}"
    told = f"{called} and returned {shown(got)}; {wanted} was asked for."
    attempt.require(isinstance(got, list | tuple), "not a list", told)
    found = list(got) if isinstance(got, list | tuple) else []
    attempt.require(found == wanted or sorted(map(str, found)) != sorted(wanted), "order lost", told)
    attempt.require(found == wanted, "wrong hashes", told)


class _SlowHash:
    """Stands for Argon2. A hash is done when the loop has turned meanwhile; `alone` counts those where it did not."""

    def __init__(self, slowest: str) -> None:
        self.slowest, self.loop, self.thread = slowest, asyncio.get_running_loop(), threading.get_ident()
        self.calls = self.alone = self.turns = 0

    def hash_one(self, password: str) -> str:
        self.calls += 1
        others = 100 if password == self.slowest else 1
        if threading.get_ident() == self.thread or not self._turned(others):
            self.alone += 1
        return _hashed(password)

    def _turned(self, times: int) -> bool:
        done = threading.Event()

        def turn(left: int) -> None:
            done.set() if left == 0 else self.loop.call_soon(turn, left - 1)

        self.loop.call_soon_threadsafe(turn, times)
        return not self.alone and done.wait(1)

    async def take_turns(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def _slow_hash(slowest: str) -> AsyncIterator[_SlowHash]:
    slow = _SlowHash(slowest)
    other = asyncio.create_task(slow.take_turns())
    await asyncio.sleep(0)  # the other task starts
    try:
        yield slow
    finally:
        other.cancel()


def _hashed(password: str) -> str:
    return f"hash of {password[::-1]}"


@judge("09.2")
async def what_a_change_may_say(attempt: Attempt) -> None:
    letter = attempt.choice(await attempt.call())
    schema = attempt.program(
        [*attempt.blocks[letter].splitlines(), "return Change"],
        first="def schema():",
        names={"BaseModel": BaseModel, "ConfigDict": ConfigDict, "Field": Field},
    )()
    key, name = await attempt.key("sam"), _new_name(attempt)
    await _change(attempt, key, schema, {"username": name}, f"Option {letter}")
    with_null = await _change(attempt, key, schema, {"email": None}, f"Option {letter}")
    attempt.require(
        with_null == "refused",
        "null in a PATCH",
        f"Option {letter} takes {{'email': None}}, and the dump hands the null on. {with_null}",
    )
    await _change(attempt, key, schema, {"username": f"{name}2", "is_admin": True}, f"Option {letter}")
    attempt.require(
        not await attempt.scalar(select(User.is_admin).where(User.id == key)),
        "mass assignment",
        f"Somebody sent `is_admin: true` along. With option {letter} the row says so now.",
    )


async def _change(attempt: Attempt, key: int, schema: Any, request: Mapping[str, object], option: str) -> str:
    """As the usual service does it: 'refused', or what came of it."""
    try:
        wanted = schema(**request)
    except ValidationError as error:
        attempt.require(len(request) > 1 or None in request.values(), "change refused", f"{option}: {error}")
        return "refused"
    async with attempt.sessions() as session:
        user = await session.get_one(User, key)
        for field, value in wanted.model_dump(exclude_unset=True).items():
            setattr(user, field, value)
        try:
            await session.commit()
        except IntegrityError as error:
            return f"Only the database stops it: {told(error)}."
    return "The row was changed."


@judge("09.3")
async def all_of_a_welcome(attempt: Attempt) -> None:
    letters = attempt.order(await attempt.call())
    attempt.require(letters, "not an order", f"`{attempt.name}` returned no letter.")
    names = {"AccountRepository": AccountRepository, "TransferCreate": TransferCreate}
    names |= {"TransferService": TransferService, "UserService": UserService}
    welcome = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def welcome(session, wanted, sponsor, cents):",
        names=names,
    )
    sponsor = await attempt.scalar(select(Account.id).where(Account.owner_id == await attempt.key("yuki")))
    await _gift_refused(attempt, welcome, sponsor)
    await _welcomed(attempt, welcome, sponsor)


async def _gift_refused(attempt: Attempt, welcome: Any, sponsor: int) -> None:
    wanted, before = _newcomer(attempt), await _people_and_accounts(attempt)
    async with attempt.sessions() as session:
        await _add_own_tag(session)
        await attempt.call(session, wanted, sponsor, MUCH, function=welcome, expected=(InsufficientFunds,))
    after = await _people_and_accounts(attempt)
    attempt.require(
        before == after,
        "half of it kept",
        f"`welcome` was asked for a gift of {MUCH} cents, more than the sponsor has, and the caller said no commit. "
        f"There were {before}, and there are {after}.",
    )
    attempt.require(
        not await _own_tag(attempt),
        "commits for the caller",
        "A caller added a tag and called `welcome`. The gift was refused, and the caller took everything back. The tag "
        "is in the table all the same: what a caller has begun was committed. Who opened the session?",
    )


async def _welcomed(attempt: Attempt, welcome: Any, sponsor: int) -> None:
    wanted, cents = _newcomer(attempt), attempt.chance.choice((300, 700))
    before = await _people_and_accounts(attempt)
    async with attempt.sessions() as session:
        got = await attempt.call(session, wanted, sponsor, cents, function=welcome)
        after = await _people_and_accounts(attempt)
        attempt.require(
            before == after,
            "commits for the caller",
            f"A caller called `welcome` and has not said commit yet. Others saw {before}, and now they see {after}. "
            "Nobody can take that back. Who opened the session?",
        )
        await session.commit()
    await _all_there(attempt, got, wanted, cents)


async def _all_there(attempt: Attempt, got: object, wanted: UserCreate, cents: int) -> None:
    mine = select(User.id, Account.balance).outerjoin(User.accounts).where(User.username == wanted.username)
    rows = [tuple(row) for row in await attempt.rows(mine)]
    called = f"A caller called `welcome` for {wanted.username!r} with a gift of {cents} cents, and committed."
    attempt.require(rows, "user missing", f"{called} There is no such user.")
    [(key, balance), *_] = rows
    held = "no account" if balance is None else f"an account with {balance} cents"
    attempt.require(balance == cents, "gift missing", f"{called} The newcomer has {held}.")
    attempt.require(
        got == key, "nothing returned", f"{called} It returned {shown(got)}; the new user is {key}."
    )


async def _people_and_accounts(attempt: Attempt) -> str:
    users, accounts = [await attempt.scalar(count_of(select(model.id))) for model in (User, Account)]
    return f"{users} users and {accounts} accounts"


@judge("09.4", on=BOTH)
async def one_of_two_is_told(attempt: Attempt) -> None:
    try:
        await _somebody_is_quicker(attempt)
        await _username_taken(attempt)
        await _a_newcomer(attempt)
    except NotYet as fault:
        if attempt.database == "postgresql":
            fault.told += " That was on PostgreSQL; on SQLite all was well."
        raise


async def _somebody_is_quicker(attempt: Attempt) -> None:
    wanted = _newcomer(attempt)
    with _rival(attempt, wanted) as kept_out:
        async with attempt.sessions() as session:
            await session.connection()
            with savepoints_of(session) as savepoints:
                got = await attempt.call(session, wanted, expected=OUTCOMES)
    if kept_out and isinstance(got, User):
        return  # who locks before looking leaves no moment for anybody
    marks = [sent.text.split()[0] for sent in attempt.sent if sent.connection == 1]
    looked = "SELECT" in marks and marks.index("SELECT") < len(marks) - 1
    if isinstance(got, DBAPIError) and (looked or isinstance(got, OperationalError)):
        raise attempt.not_yet(
            "check-then-insert race",
            f"`{attempt.name}` looked, and the address was free. Before it wrote, somebody else took the address and "
            f"committed. It ends with {told(got)}; AlreadyExists was asked for.",
        )
    if isinstance(got, DBAPIError):
        _in_the_savepoint(attempt, savepoints, f"it ends with {told(got)}")
    _told(attempt, got, f"Somebody was quicker and took the address {wanted.email!r}.", field="email")


async def _take(attempt: Attempt, row: dict[str, str]) -> None:
    """Insert and commit, unless somebody holds a lock against that: nobody waits for it longer than a moment."""
    is_sqlite = attempt.database == "sqlite"
    async with attempt.engine.begin() as connection:
        await connection.exec_driver_sql(
            "PRAGMA busy_timeout = 200" if is_sqlite else "SET LOCAL lock_timeout = 200"
        )
        try:
            await connection.execute(insert(User).values(row))
        finally:
            if is_sqlite:
                await connection.exec_driver_sql("PRAGMA busy_timeout = 5000")


@contextmanager
def _rival(attempt: Attempt, wanted: UserCreate) -> Iterator[list[Exception]]:
    """Somebody takes the address and commits, at the last moment: right before the function's first INSERT.

    Gives what kept them out, if anything did.
    """
    waits, kept_out = True, list[Exception]()

    def be_quicker(connection: Any, cursor: Any, sent: str, *_: Any) -> None:
        nonlocal waits
        if waits and sent.startswith("INSERT"):
            waits = False
            row = {"email": wanted.email, "username": "the quicker one", "hashed_password": PASSWORD_HASH}
            try:
                await_only(_take(attempt, row))
            except DBAPIError as refused:
                kept_out.append(refused)

    engine = attempt.engine.sync_engine
    event.listen(engine, "before_cursor_execute", be_quicker)
    try:
        yield kept_out
    finally:
        event.remove(engine, "before_cursor_execute", be_quicker)


def _told(attempt: Attempt, got: object, what: str, *, field: str) -> None:
    """Raise NotYet unless `got` is the AlreadyExists of this field."""
    if isinstance(got, DBAPIError):
        raise attempt.not_yet(
            "error not translated",
            f"{what} `{attempt.name}` ends with {told(got)}, of which the caller knows nothing; AlreadyExists was "
            "asked for.",
        )
    if not isinstance(got, AlreadyExists):
        raise _silence(attempt, got, what)
    if got.field != field and attempt.database == "postgresql":
        raise attempt.not_yet(
            "words of one database",
            f"{what} `{attempt.name}` says: {got}. Each database has words of its own for a refusal. What tells the "
            "constraint on both?",
        )
    attempt.require(got.field == field, "wrong field named", f"{what} `{attempt.name}` says: {got}.")


def _silence(attempt: Attempt, got: object, what: str) -> NotYet:
    """The diagnosis for a function that has returned, where an error was asked for."""
    returned = f"`{attempt.name}` returned {shown(got)}"
    if any(each.error for each in attempt.sent.everything):
        return attempt.not_yet(
            "swallowed IntegrityError",
            f"{what} {returned}, and no error. The caller takes that for a sign-up.",
        )
    if any(each.text.startswith("INSERT INTO users") and each.connection == 1 for each in attempt.sent):
        return attempt.not_yet(
            "refusal not told", f"{what} {returned}. The row was left out, and nobody hears of it."
        )
    return attempt.not_yet(
        "not flushed" if isinstance(got, User) else "nothing sent",
        f"{returned} and sent no INSERT: the database has had nothing to refuse yet.",
    )


def _in_the_savepoint(attempt: Attempt, savepoints: list[bool], came: str) -> None:
    attempt.require(
        not flushed_before(attempt, savepoints),
        "flushed before the savepoint",
        f"`{attempt.name}` begins a savepoint, and the refused INSERT stands outside it, so {came}. `begin_nested` "
        "flushes what the session was told before, and begins the savepoint then. What has to happen inside the block?",
    )


async def _username_taken(attempt: Attempt) -> None:
    taken = attempt.chance.choice(("mira", "tomas", "olek"))
    wanted = UserCreate(email=f"{_new_name(attempt)}@example.org", username=taken, password=PASSWORD)  # type: ignore[arg-type]
    async with attempt.sessions() as session:
        await _add_own_tag(session)
        with savepoints_of(session) as savepoints:
            got = await attempt.call(session, wanted, expected=OUTCOMES)
        _told(attempt, got, f"The username {taken!r} is taken.", field="username")
        await _goes_on(attempt, session, savepoints)
    attempt.require(
        await _own_tag(attempt),
        "rollback too wide",
        f"The caller added a tag, called `{attempt.name}` with a username that is taken, heard AlreadyExists, and "
        "committed the rest. The tag is gone.",
    )


async def _goes_on(attempt: Attempt, session: AsyncSession, savepoints: list[bool]) -> None:
    """As a caller does who shows the error and saves the rest."""
    try:
        await session.scalar(select(func.count(Tag.id)))
        await session.commit()
    except SQLAlchemyError as error:
        came = told(error).partition(". ")[0]
        _in_the_savepoint(attempt, savepoints, f"the caller goes on, and gets {came}")
        raise attempt.not_yet(
            "session left broken",
            f"`{attempt.name}` raised AlreadyExists. The caller caught it and went on in the same transaction, and got "
            f"{came}.",
        ) from None


async def _a_newcomer(attempt: Attempt) -> None:
    wanted = _newcomer(attempt)
    mine = select(User.id, User.hashed_password).where(User.email == wanted.email)
    async with attempt.sessions() as session:
        await session.connection()
        user = await attempt.call(session, wanted)
        attempt.require(
            not await attempt.rows(mine),
            "commits for the caller",
            f"A caller called `{attempt.name}` and has not said commit yet. Another session finds the newcomer "
            "already: nobody can take that back. Who opened the session?",
        )
        attempt.require(
            isinstance(user, User),
            "nothing returned" if user is None else "not the user",
            f"`{attempt.name}` returned {shown(user)}; the new User was asked for.",
        )
        await session.commit()
    await _stored(attempt, [tuple(row) for row in await attempt.rows(mine)])


async def _stored(attempt: Attempt, rows: list[tuple[int, str]]) -> None:
    attempt.require(
        rows,
        "not saved",
        f"A caller called `{attempt.name}` and committed. The newcomer is not in the table.",
    )
    attempt.require(
        rows[0][1].startswith("$argon2") and await verify_password(PASSWORD, rows[0][1]),
        "password in clear text" if PASSWORD in rows[0][1] else "wrong hash",
        f"The column `hashed_password` holds {rows[0][1][:20]!r} …; the Argon2 hash of the password belongs there.",
    )


@judge("09.5")
async def what_was_sent_and_no_more(attempt: Attempt) -> None:
    key, name = await attempt.key(attempt.chance.choice(("sam", "priya"))), _new_name(attempt)
    replies = [
        await _faulty(attempt, key, request, fields=fields, misconception=misconception)
        for request, fields, misconception in _faulty_requests(name)
    ]
    for came, got in replies:
        attempt.require(
            all(isinstance(text, str) and text for text in got.values()),
            "not a text",
            f"{came} A text for each faulty field was asked for.",
        )
    await _taken_back(attempt, key, {"username": name})
    await _saved(attempt, key, {"username": name})
    await _saved(attempt, key, {"password": PASSWORD, "is_active": True})
    await _nobody(attempt, {"username": f"{name}3"})


def _faulty_requests(name: str) -> Iterator[tuple[dict[str, Any], list[str], str]]:
    """Each with its faulty fields, and what to call it when the first of them gets through."""
    yield {"username": name, "email": None}, ["email"], "null in a PATCH"
    yield {"username": name, "is_admin": True}, ["is_admin"], "mass assignment"
    yield {"username": name, "password": TOO_SHORT}, ["password"], "fault not named"
    yield {"username": name, "email": f"{name} at home"}, ["email"], "format not checked"
    yield {"password": PASSWORD, "email": None, "is_admin": True}, ["email", "is_admin"], "null in a PATCH"


async def _faulty(
    attempt: Attempt, key: int, request: Mapping[str, Any], *, fields: list[str], misconception: str
) -> tuple[str, Mapping[Any, Any]]:
    """What came of a faulty request, in words, and the faults that the function named."""
    async with attempt.sessions() as session:
        got, before, after = await _patch(attempt, session, key, request)
    ended = f", and raises {_cause(got)}." if isinstance(got, Exception) else f" and returned {shown(got)}."
    came = f"`{attempt.name}` was called with the request {request}{ended}"
    if isinstance(got, ValidationError | CourseError):
        raise attempt.not_yet("error let out", f"{came} A dict of faults was asked for.")
    _not_through(attempt, came, got, (before, after), field=fields[0], misconception=misconception)
    faults = _named(attempt, came, got, fields)
    attempt.require(before == after, "half of it kept", f"{came} The row was changed all the same.")
    attempt.require(
        TOO_SHORT not in repr(got),
        "password told",
        f"{came} Faults are shown and logged, and here the password stands in them.",
    )
    return came, faults


def _not_through(
    attempt: Attempt, came: str, got: object, rows: tuple[Any, Any], *, field: str, misconception: str
) -> None:
    """The value of the field did not get as far as the row."""
    before, after = rows
    attempt.require(
        not isinstance(got, Exception),
        misconception,
        f"{came} Before it came to that, `{field}` was to be refused.",
    )
    if isinstance(after, Exception):
        raise attempt.not_yet(
            misconception, f"{came} With the caller's next statement comes {_cause(after)}."
        )
    column = "hashed_password" if field == "password" else field
    attempt.require(
        before[column] == after[column],
        misconception,
        f"{came} `{column}` of the row is {after[column]!r} now.",
    )


def _named(attempt: Attempt, came: str, got: object, fields: list[str]) -> Mapping[Any, Any]:
    if not isinstance(got, Mapping):
        raise attempt.not_yet("not a dict", f"{came} A dict of faults was asked for.")
    faulty = " and ".join(f"`{field}`" for field in fields)
    attempt.require(got, "dropped without a word", f"{came} Faulty is {faulty}, and nobody is told.")
    attempt.require(not set(got) < set(fields), "one fault only", f"{came} Faulty are {faulty}.")
    attempt.require(set(got) == set(fields), "wrong fields named", f"{came} Faulty: {faulty}.")
    return got


def _cause(error: Exception) -> str:
    """The error in a line, without what SQLAlchemy and Pydantic add."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(error).__name__}: {str(cause).partition(chr(10))[0]}"


async def _patch(
    attempt: Attempt, session: AsyncSession, key: int, request: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """What the function gave, and the row before and after, as the caller's transaction sees it."""
    before = await _row(session, key)
    got = await attempt.call(
        session, key, dict(request), expected=(ValidationError, SQLAlchemyError, CourseError)
    )
    try:
        return got, before, before if isinstance(got, Exception) else await _row(session, key)
    except SQLAlchemyError as error:
        return got, before, error


async def _row(session: AsyncSession, key: int) -> dict[str, Any]:
    columns = (User.email, User.username, User.hashed_password, User.is_active, User.is_admin)
    row = (await session.execute(select(*columns).where(User.id == key))).one()
    return dict(row._mapping)


async def _taken_back(attempt: Attempt, key: int, request: Mapping[str, Any]) -> None:
    async with attempt.sessions() as session:
        _, before, _ = await _patch(attempt, session, key, request)
        await session.rollback()
        after = await _row(session, key)
    attempt.require(
        before == after,
        "commits for the caller",
        f"A caller called `{attempt.name}` with {request} and rolled back. The change stayed. Who opened the session?",
    )


async def _saved(attempt: Attempt, key: int, request: Mapping[str, Any]) -> None:
    called = f"`{attempt.name}` was called with the request {request}, in which all is well."
    async with attempt.sessions() as session:
        got, before, after = await _patch(attempt, session, key, request)
        failed = got if isinstance(got, IntegrityError) else after
        if isinstance(failed, Exception):
            raise attempt.not_yet("absent field emptied", f"{called} The database refused: {_cause(failed)}.")
        _no_faults(attempt, got, called)
        await session.commit()
        after = await _row(session, key)
    sent = {field: value for field, value in request.items() if field != "password"}
    stored = {field: value for field, value in after.items() if before[field] != value}
    stored.pop("hashed_password", None)
    attempt.require(
        stored == {field: value for field, value in sent.items() if before[field] != value},
        "not saved",
        f"{called} Then the caller committed. Of the row, this has changed: {stored}.",
    )
    await _password_kept(attempt, called, request.get("password"), before=before, after=after)


def _no_faults(attempt: Attempt, got: object, called: str) -> None:
    if isinstance(got, Exception):
        raise attempt.not_yet("good request refused", f"{called} It raises {_cause(got)}.")
    attempt.require(
        isinstance(got, Mapping),
        "not a dict",
        f"{called} It returned {shown(got)}; an empty dict was asked for.",
    )
    attempt.require(not got, "good request refused", f"{called} It returned {shown(got)}.")


async def _password_kept(
    attempt: Attempt,
    called: str,
    password: str | None,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """A new password has become its hash, and without one the hash is the old one."""
    old, new = before["hashed_password"], after["hashed_password"]
    if password is None:
        attempt.require(old == new, "wrong hash", f"{called} It holds no password, and the hash has changed.")
        return
    attempt.require(
        new.startswith("$argon2") and await verify_password(password, new),
        "password not saved" if old == new else "wrong hash",
        f"{called} The column `hashed_password` holds {new[:20]!r} …, which is no hash of the new password.",
    )


async def _nobody(attempt: Attempt, request: Mapping[str, Any]) -> None:
    nobody = await attempt.scalar(select(func.max(User.id))) + 100
    async with attempt.sessions() as session:
        got = await attempt.call(session, nobody, dict(request), expected=(NotFound, SQLAlchemyError))
    attempt.require(
        isinstance(got, NotFound),
        "unknown id",
        f"No user has the id {nobody}. `{attempt.name}` gave {shown(got)}; NotFound was to be raised.",
    )


async def _add_own_tag(session: AsyncSession) -> None:
    session.add(Tag(name=OF_THE_CALLER))
    await session.flush()


async def _own_tag(attempt: Attempt) -> bool:
    return await attempt.scalar(select(Tag.id).where(Tag.name == OF_THE_CALLER)) is not None


def _new_name(attempt: Attempt) -> str:
    return f"nora{attempt.chance.randrange(1_000, 9_999)}"


def _newcomer(attempt: Attempt) -> UserCreate:
    name = _new_name(attempt)
    return UserCreate.model_validate({"email": f"{name}@example.org", "username": name, "password": PASSWORD})
