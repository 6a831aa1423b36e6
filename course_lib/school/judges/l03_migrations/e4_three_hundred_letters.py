"""Exercise 03.4, Three hundred letters: type and CHECK allow 300 letters, and the CHECK keeps its name."""

import sqlalchemy as sa

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l03_migrations.upgrading import (
    COMPLETED,
    NOBODY,
    PREFIX_TWICE,
    require_told,
    upgraded,
)
from course_lib.school.judges.registry import BOTH, judge
from course_lib.school.stages.unchanged import (
    Picture,
    picture,
    refusal,
    require_rest,
    require_rows,
    require_use,
)

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
TITLE_RULE = "ck_posts_title_length"


@judge("03.4", on=BOTH)
async def three_hundred_letters(attempt: Attempt) -> None:
    before = await picture(attempt)
    await upgraded(attempt)
    after = await picture(attempt)
    require_rows(attempt, before, after, "posts")
    await _require_longer(attempt, before, after)
    await _require_limit(attempt, after)
    await _require_no_other_limit(attempt, after)
    _require_old_name(attempt, after)
    before.shape[TITLE_RULE] = after.shape[TITLE_RULE]
    before.shape["posts.title"] = before.shape["posts.title"].replace("200", "300")
    require_rest(attempt, before, after)
    new = {"title": "New", "content": "…", "author_id": await attempt.key("mira")}
    await require_use(attempt, "posts", new, refused={"title": None, "author_id": NOBODY})
    await require_told(attempt)


async def _require_longer(attempt: Attempt, before: Picture, after: Picture) -> None:
    refused = await _refusal(attempt, 300 * "ö")
    if "check constraint" in refused.lower():
        untouched = after.shape.get(TITLE_RULE) == before.shape[TITLE_RULE]
        raise attempt.not_yet(
            "CHECK left behind" if untouched else "other limit",
            f"{_name(attempt)} refuses a title of 300 letters: {refused}. {_rules_of_title(after)}",
        )
    found = after.shape.get("posts.title", "").split(" ")[0]
    attempt.require(
        found == "VARCHAR(300)" and not refused,
        "type left behind" if found == "VARCHAR(200)" else "wrong type",
        f"On {_name(attempt)} the type is {found}; VARCHAR(300) was asked for. SQLite takes a type as a remark, "
        "PostgreSQL obeys it.",
    )


async def _require_limit(attempt: Attempt, after: Picture) -> None:
    stored = f"{_name(attempt)} stores a title of 301 letters; it was to refuse it."
    refused, rules = await _refusal(attempt, 301 * "t"), _rules_of_title(after)
    attempt.require(refused or not rules, "other limit", f"{stored} {rules}")
    attempt.require(
        rules,
        "limit lost",
        f"{'' if refused else stored + ' '}No CHECK of the title is left. A batch takes its lines in their order: what "
        "is dropped after it was made is gone.",
    )


async def _require_no_other_limit(attempt: Attempt, after: Picture) -> None:
    for title in ("", " ", "7"):
        refused = await _refusal(attempt, title)
        attempt.require(
            not refused,
            "other limit",
            f"{_name(attempt)} took the title {title!r} before, and now refuses it: {refused}. "
            f"{_rules_of_title(after)}",
        )


def _require_old_name(attempt: Attempt, after: Picture) -> None:
    name = next((name for name, rule in after.shape.items() if _is_of_title(rule)), "")
    attempt.require(
        TITLE_RULE in after.shape,
        "prefix put twice" if PREFIX_TWICE.match(name) else "name lost",
        f"The CHECK is called `{name}` now, and was to keep the name `{TITLE_RULE}`, by which the next migration looks "
        f"for it. {COMPLETED.format('ck_posts_')}",
    )


def _name(attempt: Attempt) -> str:
    return DATABASES[attempt.database]


def _rules_of_title(after: Picture) -> str:
    rules = [f"`{name}` says {rule}." for name, rule in after.shape.items() if _is_of_title(rule)]
    return " ".join(rules)


def _is_of_title(rule: str) -> bool:
    return rule.startswith("CHECK") and "title" in rule


async def _refusal(attempt: Attempt, title: str) -> str:
    values = {"title": title, "author": await attempt.key("mira")}
    new = sa.text("INSERT INTO posts (title, content, author_id) VALUES (:title, '…', :author)")
    return await refusal(attempt, new.bindparams(**values))
