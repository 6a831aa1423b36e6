"""Exercise 08.1, What a visitor types: a number out of bounds is refused, and never bent."""

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from course_lib.errors import OutOfRange
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l08_pagination.more_posts import write
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, limited_in_order, most_rows

# One of the two numbers is bad; a good one is 1 for `page`, and 5 for `per_page`.
TOO_LOW = ((1, -1), (0, 5), (1, 0), (-3, 5))
TOO_HIGH = ((1, 101), (1, 10**6), (1_000_001, 5), (10**20, 5))
REFUSALS = (OutOfRange, DBAPIError, ArithmeticError, ValueError, AssertionError)


@judge("08.1")
async def what_a_visitor_types(attempt: Attempt) -> None:
    await write(attempt, [{}] * 120)
    for page, per_page in ((1, 5), (2, 100), (1, 1), (1_000_000, 100)):
        await _shown(attempt, page, per_page)
    for page, per_page in TOO_LOW:
        await _refused(attempt, page, per_page, "bounds unchecked")
    for page, per_page in TOO_HIGH:
        await _refused(attempt, page, per_page, "upper bound missing")


async def _refused(attempt: Attempt, page: int, per_page: int, misconception: str) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, page, per_page, expected=REFUSALS)
    called = f"`{attempt.name}` was called with page={page} and per_page={per_page}, and"
    if isinstance(got, OutOfRange):
        attempt.require(
            len(attempt.sent) == 0, "checked too late", f"{called} asked the database before it refused them."
        )
        bad, good = ("page", "per_page") if per_page == 5 else ("per_page", "page")
        attempt.require(
            got.name != good and got.value == {"page": page, "per_page": per_page}[bad],
            "wrong number told",
            f"{called} told the visitor: {got}. But it is `{bad}` that is out of its bounds.",
        )
    elif isinstance(got, DBAPIError | ArithmeticError):
        raise attempt.not_yet(misconception, f"{called} the driver ends it: {told(got)}")
    elif isinstance(got, Exception):
        raise attempt.not_yet("another error", f"{called} raises {told(got)}. OutOfRange was asked for.")
    else:
        _bad_number_taken(attempt, got, called, misconception=misconception)


def _bad_number_taken(attempt: Attempt, got: object, called: str, *, misconception: str) -> None:
    if got is None:
        raise attempt.not_yet("nothing returned", f"{called} returned None. OutOfRange was asked for.")
    posts = a_list(attempt, got, of="posts", called=called)
    count = f"{len(posts)} post{'s' * (len(posts) != 1)}"
    bent = len(attempt.sent) == 0 or (misconception == "bounds unchecked" and "per_page=-1" in called)
    attempt.require(
        not (bent and len(posts) <= 100),
        "number bent",
        f"{called} returned {count}. Whoever typed that gets an answer to another question, and is not told.",
    )
    raise attempt.not_yet(misconception, f"{called} returned {count}. OutOfRange was asked for.")


async def _shown(attempt: Attempt, page: int, per_page: int) -> None:
    rows = select(Post.id).order_by(Post.id).offset((page - 1) * per_page).limit(per_page)
    wanted = [key for (key,) in await attempt.rows(rows)]
    async with attempt.sessions() as session:
        got = await attempt.call(session, page, per_page, expected=(OutOfRange,))
    called = f"`{attempt.name}` was called with page={page} and per_page={per_page}, and"
    if isinstance(got, OutOfRange):
        raise attempt.not_yet(
            "bounds too narrow", f"{called} refused them: {got}. Both are within the bounds."
        )
    posts = a_list(attempt, got, of="posts", called=called)
    all_of(attempt, posts, Post, of="posts", called=called)
    fetched = most_rows(attempt)
    attempt.require(
        fetched <= per_page,
        "all rows fetched",
        f"{called} fetched {fetched} rows for a page of {per_page}.",
    )
    limited_in_order(attempt, called)
    keys = [post.id for post in posts]
    attempt.require(
        keys == wanted, "wrong posts", f"{called} returned the posts {keys[:5]}; they begin {wanted[:5]}."
    )
