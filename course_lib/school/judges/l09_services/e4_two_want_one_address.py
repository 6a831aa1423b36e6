"""Exercise 09.4, Two want one address: of two who want one address, the second is told so by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import AlreadyExists, CourseError
from course_lib.lab.engine_events import listening
from course_lib.lab.faults import in_front_of_the_first
from course_lib.lab.people import PASSWORD_HASH
from course_lib.models import Tag, User
from course_lib.schemas import UserCreate
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l09_services.newcomers import PASSWORD, hash_awaited, new_name, newcomer
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.callers_work import add_own_tag, own_tag
from course_lib.school.stages.cheap_hashes import cheap_hashes
from course_lib.school.stages.returned_lists import shown
from course_lib.school.stages.savepoints import flushed_before, savepoints_of
from course_lib.security import verify_password

OUTCOMES = (CourseError, IntegrityError, OperationalError, ValueError)


@judge("09.4", on=BOTH)
async def one_of_two_is_told(attempt: Attempt) -> None:
    with cheap_hashes():
        await _a_newcomer(attempt)
        await _somebody_is_quicker(attempt)
        await _username_taken(attempt)
        await _another_error(attempt)


async def _somebody_is_quicker(attempt: Attempt) -> None:
    wanted = newcomer(attempt)
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
            f"committed. It ends with {told(got)}; AlreadyExists was asked for. A look comes too early.",
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
    kept_out: list[Exception] = []

    async def be_quicker() -> None:
        row = {"email": wanted.email, "username": "the quicker one", "hashed_password": PASSWORD_HASH}
        try:
            await _take(attempt, row)
        except DBAPIError as refused:
            kept_out.append(refused)

    with in_front_of_the_first(attempt.engine, "INSERT", be_quicker):
        yield kept_out


def _told(attempt: Attempt, got: object, what: str, *, field: str) -> None:
    """Raise NotYet unless `got` is the AlreadyExists of this field."""
    if isinstance(got, DBAPIError):
        raise attempt.not_yet(
            "error not translated",
            f"{what} `{attempt.name}` ends with {told(got)}, of which the caller knows nothing; AlreadyExists was "
            "asked for.",
        )
    attempt.require(
        isinstance(got, AlreadyExists) or not isinstance(got, Exception),
        "another error raised",
        f"{what} `{attempt.name}` ends with {shown(got)}; AlreadyExists was asked for.",
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
    wanted = UserCreate(email=f"{new_name(attempt)}@example.org", username=taken, password=PASSWORD)  # type: ignore[arg-type]
    async with attempt.sessions() as session:
        await add_own_tag(session)
        with savepoints_of(session) as savepoints:
            got = await attempt.call(session, wanted, expected=OUTCOMES)
        _told(attempt, got, f"The username {taken!r} is taken.", field="username")
        await _goes_on(attempt, session, savepoints)
    attempt.require(
        await own_tag(attempt),
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
        came = told(error).rstrip(".")
        _in_the_savepoint(attempt, savepoints, f"the caller goes on, and gets {came}")
        raise attempt.not_yet(
            "session left broken",
            f"`{attempt.name}` raised AlreadyExists. The caller caught it and went on in the same transaction, and got "
            f"{came}.",
        ) from None


async def _a_newcomer(attempt: Attempt) -> None:
    wanted = newcomer(attempt)
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
    hashed = rows[0][1]
    hash_awaited(attempt, hashed)
    attempt.require(
        hashed.startswith("$argon2"),
        "password in clear text" if PASSWORD in hashed else "wrong hash",
        f"The column `hashed_password` holds {hashed[:20]!r} …; the Argon2 hash of the password belongs there.",
    )
    attempt.require(
        await verify_password(PASSWORD, hashed),
        "wrong hash",
        "The column `hashed_password` holds the hash of something else than the password. "
        "`get_secret_value()` gives the password of a UserCreate; its `str` is '**********'.",
    )


async def _another_error(attempt: Attempt) -> None:
    """What is no taken name is not called one."""

    def breaks(connection: object, cursor: object, sent: str, *_: object) -> None:
        if sent.startswith("INSERT"):
            raise OperationalError(sent, {}, ConnectionError("the power is gone"))

    async with attempt.sessions() as session:
        with listening(attempt.engine, before_cursor_execute=breaks):
            got = await attempt.call(session, newcomer(attempt), expected=(Exception,))
    attempt.require(
        isinstance(got, Exception) and not isinstance(got, AlreadyExists),
        "error swallowed",
        f"The connection broke under the INSERT of `{attempt.name}`, and it gave {shown(got)}. Nobody has that "
        "address: catch only the error that you can answer.",
    )
