"""Exercise 02.2, Each like once: the pair is the key, and no part of it may be missing or of nobody."""

from sqlalchemy import (
    Table,
    insert,
    select,
)

from course_lib.models import Post
from course_lib.school.attempts.attempt import Attempt
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
from course_lib.school.judges.registry import judge


@judge("02.2")
async def each_like_once(attempt: Attempt) -> None:
    likes = await made(attempt, await table_of(attempt), "likes", ("user_id", "post_id"))
    [yuki, mira] = [await attempt.key("yuki"), await attempt.key("mira")]
    [first, second] = [key for (key,) in await attempt.rows(select(Post.id).order_by(Post.id).limit(2))]
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


async def _refuses_the_same_pair(attempt: Attempt, likes: Table, pair: dict[str, int]) -> None:
    refusal = await refusal_of(attempt, insert(likes).values(pair))
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
