"""Exercise 12.3, Nobody replied: a NULL in a list is no value, and an empty side of a join is none either."""

from collections.abc import Sequence
from typing import Any

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.judges.l12_indexes.messages import add_messages
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import a_list, all_of, forget_order, most_rows

THREADS = (
    # the place of a message, the place that it replies to, and whether it is withdrawn
    (1, None, False),
    (2, 1, False),
    (3, None, False),
    (4, None, False),
    (5, 4, True),
    (6, None, False),
    (7, 6, True),
    (8, 6, False),
    (9, None, True),
    (10, None, False),
    (11, 10, True),
    (12, 10, True),
    (13, 2, False),
    (14, 13, False),
    (15, 13, False),
    (16, None, True),
    (17, 16, False),
    (18, 17, True),
)
"""Answered by nobody, by one, by two; by one who withdrew it, by two who did, and by one of each."""

EVERY_ONE = (
    " All messages are there that were not withdrawn, so the condition on replies keeps none of them out. Two rows are "
    "to be compared, a message and a reply to it: which of your columns belong to which?"
)


@judge("12.3")
async def nobody_replied(attempt: Attempt) -> None:
    first = attempt.chance.choice((100, 200, 300))
    rows = [
        {
            "id": first + place,
            "text": f"Message {place}",
            "reply_to": to and first + to,
            "withdrawn": withdrawn,
        }
        for place, to, withdrawn in THREADS
    ]
    await add_messages(attempt.engine, rows)
    await forget_order(attempt)
    async with attempt.sessions() as session:
        got = a_list(attempt, await attempt.call(session), of="ids")
    all_of(attempt, got, int, of="ids")
    _as_wanted(attempt, rows, list(got))
    attempt.sent_at_most(1, "too many statements", "One condition tells who has no reply.")
    fetched = most_rows(attempt)
    attempt.require(
        fetched <= len(got),
        "filtered in Python",
        f"`{attempt.name}` returned {len(got)} ids, and had {fetched} rows sent to it for them. In a forum of a "
        "million messages it has a million sent.",
    )


def _as_wanted(attempt: Attempt, rows: Sequence[dict[str, Any]], got: list[int]) -> None:
    replies = {row["id"]: [each for each in rows if each["reply_to"] == row["id"]] for row in rows}
    valid = {key: [each for each in some if not each["withdrawn"]] for key, some in replies.items()}
    withdrawn = {row["id"] for row in rows if row["withdrawn"]}
    wanted = [key for key in replies if key not in withdrawn and not valid[key]]
    returned = f"`{attempt.name}` returned {len(got)} ids, and {len(wanted)} messages have no reply."
    attempt.require(got, *_nobody(attempt, returned))
    twice = next((key for key in got if got.count(key) > 1), None)
    attempt.require(
        twice is None or twice not in wanted,
        "messages repeated",
        f"{returned} {twice} comes {got.count(twice or 0)} times, for as many replies were withdrawn: a join has a "
        "row for each.",
    )
    every = EVERY_ONE if {*got} == {*replies} - withdrawn else ""
    for key in got:
        attempt.require(
            key not in withdrawn,
            "withdrawn message shown",
            f"{returned} {key} is withdrawn itself, and nobody is to answer it.",
        )
        attempt.require(
            key in wanted or len(replies.get(key, ())) == len(valid.get(key, ())),
            "one withdrawn is enough",
            f"{returned} {key} has a reply that was withdrawn, and one that was not. One withdrawn reply does not mean "
            "that there is no other.",
        )
        attempt.require(
            key in wanted,
            "answered message shown",
            f"{returned} {key} is there, and somebody has replied to it.{every}",
        )
    _none_missing(attempt, wanted, got, replies, returned)
    attempt.require(got == wanted, "order lost", f"{returned} They came as {got[:5]} …, and not in order.")


def _none_missing(
    attempt: Attempt,
    wanted: list[int],
    got: list[int],
    replies: dict[int, list[dict[str, Any]]],
    returned: str,
) -> None:
    missing = [key for key in wanted if key not in got]
    silent = [key for key in missing if not replies[key]]
    attempt.require(
        not silent,
        "messages left out",
        f"{returned} {min(silent, default=0)} is missing, and nobody has ever answered it.",
    )
    attempt.require(
        not missing,
        "withdrawn reply counted",
        f"{returned} {min(missing, default=0)} is missing: its only reply was withdrawn.",
    )


def _nobody(attempt: Attempt, returned: str) -> tuple[str, str]:
    """Why nothing was found. Three ways lead there, and what was sent tells which one was taken."""
    sent = " ".join(statement.text.upper() for statement in attempt.sent)
    if "NOT IN" in sent:
        return (
            "NULL in NOT IN",
            f"{returned} Some messages reply to nothing, so there is a NULL in the list of NOT IN. Is 3 one of 1, 2 "
            "and something unknown? The answer is unknown too, and WHERE keeps what is true.",
        )
    if "COUNT(" in sent:
        return (
            "count(*) counts the empty side",
            f"{returned} A message without a reply is still a row of the outer join, and count(*) counts rows, as the "
            "count of its own id does: they give 1. A column of the empty side is not counted.",
        )
    if "JOIN" in sent:
        return (
            "outer join turned inner",
            f"{returned} Where nobody replied, every column of the other side is NULL, and a condition on it in "
            "WHERE is not true: it throws away the rows for which the outer join was made.",
        )
    return "messages left out", f"{returned} Which condition keeps all of them out?"
