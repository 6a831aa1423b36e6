"""Exercise 02.5, Gone, and what was left: what the session has noted is sent before the database can refuse."""

from sqlalchemy import (
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from course_lib.models import Account, Post, User
from course_lib.school.attempts.attempt import Attempt, count_of
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.registry import judge


@judge("02.5")
async def gone_with_everything(attempt: Attempt) -> None:
    key, more = await attempt.key("olek"), attempt.chance.randint(1, 4)
    await attempt.change(insert(Post).values([{"title": "Hum", "content": "…", "author_id": key}] * more))
    posts = await attempt.scalar(count_of(select(Post).where(Post.author_id == key)))
    letters = attempt.order(await attempt.call(), every=True)
    delete_user = attempt.program(
        [attempt.blocks[letter] for letter in letters],
        first="async def delete_user(session, key):",
        names={
            "Account": Account,
            "Post": Post,
            "User": User,
            "delete": delete,
            "func": func,
            "select": select,
        },
    )
    async with attempt.sessions() as session:
        got = await attempt.call(session, key, function=delete_user, expected=(IntegrityError, NameError))
    attempt.require(
        not isinstance(got, NameError),
        "line not reached",
        f"`delete_user` raised {told(got)}. The line that sets it stands further down.",
    )
    attempt.require(
        not isinstance(got, Exception),
        "account still there",
        "`delete_user` tried to delete a user who still had an account, and the database refused. A session sends "
        "what it has noted before it runs the next statement: look at the last one below.",
    )
    _counted_both(attempt, got, posts)


def _counted_both(attempt: Attempt, got: tuple[int, int], posts: int) -> None:
    story = f"`delete_user` returned {got!r}; olek has {posts} posts, and then none."
    before, after = got
    attempt.require(before == posts, "counted too late", story)
    attempt.require(after == 0, "nobody deleted", f"{story} What is sent before the second count?")
