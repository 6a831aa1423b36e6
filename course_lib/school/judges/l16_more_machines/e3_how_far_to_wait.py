"""Exercise 16.3, How far to wait: what a commit has to wait for, in three cases."""

import re

from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.verdicts import NotYet
from course_lib.school.judges.l16_more_machines.levels_measured import Waits, levels_measured
from course_lib.school.judges.registry import POSTGRES, judge

CASES = 3
LEVEL = re.compile(r"synchronous_commit = (\w+)")


@judge("16.3", on=(POSTGRES,))
async def how_far_to_wait(attempt: Attempt) -> None:
    letters = _three(attempt, await attempt.call())
    measured = await levels_measured()
    levels = [level[1] for each in letters if (level := LEVEL.search(attempt.blocks[each]))]
    view, payment, chat = levels
    waits = {level: measured[level] for level in levels}
    attempt.require(
        set(levels) != {"remote_apply"},
        "remote_apply for all",
        "With `remote_apply` each of the three waits until the standby shows it. When replaying stands still there, "
        "even page views wait, and only the chat needs it.",
    )
    _payment(attempt, payment, waits[payment])
    _chat(attempt, chat, waits[chat])
    attempt.require(
        not (waits[view].disk or waits[view].copy or waits[view].shown),
        "page view that waits",
        f"A page view with `{view}` waits {_for(waits[view])}, and a few may be lost. Thousands of them wait so, each "
        "second.",
    )


def _three(attempt: Attempt, answer: object) -> list[str]:
    found = re.findall(r"\w", answer.upper()) if isinstance(answer, str) else answer
    wanted = f"Return {CASES} letters out of {' '.join(attempt.blocks)}, one for each case."
    if answer is None:
        raise NotYet("nothing returned", f"`{attempt.name}` returned None. {wanted}")
    if (
        isinstance(found, list | tuple)
        and len(found) == CASES
        and all(each in [*attempt.blocks] for each in found)
    ):
        return [str(each) for each in found]
    raise NotYet("not three letters", f"`{attempt.name}` returned {answer!r:.60}. {wanted}")


def _for(waits: Waits) -> str:
    words = {
        "for the disk of the primary": waits.disk,
        "for the standby's copy": waits.copy,
        "until the standby shows it": waits.shown,
    }
    return " and ".join(word for word, there in words.items() if there)


def _payment(attempt: Attempt, level: str, waits: Waits) -> None:
    told = f"The line to the standby was cut, and a payment with `{level}`"
    why = "If the primary's machine is lost now, so is a payment that was acknowledged."
    attempt.require(
        waits.copy or waits.disk,
        "off for money",
        f"{told} was acknowledged before it was on any disk, even the primary's. {why}",
    )
    attempt.require(
        waits.copy,
        "local with two machines",
        f"{told} was acknowledged: it lay on the disk of the primary, and nowhere else. {why}",
    )
    attempt.require(
        not waits.shown,
        "payment waits to be shown",
        f"The standby had a copy and did not show it yet, and a payment with `{level}` still waited. A copy is enough, "
        "for nobody reads it there at once.",
    )


def _chat(attempt: Attempt, level: str, waits: Waits) -> None:
    told = (
        f"The standby had stopped replaying, and a message with `{level}` was acknowledged all the same: whoever reads "
        "there does not find it."
    )
    attempt.require(
        waits.shown or not waits.copy,
        "on is enough",
        f"{told} It waits for a copy of the log. Replaying the log is what makes it seen, and comes later.",
    )
    attempt.require(waits.shown, "chat that does not wait", f"{told} It waits for nothing of the standby.")
