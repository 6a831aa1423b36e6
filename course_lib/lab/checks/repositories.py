"""Lesson 04: who says commit, what reaches the SQL and the row, in which order, and what an error takes along."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.errors import CourseError
from course_lib.lab.judging.attempts import Attempt, count_of, judge
from course_lib.lab.judging.sandbox import NotYet, told
from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post, Tag, User
from course_lib.repositories import PostRepository, TagRepository

ATTACKS = ("nothing' UNION SELECT hashed_password FROM users --", "nothing' OR '1' = '1")
PLAIN_TITLE = "Rye and patience"
HONEST_TITLES = ("Don't wait for the dough", "Late again :why not")
NEAR_TITLES = ("%", "Rye and patienc_", "RYE AND PATIENCE", "Rye", "patience")
"""No post has one of these. They find the plain title where a title is taken for a pattern."""

NOT_FOR_VISITORS = {
    "is_admin": True,
    "is_active": True,
    "hashed_password": "open sesame",
    "id": 900_001,
    "nickname": "the boss",
}
"""What a form may smuggle in; sam is neither an administrator nor active."""

MISHAPS = (SQLAlchemyError, CourseError)
REFUSALS = (*MISHAPS, ValueError, LookupError, RuntimeError)
"""What a function may make of an error of the database."""

CALLERS_OWN = Tag.name == "the caller's own"


@judge("04.1")
async def the_caller_decides(attempt: Attempt) -> None:
    author, title = await attempt.key("yuki"), f"Move {attempt.chance.randrange(10, 99)}"
    async with _callers_session(attempt) as session:
        post = await attempt.call(session, author, title)
        _require_model(attempt, post, Post)
        key = vars(post).get("id")  # before the next statement flushes what the function did not
        await _require_open(attempt, session)
        attempt.require(
            key,
            "not flushed",
            f"The post that `{attempt.name}` returned has no id, and the caller needs it for the next row.",
        )
        await session.commit()
    await _require_row(attempt, key, (author, title, False))
    attempt.sent_at_most(1, "too many statements", "The INSERT brings the id back.")
    await _refuse(attempt, title)


async def _require_row(attempt: Attempt, key: Any, wanted: tuple[Any, ...]) -> None:
    found = select(Post.author_id, Post.title, Post.published).where(Post.id == key)
    rows = [tuple(row) for row in await attempt.rows(found)]
    attempt.require(
        rows == [wanted],
        "wrong row",
        f"After the caller's commit, the rows with this id, as (author, title, published), are {rows}; "
        f"{wanted} was asked for.",
    )


async def _refuse(attempt: Attempt, title: str) -> None:
    """A post that the database refuses: the caller hears of it, and goes back to a savepoint of its own."""
    await attempt.change(delete(Tag).where(CALLERS_OWN))
    nobody = await attempt.scalar(select(func.max(User.id))) + 1
    async with _callers_session(attempt) as session:
        savepoint = await session.begin_nested()
        outcome = await attempt.call(session, nobody, title, expected=REFUSALS)
        with suppress(SQLAlchemyError):  # where the function has ended it
            await savepoint.rollback()
            await session.commit()
    called = f"No user has the id {nobody}, so the database refuses `{attempt.name}(session, {nobody}, {title!r})`."
    attempt.require(
        isinstance(outcome, REFUSALS),
        "error swallowed",
        f"{called} It returned {outcome!r:.60} and raised nothing: the caller takes the import for whole.",
    )
    attempt.require(
        await attempt.scalar(count_of(select(Tag).where(CALLERS_OWN))),
        "rollback too wide",
        f"{called} The caller had a savepoint for that, and went back to it. But by then all was rolled back, with "
        "what the caller had done before. How much is taken back is for the caller to say.",
    )


@judge("04.2")
async def a_title_is_a_title(attempt: Attempt) -> None:
    await attempt.change(text("CREATE INDEX by_content ON posts (title, content)"))
    for title in (PLAIN_TITLE, *HONEST_TITLES):
        await attempt.change(insert(Post).values(await _namesakes(attempt, title)))
    await _find(attempt, PLAIN_TITLE)
    for attack in ATTACKS:
        await _attack(attempt, attack)
    for title in HONEST_TITLES:
        await _find(attempt, title, expected=(SQLAlchemyError,))
    for title in NEAR_TITLES:
        await _miss(attempt, title)
    attempt.sent_at_most(1, "too many statements", "One SELECT finds them all.")


async def _namesakes(attempt: Attempt, title: str) -> list[dict[str, object]]:
    """Two published posts and a draft of one title. An index has them the other way round than their keys."""
    author = await attempt.key("mira")
    numbers = sorted(attempt.chance.sample(range(100, 999), 3), reverse=True)
    return [
        {"title": title, "content": f"Text {number}", "published": shown, "author_id": author}
        for number, shown in zip(numbers, (True, False, True), strict=True)
    ]


async def _attack(attempt: Attempt, title: str) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, title, expected=(SQLAlchemyError,))
    called = f"`{attempt.name}` was called with the title `{title}`, which no post has, and"
    if isinstance(got, SQLAlchemyError):
        raise attempt.not_yet("SQL injection", f"{called} raises {told(got)}")
    _require_texts(attempt, got)
    attempt.require(
        not got,
        "SQL injection",
        f"{called} got back what no visitor may see, such as `{max(got, default='')[:40]}`.",
    )


async def _miss(attempt: Attempt, title: str) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, title)
    _require_texts(attempt, got)
    attempt.require(
        not got,
        "other titles found",
        f"`{attempt.name}` was called with the title `{title}`, which no post has, and returned {len(got)} texts. "
        "Another title was taken for it.",
    )


async def _find(attempt: Attempt, title: str, *, expected: tuple[type[Exception], ...] = ()) -> None:
    rows = await attempt.rows(
        select(Post.content, Post.published).where(Post.title == title).order_by(Post.id)
    )
    wanted = [content for content, published in rows if published]
    async with attempt.sessions() as session:
        got = await attempt.call(session, title, expected=expected)
    called = f"Two published posts have the title `{title}`. `{attempt.name}`"
    if isinstance(got, SQLAlchemyError):
        raise attempt.not_yet("honest title lost", f"{called} raises {told(got)}")
    _require_texts(attempt, got)
    drafts = {content for content, published in rows if not published} & set(got)
    attempt.require(not drafts, "drafts shown", f"{called} returns {list(got)}; {drafts} is a draft.")
    attempt.require(got or title == PLAIN_TITLE, "honest title lost", f"{called} finds none of them.")
    _require_same(attempt, list(got), wanted)


def _require_same(attempt: Attempt, got: list[str], wanted: list[str]) -> None:
    returned = f"`{attempt.name}` returned {got}; {wanted} was asked for."
    attempt.require(sorted(got) == sorted(wanted), "wrong posts", returned)
    attempt.require(
        got == wanted,
        "order lost",
        f"{returned} Without a word about the order, the database may go along an index instead of the keys.",
    )


@judge("04.3")
async def each_post_once(attempt: Attempt) -> None:
    await attempt.change(insert(Post).values(await _from_an_import(attempt)))
    wanted = await attempt.rows(select(Post.id, Post.created_at).where(Post.published))
    letter, *more = await _letters(attempt)
    attempt.require(not more, "not one letter", f"`{attempt.name}` returned more than one letter.")
    seen = await _walk(attempt, letter)
    time_of = dict(map(tuple, wanted))
    times = [time_of.get(key, FIRST_POST_AT) for key in seen]
    newest, first = max(time_of.values()), times[0]
    attempt.require(
        times == sorted(times, reverse=True),
        "LIMIT without ORDER BY",
        f"The pages of option {letter} begin with a post of {first:%d %B}; the newest is of {newest:%d %B}. "
        "This database happens to go along the keys, and another one does not.",
    )
    twice, never = len(seen) - len(set(seen)), len(time_of.keys() - set(seen))
    attempt.require(
        not twice and not never,
        "ties undecided",
        f"With option {letter}, page after page, {twice} posts were shown twice and {never} never. "
        "With the new index the database put equal times into another order.",
    )


async def _from_an_import(attempt: Attempt) -> list[dict[str, object]]:
    """Thirty posts in two moments, the later moment first."""
    author, hours = await attempt.key("olek"), attempt.chance.randrange(400, 500)
    return [
        {
            "title": f"Radio play {number}",
            "content": "…",
            "published": True,
            "author_id": author,
            "created_at": FIRST_POST_AT + timedelta(hours=hours - number // 15),
        }
        for number in range(30)
    ]


async def _walk(attempt: Attempt, letter: str) -> list[int]:
    """The keys that five at a time are shown; after the second page somebody adds an index."""
    page = attempt.program(
        [f"return list({attempt.blocks[letter]})"],
        first="async def page(session, skip, limit):",
        names={"select": select, "Post": Post, "PostRepository": PostRepository},
    )
    seen: list[int] = []
    for skip in range(0, await attempt.scalar(count_of(select(Post).where(Post.published))), 5):
        if skip == 10:
            await attempt.change(text("CREATE INDEX newest ON posts (published, created_at)"))
        async with attempt.sessions() as session:
            seen += [post.id for post in await attempt.call(session, skip, 5, function=page)]
    return seen


@judge("04.4")
async def only_what_the_form_may_say(attempt: Attempt) -> None:
    sam = await attempt.key("sam")
    outcomes = {field: await _smuggle(attempt, sam, field) for field in NOT_FOR_VISITORS}
    through = [field for field, outcome in outcomes.items() if outcome == "through"]
    shown = ", ".join(f"`{field}`" for field in through)
    attempt.require(
        "is_admin" not in through,
        "mass assignment",
        f"`{attempt.name}` let the form change {shown}. It may change `email` and `username`.",
    )
    attempt.require(
        not through,
        "deny list",
        f"`{attempt.name}` kept `is_admin` out, and let the form change {shown}. "
        "Whatever column comes next will be let through as well.",
    )
    refused = next((outcome for outcome in outcomes.values() if outcome), "")
    attempt.require(
        not refused, "form refused", f"{refused} The rest of the form was to be saved all the same."
    )
    for form in ({"email": "new@example.net"}, {"username": "new"}, {}, _both_fields(attempt)):
        await _save_a_part(attempt, sam, form)
    await _save_for_nobody(attempt)


async def _smuggle(attempt: Attempt, key: int, field: str) -> str:
    """'' when the field was left out, 'through' when it reached the row, else what it raised."""
    form = _both_fields(attempt) | {field: NOT_FOR_VISITORS[field]}
    [before] = await attempt.rows(_guarded_columns().where(User.id == key))
    async with _callers_session(attempt) as session:
        user = await attempt.call(session, key, dict(form), expected=MISHAPS)
        if isinstance(user, MISHAPS):
            _require_one_row(attempt, user)
            return f"`{attempt.name}` was given a form with `{field}`, and raises {told(user)}."
        await _require_open(attempt, session)
        after = await _seen(session, _guarded_columns().where(User.username == form["username"]))
    return "through" if after not in ([], [before]) else ""


def _require_one_row(attempt: Attempt, error: Exception) -> None:
    """Nobody has the new address or the new name: whoever meets them writes them into a second row."""
    attempt.require(
        not isinstance(error, IntegrityError) or "UNIQUE" not in str(error),
        "WHERE missing",
        f"`{attempt.name}` was to change one user, and wrote the same into a second one: {told(error)}.",
    )


def _both_fields(attempt: Attempt) -> dict[str, Any]:
    name = f"sam{attempt.chance.randrange(100, 999)}"
    return {"email": f"{name}@example.net", "username": name}


def _guarded_columns() -> Any:
    return select(User.id, User.is_admin, User.is_active, User.hashed_password)


async def _save_a_part(attempt: Attempt, key: int, form: dict[str, str]) -> None:
    columns = select(User.email, User.username).where(User.id == key)
    [before] = await attempt.rows(columns)
    wanted = tuple((before._asdict() | form).values())
    called = f"`{attempt.name}` was given the form {form}"
    async with attempt.sessions() as session:
        user = await attempt.call(session, key, dict(form), expected=(*MISHAPS, KeyError))
        attempt.require(
            attempt.sent or not form, "nothing sent", f"{called}. It sent no statement, so it saved nothing."
        )
        after: Any = user if isinstance(user, Exception) else await _seen(session, columns)
        _require_no_mishap(attempt, called, form, after)
        _require_model(attempt, user, User)
        _require_saved(attempt, f"{called}, and", before=tuple(before), after=tuple(after[0]), wanted=wanted)
        shown = (user.email, user.username)
    attempt.require(shown == wanted, "stale object", f"{called}. The returned user shows {shown}.")
    attempt.sent_at_most(2, "too many statements", "At most a SELECT and an UPDATE.")


def _require_no_mishap(attempt: Attempt, called: str, form: dict[str, str], after: object) -> None:
    if isinstance(after, Exception):
        absent = "absent field demanded" if isinstance(after, KeyError) else "absent field emptied"
        raise attempt.not_yet(
            absent if form else "empty form",
            f"{called}, and raises {told(after)}. What a form does not have stays as it was.",
        )


def _require_saved(
    attempt: Attempt, called: str, *, before: tuple[Any, ...], after: tuple[Any, ...], wanted: tuple[Any, ...]
) -> None:
    told_rows = f"{called} the row holds {after}; {wanted} was asked for."
    lost = any(new != old == asked for old, new, asked in zip(before, after, wanted, strict=True))
    attempt.require(not lost, "absent field emptied", told_rows)
    attempt.require(after == wanted, "not saved", told_rows)


async def _save_for_nobody(attempt: Attempt) -> None:
    nobody = await attempt.scalar(select(func.max(User.id))) + 1
    async with attempt.sessions() as session:
        user = await attempt.call(
            session, nobody, _both_fields(attempt), expected=(*MISHAPS, AttributeError, TypeError)
        )
    did = f"raises {told(user)}" if isinstance(user, Exception) else f"returned {user!r:.60}"
    attempt.require(
        user is None,
        "unknown id",
        f"No user has the id {nobody}. Asked to change it, `{attempt.name}` {did}; None was asked for.",
    )


async def _seen(session: AsyncSession, statement: Any) -> Any:
    """The rows as the caller's transaction sees them, or the error of what the function left to be sent."""
    try:
        return list((await session.execute(statement)).all())
    except SQLAlchemyError as error:
        return error


