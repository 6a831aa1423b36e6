"""An answer that hides a broken connection does not pass, whatever else it does right."""

import pytest
from answers import answer_to

from course_lib.school.checking.assessing import assess
from course_lib.school.exercises.outcomes import NOT_YET, PASSED
from course_lib.school.exercises.solutions import find

PEOPLE = """
async def people(session):
    {before}
        users = select(User).options(selectinload(User.posts).selectinload(Post.tags)).order_by(User.id)
        return (await session.scalars(users)).all()
    {after}
"""


PAGE = """
async def page_of(session, page, per_page):
    OutOfRange.check("page", page, 1, 1_000_000)
    OutOfRange.check("per_page", per_page, 1, 100)
    rows = select(Post).order_by(Post.id).offset((page - 1) * per_page).limit(per_page)
    {before}
        return (await session.scalars(rows)).all()
    {after}
"""


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("if True:", "", (PASSED, "")),
        ("try:", "except Exception: return []", (NOT_YET, "error swallowed")),
    ],
)
async def test_an_error_that_the_task_asks_for_is_raised_before_any_statement(
    before: str, after: str, verdict: tuple[str, str]
) -> None:
    outcome = await assess(find("08.1"), answer_to(find("08.1"), PAGE.format(before=before, after=after)))
    assert (outcome.state, outcome.misconception) == verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("if True:", "", (PASSED, "")),
        ("try:", "except Exception: return []", (NOT_YET, "error swallowed")),
        ("try:", "except Exception: raise RuntimeError from None", (PASSED, "")),
    ],
)
async def test_an_error_goes_on_to_the_caller(before: str, after: str, verdict: tuple[str, str]) -> None:
    outcome = await assess(find("07.1"), answer_to(find("07.1"), PEOPLE.format(before=before, after=after)))
    assert (outcome.state, outcome.misconception) == verdict


POST = """
def add_post(app, database):
    shown = [joinedload(Post.author), selectinload(Post.tags)]

    @app.get("/posts/{{key}}", response_model=PostResponse)
    async def show_post(key: int, session=database):
        {before}
            post = await session.get(Post, key, options=shown)
        {after}
        if post is None:
            raise HTTPException(404, "there is no such post")
        return post
"""


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("if True:", "", (PASSED, "")),
        ("try:", "except Exception: post = None", (NOT_YET, "error swallowed")),
        ("try:", "except Exception: raise HTTPException(503, 'later') from None", (PASSED, "")),
    ],
)
async def test_an_error_in_a_route_becomes_a_fault_of_the_server(
    before: str, after: str, verdict: tuple[str, str]
) -> None:
    outcome = await assess(find("10.1"), answer_to(find("10.1"), POST.format(before=before, after=after)))
    assert (outcome.state, outcome.misconception) == verdict
