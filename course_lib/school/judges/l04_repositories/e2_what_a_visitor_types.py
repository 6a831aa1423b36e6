"""Exercise 04.2, What a visitor types: what a visitor types is compared and never run."""

from datetime import timedelta

from sqlalchemy import insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from course_lib.lab.people import FIRST_POST_AT
from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, shown

ATTACKS = ("nothing' UNION SELECT hashed_password FROM users --", "nothing' OR '1' = '1")
REFUSALS = (SQLAlchemyError, ValueError)
PLAIN_TITLE = "Rye and patience"
HONEST_TITLES = (
    "Don't wait for the dough",
    "Late again :why not",
    "Union or not -- select one; drop the rest",
    " with a space at each end ",
)
NEAR_TITLES = (
    "%",
    "Rye and patienc_",
    "RYE AND PATIENCE",
    "Rye",
    "patience",
    " Rye and patience",
    "Rye and patience ",
)
"""No post has one of these. They find the plain title where a title is taken for a pattern."""


@judge("04.2")
async def a_title_is_a_title(attempt: Attempt) -> None:
    await attempt.change(text("CREATE INDEX by_content ON posts (title, content)"))
    for title in (PLAIN_TITLE, *HONEST_TITLES):
        await attempt.change(insert(Post).values(await _namesakes(attempt, title)))
    await _find(attempt, PLAIN_TITLE)
    for attack in ATTACKS:
        await _attack(attempt, attack)
    for title in HONEST_TITLES:
        await _find(attempt, title, expected=REFUSALS)
    for title in NEAR_TITLES:
        await _miss(attempt, title)


async def _namesakes(attempt: Attempt, title: str) -> list[dict[str, object]]:
    """Three published posts and a draft of one title. By text or time they are the other way round than by key."""
    author = await attempt.key("mira")
    first, draft, last = sorted(attempt.chance.sample(range(100, 999), 3), reverse=True)
    return [
        {
            "title": title,
            "content": f"Text {number}",
            "published": number != draft,
            "author_id": author,
            "created_at": FIRST_POST_AT - timedelta(hours=place),
        }
        for place, number in enumerate((first, draft, last, last))
    ]


async def _attack(attempt: Attempt, title: str) -> None:
    async with attempt.sessions() as session:
        got = await attempt.call(session, title, expected=REFUSALS)
    called = f"`{attempt.name}` was called with the title `{title}`, which no post has, and"
    if isinstance(got, ValueError):
        raise attempt.not_yet(
            "honest title lost", f"{called} raises {told(got)}. Whatever a title looks like, it is a title."
        )
    if isinstance(got, SQLAlchemyError):
        raise attempt.not_yet("SQL injection", f"{called} raises {told(got)}")
    texts = _texts(attempt, got)
    attempt.require(
        not texts,
        "SQL injection",
        f"{called} got back what no visitor may see, such as `{max(texts, default='')[:40]}`.",
    )


async def _miss(attempt: Attempt, title: str) -> None:
    async with attempt.sessions() as session:
        texts = _texts(attempt, await attempt.call(session, title))
    attempt.require(
        not texts,
        "other titles found",
        f"`{attempt.name}` was called with the title `{title}`, which no post has, and returned {len(texts)} texts. "
        "Another title was taken for it.",
    )


async def _find(attempt: Attempt, title: str, *, expected: tuple[type[Exception], ...] = ()) -> None:
    rows = await attempt.rows(
        select(Post.content, Post.published).where(Post.title == title).order_by(Post.id)
    )
    wanted = [content for content, published in rows if published]
    async with attempt.sessions() as session:
        got = await attempt.call(session, title, expected=expected)
    called = f"Three published posts have the title `{title}`. `{attempt.name}`"
    if isinstance(got, REFUSALS):
        why = "Is the title still read as SQL? Handed over as a value, it is a text, whatever stands in it."
        raise attempt.not_yet("honest title lost", f"{called} raises {told(got)} {why}")
    texts = _texts(attempt, got)
    drafts = {content for content, published in rows if not published} & set(texts)
    attempt.require(
        not drafts, "drafts shown", f"{called} returns {shown(texts)}; {', '.join(drafts)!r} is a draft."
    )
    attempt.require(texts or title == PLAIN_TITLE, "honest title lost", f"{called} finds none of them.")
    _require_same(attempt, texts, wanted)
    attempt.sent_at_most(1, "too many statements", "One SELECT finds them all.")


def _require_same(attempt: Attempt, got: list[str], wanted: list[str]) -> None:
    returned = f"`{attempt.name}` returned {shown(got)}; {wanted} was asked for."
    attempt.require(sorted(got) == sorted(wanted), "wrong posts", returned)
    attempt.require(
        got == wanted,
        "order lost",
        f"{returned} The order of the keys has to be said: left to itself, the database may go along an index.",
    )


def _texts(attempt: Attempt, got: object) -> list[str]:
    texts = a_list(attempt, got, of="texts")
    all_of(attempt, texts, str, of="texts")
    return list(texts)