@judge("04.5")
async def only_the_new_ones(attempt: Attempt) -> None:
    taken = await attempt.scalar(select(func.max(Tag.name)))
    first, last = (f"{word} {attempt.chance.randrange(10, 99)}" for word in ("owls", "moss"))
    add_tags = attempt.program(
        [attempt.blocks[letter] for letter in await _letters(attempt)],
        first="async def add_tags(session, names):",
        names={"IntegrityError": IntegrityError, "TagRepository": TagRepository},
    )
    names = [first, taken, last]
    called = f"`add_tags(session, {names})`, where {taken!r} is taken,"
    async with _callers_session(attempt) as session:
        added = await attempt.call(session, names, function=add_tags, expected=(SQLAlchemyError,))
        _end_behind_the_failure(attempt)
        if isinstance(added, SQLAlchemyError):
            name = "error let out" if isinstance(added, IntegrityError) else "savepoint missing"
            raise attempt.not_yet(name, f"{called} raises {told(added).partition('. ')[0]}.")
        with suppress(SQLAlchemyError):
            await session.commit()
    stored = {name for (name,) in await attempt.rows(select(Tag.name))}
    _require_kept(attempt, called, stored)
    _require_counted(attempt, called, added, [first, last])
    attempt.require(
        {first, last} <= stored, "not saved", f"{called} returned {added}, and did not save them all."
    )


