"""Exercise 02.2, Each like once: the pair is the key, and no part of it may be missing or of nobody."""

from sqlalchemy import Table, insert, select, true

from course_lib.models import Post, User
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.judges.l02_models.new_tables import (
    LATECOMER,
    NOBODY,
    accepts,
    in_words,
    made,
    refusal_of,
    refuses_null,
    refuses_other_tables,
    refuses_strangers,
    table_of,
)
from course_lib.school.judges.registry import BOTH, judge


@judge("02.2", on=BOTH)
async def each_like_once(attempt: Attempt) -> None:
    likes = await made(attempt, await table_of(attempt), "likes", ("user_id", "post_id"))
    [yuki, mira] = [await attempt.key("yuki"), await attempt.key("mira")]
    ids = select(User.id).where(User.id.not_in([yuki, mira]))  # so that these are keys of both tables
    [first, second] = [key for (key,) in await attempt.rows(select(Post.id).where(Post.id.in_(ids)).limit(2))]
    await accepts(attempt, likes, user_id=yuki, post_id=first)
    for pair in ({"user_id": yuki, "post_id": second}, {"user_id": mira, "post_id": first}):
        refusal = await refusal_of(attempt, insert(likes).values(pair))
        attempt.require(
            not refusal,
            "key too narrow",
            f"User {yuki} likes post {first}. Then `likes` refused another pair, {in_words(pair)}: {refusal}.",
        )
    await _refuses_the_same_pair(attempt, likes, {"user_id": yuki, "post_id": first})
    await refuses_null(attempt, likes, {"user_id": yuki, "post_id": second})
    for pair in ({"user_id": yuki, "post_id": NOBODY}, {"user_id": NOBODY, "post_id": first}):
        await refuses_strangers(attempt, likes, pair)
    await refuses_other_tables(attempt, likes, {"user_id": yuki, "post_id": second})
    await accepts(attempt, likes, user_id=LATECOMER, post_id=second)
    await _takes_every_pair(attempt, likes)


async def _refuses_the_same_pair(attempt: Attempt, likes: Table, pair: dict[str, int]) -> None:
    refusal = await refusal_of(attempt, insert(likes).values(pair))
    times = await attempt.scalar(count_of(select(likes).filter_by(**pair)))
    attempt.require(
        refusal or times > 1,
        "dropped without a word",
        f"`likes` was given {in_words(pair)} twice, keeps it once, and refused nothing: nobody hears of the second.",
    )
    has_key = len(likes.primary_key.columns) > 0
    why = (
        "Its own key makes each row different, however often the pair comes."
        if has_key
        else "The table has no key."
    )
    attempt.require(
        refusal,
        "surrogate key only" if has_key else "key missing",
        f"`likes` took {in_words(pair)} twice. {why}",
    )


async def _takes_every_pair(attempt: Attempt, likes: Table) -> None:
    await attempt.change(likes.delete())
    pairs = select(User.id, Post.id).join(Post, true())
    refusal = await refusal_of(attempt, insert(likes).from_select(["user_id", "post_id"], pairs))
    attempt.require(
        not refusal,
        "pair refused",
        f"Every user likes every post, each once, and `likes` refused one of these pairs: {refusal}.",
    )
