"""Exercise 15.1, Drafts are private: nothing tells a draft of somebody else from one that does not exist."""

from typing import Any

from sqlalchemy import func, select

from course_lib.errors import NotFound
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l15_permissions.refusals import CRASHES, ON_PURPOSE, crash_named
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown


@judge("15.1")
async def one_answer_to_all_others(attempt: Attempt) -> None:
    mine, other = attempt.chance.sample(("mira", "tomas", "yuki", "juno"), 2)
    me, them = await attempt.key(mine), await attempt.key(other)
    statements = await _my_own(attempt, me)
    missing = int(await attempt.scalar(select(func.max(Post.id)))) + attempt.chance.randint(5, 50)
    nobodys = missing, await _refused(attempt, me, missing, "does not exist")
    work = _fetched(attempt), max(statements, len(attempt.sent))
    foreign = await _post_of(attempt, them, published=False)
    _same_words(
        attempt, nobodys, (foreign, await _refused(attempt, me, foreign, "is a draft of somebody else"))
    )
    more = _fetched(attempt), max(statements, len(attempt.sent))
    for owner, whose in ((me, "the user's own"), (them, "somebody else's")):
        public = await _post_of(attempt, owner, published=True)
        got = await _refused(attempt, me, public, f"is published, and {whose}")
        _same_words(attempt, nobodys, (public, got))
    _same_work(attempt, foreign, work, more)
    await _already_loaded(attempt, me, foreign)


async def _post_of(attempt: Attempt, author: int, *, published: bool) -> int:
    post = select(Post.id).where(Post.author_id == author, Post.published.is_(published))
    return int(await attempt.scalar(post.order_by(Post.id)))


async def _ask(attempt: Attempt, me: int, key: int) -> Any:
    async with attempt.sessions() as session:
        with crash_named("a missing post crashes"):
            return await attempt.call(session, me, key, expected=ON_PURPOSE)


async def _my_own(attempt: Attempt, me: int) -> int:
    """How many statements it took."""
    key = await _post_of(attempt, me, published=False)
    async with attempt.sessions() as session:
        got = await attempt.call(session, me, key, expected=(NotFound,))
    called = f"`{attempt.name}(session, {me}, {key})`, for one of the user's own drafts,"
    if isinstance(got, NotFound):
        raise attempt.not_yet("the author refused", f"{called} says: {got}.")
    attempt.require(got is not None, "nothing returned", f"{called} returned None.")
    attempt.require(
        isinstance(got, Post) and got.id == key, "not the draft", f"{called} returned {shown(got)}."
    )
    attempt.require(
        _fetched(attempt) <= len(attempt.sent),
        "more than one row",
        f"{called} fetched {_fetched(attempt)} rows. One of them was asked for.",
    )
    return len(attempt.sent)


def _fetched(attempt: Attempt) -> int:
    """Rows, by the last call."""
    return sum(each.rows or 0 for each in attempt.sent)


async def _refused(attempt: Attempt, me: int, key: int, what: str) -> NotFound:
    got = await _ask(attempt, me, key)
    called = f"`{attempt.name}(session, {me}, {key})`: post {key} {what}. It"
    if isinstance(got, Post):
        attempt.require(got.id == key, "not the draft", f"{called} returned post {got.id}.")
        name = "published ones too" if "published" in what else "anybody's draft"
        raise attempt.not_yet(name, f"{called} returned the post. NotFound was asked for.")
    attempt.require(
        isinstance(got, Exception), "no error raised", f"{called} returned {shown(got)}, and no error."
    )
    if isinstance(got, NotFound):
        return got
    if what == "does not exist":
        name = "a missing post crashes" if isinstance(got, CRASHES) else "another error raised"
        raise attempt.not_yet(name, f"{called} ended with {told(got)}. NotFound was asked for.")
    raise attempt.not_yet(
        "existence leaks",
        f"{called} ended with {told(got)}. For a post that does not exist it is NotFound: who tries the numbers one "
        "after the other learns which posts there are.",
    )


def _same_words(attempt: Attempt, nobodys: tuple[int, NotFound], other: tuple[int, NotFound]) -> None:
    (missing, one), (key, two) = nobodys, other
    attempt.require(
        str(one) == str(NotFound("Post", missing)),
        "other facts in the error",
        f"For the missing post {missing}, `{attempt.name}` says: {one}. NotFound takes the thing, which is Post, and "
        "its key.",
    )
    attempt.require(
        str(two) == str(NotFound("Post", key)),
        "existence leaks",
        f"For the missing post {missing}, `{attempt.name}` says: {one}. For post {key}, which exists: {two}. The "
        "words tell them apart.",
    )


def _same_work(attempt: Attempt, foreign: int, nobodys: tuple[int, int], theirs: tuple[int, int]) -> None:
    """Rows fetched, and the most statements sent: for a missing post, and for a draft of somebody else."""
    attempt.require(
        nobodys[0] == theirs[0],
        "loads before it asks",
        f"For a missing post `{attempt.name}` fetched {nobodys[0]} rows, and for post {foreign}, a draft of somebody "
        f"else, {theirs[0]}. The database itself can ask whose it is.",
    )
    most = max(nobodys[1], theirs[1])
    attempt.require(
        most == 1, "asks more than once", f"`{attempt.name}` sent {most} statements where one is enough."
    )


async def _already_loaded(attempt: Attempt, me: int, foreign: int) -> None:
    """As in a request that has read the list of all posts before."""
    async with attempt.sessions() as session:
        held = await session.get(Post, foreign)
        got = await attempt.call(session, me, foreign, expected=ON_PURPOSE)
    attempt.require(
        held is not None and isinstance(got, NotFound),
        "asks the session alone",
        f"The session had loaded post {foreign} before, a draft of somebody else. `{attempt.name}` gave {shown(got)}: "
        "`session.get` returns what the session holds, and asks nobody.",
    )