def _end_behind_the_failure(attempt: Attempt) -> None:
    """What is sent after the taken name is no evidence, and three INSERTs alike would look like N+1."""
    sent = attempt.sent.everything
    failed = [place for place, each in enumerate(sent) if each.error]
    later = [place for place, each in enumerate(sent) if failed and place > failed[0] and not each.is_mark]
    del sent[later[0] if later else len(sent) :]


def _require_kept(attempt: Attempt, called: str, stored: set[str]) -> None:
    attempt.require(
        "the caller's own" in stored,
        "rollback too wide",
        f"The caller had added a tag of its own. After {called} and the caller's commit, that tag is gone.",
    )


def _require_counted(attempt: Attempt, called: str, added: object, wanted: list[str]) -> None:
    returned = f"{called} returned {added!r:.80}; {wanted} was asked for."
    if not isinstance(added, list):
        raise NotYet("nothing returned", f"{returned} Is the line with `return` reached at the end?")
    attempt.require(len(added) <= len(wanted), "counted too early", returned)
    attempt.require(added == wanted, "not counted", returned)


async def _letters(attempt: Attempt) -> list[str]:
    letters = attempt.order(await attempt.call())
    attempt.require(letters, "not an order", f"`{attempt.name}` returned no letter.")
    return letters


def _require_model(attempt: Attempt, got: object, model: type) -> None:
    attempt.require(
        isinstance(got, model),
        "nothing returned" if got is None else "something else returned",
        f"`{attempt.name}` returned {got!r:.80}; a {model.__name__} was asked for.",
    )


