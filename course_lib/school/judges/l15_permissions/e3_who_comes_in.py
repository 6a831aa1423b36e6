"""Exercise 15.3, Who comes in: a token for whoever knows the password, and one answer to everybody else."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.util.concurrency import await_

from course_lib.db import violated_constraint
from course_lib.errors import LoginRefused
from course_lib.lab.engine_events import listening
from course_lib.models import LoginToken, User
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l15_permissions.hashes_counted import (
    Hashes,
    hashes_counted,
    is_hash_of,
    nobody_waits,
)
from course_lib.school.judges.l15_permissions.logins import give_password, hash_of, logins_of, stored_hash
from course_lib.school.judges.l15_permissions.refusals import CRASHES, ON_PURPOSE, crash_named
from course_lib.school.judges.l15_permissions.stopped_clock import clock_stopped
from course_lib.school.judges.registry import judge
from course_lib.school.stages.cheap_hashes import CHEAP
from course_lib.school.stages.returned_lists import shown

PASSWORD = "eleven birds before breakfast"  # noqa: S105  everybody may know it
ANOTHER = "the owl was a chimney"
DAYS = 7
GIVEN_BEFORE = "uq_login_tokens_token_hash"
GUESSED = (
    "in this check the clock stands still, and `random` begins anew. Whoever knows the moment knows what is made of "
    "it. `secrets` makes such that nobody guesses."
)


@judge("15.3")
async def one_answer_to_the_others(attempt: Attempt) -> None:
    usual, weak, hurried = attempt.chance.sample(("mira", "tomas", "yuki", "juno", "olek"), 3)
    for each in (usual, hurried, "sam"):
        await give_password(attempt, each, PASSWORD)
    await give_password(attempt, weak, PASSWORD, weak=True)
    with hashes_counted(attempt) as seen:
        token = await _let_in(attempt, seen, usual, f"{usual}@example.org")
        await _let_in_again(attempt, seen, usual, token)
        await _refused(attempt, seen, usual)
        await _no_pattern(attempt, seen, usual)
        await _renewed(attempt, seen, weak)
        await give_password(attempt, hurried, PASSWORD, weak=True)
        await _changed_meanwhile(attempt, seen, hurried)


async def _call(attempt: Attempt, seen: Hashes, name: str, password: str, *expected: type[Exception]) -> Any:
    seen.begin()
    return await attempt.call(attempt.sessions, name, password, expected=expected)


async def _let_in(attempt: Attempt, seen: Hashes, username: str, name: str) -> str:
    """And the login is the newest of its user."""
    user = await attempt.key(username)
    before = await logins_of(attempt, user)
    hashed = await stored_hash(attempt, user)
    got = await _call(attempt, seen, name, PASSWORD, LoginRefused, IntegrityError)
    called = f"`{attempt.name}(sessions, {name!r}, …)`, with the right password,"
    if isinstance(got, IntegrityError):
        names = {GIVEN_BEFORE: "a token to be guessed", "users.hashed_password": "good hash lost"}
        rule = violated_constraint(got)
        why = f" Its token was given before: {GUESSED}" if rule == GIVEN_BEFORE else ""
        raise attempt.not_yet(names.get(rule, "row refused"), f"{called} ended with {told(got)}.{why}")
    if isinstance(got, LoginRefused):
        if name == username:
            raise attempt.not_yet("username not taken", f"{called} raised LoginRefused. It is a username.")
        raise attempt.not_yet("the right one refused", f"{called} raised LoginRefused.")
    attempt.require(
        got is not None, "nothing returned", f"{called} returned None. The new token was asked for."
    )
    attempt.require(
        isinstance(got, str), "not the token", f"{called} returned {shown(got)}. The token is a text."
    )
    attempt.require(
        seen.count, "password not checked", f"{called} ran Argon2 not once: who looks at the password?"
    )
    nobody_waits(attempt, seen, called)
    after = await logins_of(attempt, user)
    _written(attempt, called, got, before, after)
    attempt.require(
        await stored_hash(attempt, user) == hashed,
        "good hash written anew",
        f"{called} wrote another hash for a password whose hash is as good as those of today.",
    )
    return str(got)


def _written(attempt: Attempt, called: str, token: str, before: Any, after: Any) -> None:
    hashes = [each for each, _ in after]
    attempt.require(
        len(after) != len(before) or hashes != [each for each, _ in before],
        "commit missing",
        f"{called} returned a token, and in another session there is no row for it: nobody can use it.",
    )
    attempt.require(
        [*before] == [*after][: len(before)],
        "earlier logins ended",
        f"{called} ended a login that this user had somewhere else. Nobody asked for that.",
    )
    (stored, until) = after[-1]
    attempt.require(
        token not in stored,
        "the token itself in the table",
        f"{called} wrote the token as it is. Whoever reads the table, or a copy of it, is logged in as everybody.",
    )
    attempt.require(
        stored == hash_of(token),
        "hash of another kind",
        f"{called} returned a token whose SHA-256, in hex, is not the `token_hash` of the new row. "
        + (
            "It was hashed like a password."
            if stored.startswith("$argon2")
            else "How is it to be found again?"
        ),
    )
    lasts = until - datetime.now(UTC)
    attempt.require(
        abs(lasts - timedelta(days=DAYS)) < timedelta(hours=1),
        "not seven days",
        f"{called} wrote a login that lasts for {lasts / timedelta(days=1):.1f} days. {DAYS} were asked for.",
    )


async def _let_in_again(attempt: Attempt, seen: Hashes, username: str, first: str) -> None:
    """Three times at one moment, with the same beginning of what Python calls random: what is made of the two is
    another one's token, too."""
    state, tokens = random.getstate(), [first]
    try:
        with clock_stopped(attempt.answer):
            for name in (username, f"{username.upper()}@Example.org", username):
                random.seed(15)
                tokens.append(await _let_in(attempt, seen, username, name))
    finally:
        random.setstate(state)
    attempt.require(
        len({*tokens}) == len(tokens) and min(map(len, tokens)) >= 20,
        "a token to be guessed",
        f"`{attempt.name}` was called {len(tokens)} times for one user, and gave {len({*tokens})} different tokens, "
        f"the shortest of {min(map(len, tokens))} letters. `secrets` makes such that nobody guesses.",
    )
    attempt.require(
        min(_differing(tokens), _differing([each[::-1] for each in tokens])) >= 12,
        "a token to be guessed",
        f"`{attempt.name}` gave one user {shown(tokens[1])} and {shown(tokens[3])}. Most of their letters are the same "
        "each time, and the few others can be tried. `secrets` makes such that nobody guesses.",
    )