@asynccontextmanager
async def _callers_session(attempt: Attempt) -> AsyncIterator[AsyncSession]:
    """A session in which the caller has done something of its own, not committed yet."""
    async with attempt.sessions() as session:
        session.add(Tag(name="the caller's own"))
        await session.flush()
        yield session


async def _require_open(attempt: Attempt, session: AsyncSession) -> None:
    """The caller's transaction goes on: no COMMIT was sent, no ROLLBACK, and what was done in it is there."""
    marks = [statement.text for statement in attempt.sent.everything if statement.is_mark]
    attempt.require(
        "COMMIT" not in marks,
        "commit in the repository",
        f"`{attempt.name}` sent COMMIT. Its caller can no longer take back what it did in this transaction.",
    )
    attempt.require(
        session.in_transaction() and await session.scalar(count_of(select(Tag).where(CALLERS_OWN))),
        "transaction ended",
        f"After `{attempt.name}` the caller's transaction is over, and what the caller did in it is lost.",
    )


def _require_texts(attempt: Attempt, got: object) -> None:
    is_list = isinstance(got, Sequence) and not isinstance(got, str)
    attempt.require(
        is_list and all(isinstance(each, str) for each in got),  # type: ignore[attr-defined]
        "not a list of texts",
        f"`{attempt.name}` returned {got!r:.80}; a list of texts was asked for.",
    )