def _differing(tokens: list[str]) -> int:
    """At how many places they are not all the same."""
    return sum(len({*letters}) > 1 for letters in zip(*tokens, strict=False))


async def _refused(attempt: Attempt, seen: Hashes, username: str) -> None:
    kinds = {
        "a wrong password": (f"{username}@example.org", ANOTHER),
        "a name that nobody has": (f"nobody{attempt.chance.randint(10, 99)}@example.org", PASSWORD),
        "an inactive user with the right password": ("sam@example.org", PASSWORD),
        "an inactive user with a wrong password": ("sam", ANOTHER),
    }
    logins = select(func.count(LoginToken.id))
    before, counts, words = await attempt.scalar(logins), dict[str, int](), dict[str, str]()
    for kind, (name, password) in kinds.items():
        with crash_named("an unknown name crashes"):
            got = await _call(attempt, seen, name, password, *ON_PURPOSE)
        called = f"With {kind}, `{attempt.name}`"
        added = await attempt.scalar(logins) - before
        if added or isinstance(got, str):
            raise attempt.not_yet(
                "the inactive get in" if "inactive" in kind else "password not checked",
                f"{called} returned {'a token' if isinstance(got, str) else shown(got)}, and wrote {added} logins.",
            )
        attempt.require(
            isinstance(got, Exception),
            "no error raised",
            f"{called} returned {shown(got)}. LoginRefused was asked for.",
        )
        if isinstance(got, CRASHES):
            raise attempt.not_yet("an unknown name crashes", f"{called} ended with {told(got)}.")
        attempt.require(
            type(got) is LoginRefused,
            "refusal tells why",
            f"{called} ended with {told(got)}. LoginRefused was asked for, for all who stay outside.",
        )
        nobody_waits(attempt, seen, called)
        counts[kind], words[kind] = seen.count, str(got)
    attempt.require(
        len({*words.values()}) == 1,
        "refusal tells why",
        "The words differ: " + "; ".join(f"{kind}: {each}" for kind, each in words.items()),
    )
    attempt.require(
        len({*counts.values()}) == 1,
        "some are answered faster",
        f"How often `{attempt.name}` ran Argon2: "
        + ", ".join(f"{each} for {kind}" for kind, each in counts.items())
        + ". Who measures the time learns who is a member.",
    )


async def _no_pattern(attempt: Attempt, seen: Hashes, username: str) -> None:
    for name in (f"{username[:-1]}_", f"%{username[1:]}@example.org"):
        got = await _call(attempt, seen, name, PASSWORD, LoginRefused)
        attempt.require(
            isinstance(got, LoginRefused),
            "a pattern taken for a name",
            f"Nobody is called {name!r}, and with the password of {username!r} `{attempt.name}` let them in. LIKE "
            "reads `_` as any letter and `%` as any letters.",
        )


async def _renewed(attempt: Attempt, seen: Hashes, username: str) -> None:
    user = await attempt.key(username)
    weak = await stored_hash(attempt, user)
    got = await _call(attempt, seen, username, PASSWORD)
    called = f"`{attempt.name}` let a user in whose hash is weaker than those of today. It"
    now = await stored_hash(attempt, user)
    attempt.require(
        now != weak,
        "no better hash kept",
        f"{called} returned {'a token' if isinstance(got, str) else shown(got)}, and kept the weak one. "
        "This is the moment to mend it: the program knows the password now, and not before the next login.",
    )
    nobody_waits(attempt, seen, called)
    attempt.require(
        is_hash_of(PASSWORD, now), "wrong hash", f"{called} wrote a hash that the password does not fit."
    )


async def _changed_meanwhile(attempt: Attempt, seen: Hashes, username: str) -> None:
    """A new password is committed behind the check of the old one, in front of whatever is sent next."""
    user, newer, done = await attempt.key(username), CHEAP.hash(ANOTHER), list[bool]()

    async def change() -> None:
        await attempt.change(update(User).where(User.id == user).values(hashed_password=newer))

    def meet(*_: object) -> None:
        if seen.count and not done:
            done.append(True)
            await_(change())

    seen.begin()
    with listening(attempt.engine, before_cursor_execute=meet):
        got = await _call(attempt, seen, username, PASSWORD, LoginRefused)
    attempt.require(
        await stored_hash(attempt, user) == newer,
        "new password overwritten",
        f"While `{attempt.name}` checked the password, the user changed it. Then it wrote a better hash of the "
        f"old one, and gave {'a token' if isinstance(got, str) else shown(got)}. What was read before is old.",
    )
