"""Exercise 15.4, A new password: whoever knows the old one gets it, and nobody stays logged in who should not."""

from datetime import UTC, datetime
from typing import Any

from course_lib.errors import LoginRefused, NotLoggedIn
from course_lib.lab.faults import power_cut
from course_lib.school.attempts.attempt import Attempt
from course_lib.school.attempts.explaining import told
from course_lib.school.judges.l15_permissions.hashes_counted import (
    Hashes,
    hashes_counted,
    is_hash_of,
    nobody_waits,
)
from course_lib.school.judges.l15_permissions.logins import (
    give_logins,
    give_password,
    hash_of,
    logins_of,
    stored_hash,
)
from course_lib.school.judges.l15_permissions.refusals import CRASHES, ON_PURPOSE, crash_named
from course_lib.school.judges.registry import judge
from course_lib.school.stages.returned_lists import shown

OLD = "static, and what it tells you"
NEW = "the last night train to the coast"
COMMITS = 4
"""More than any answer needs: at each of them the power goes once."""


class Person:
    """Somebody with three logins: in the pocket, at home, and where they were forgotten."""

    def __init__(self, attempt: Attempt, username: str) -> None:
        self.attempt, self.username = attempt, username
        self.tokens = [f"{place} of {username}" for place in ("pocket", "home", "library")]

    async def begin(self) -> "Person":
        self.id = await self.attempt.key(self.username)
        await give_password(self.attempt, self.username, OLD)
        await give_logins(self.attempt, self.id, *self.tokens)
        return self

    async def logins(self) -> list[str]:
        """Those that last still, whatever ended the others."""
        known, now = {hash_of(each): each for each in self.tokens}, datetime.now(UTC)
        found = await logins_of(self.attempt, self.id)
        return [known.get(each, "another one") for each, until in found if until > now]

    async def state(self) -> tuple[str, list[str]]:
        return await stored_hash(self.attempt, self.id), await self.logins()


@judge("15.4")
async def nobody_stays(attempt: Attempt) -> None:
    names = attempt.chance.sample(("mira", "tomas", "yuki", "juno", "olek", "priya"), 6)
    people = [await Person(attempt, each).begin() for each in names]
    idle = await Person(attempt, "sam").begin()
    with hashes_counted(attempt) as seen:
        await _changed(attempt, seen, people[0], people[1])
        await _wrong_old_one(attempt, seen, people[1])
        await _not_logged_in(attempt, seen, people[1], idle)
        for commits, person in enumerate(people[2:], 1):
            if await _without_power(attempt, seen, person, commits):
                break


async def _call(attempt: Attempt, seen: Hashes, token: str, old: str, *expected: type[Exception]) -> Any:
    seen.begin()
    return await attempt.call(attempt.sessions, token, old, NEW, expected=expected)


async def _changed(attempt: Attempt, seen: Hashes, person: Person, other: Person) -> None:
    before, others = await person.state(), await other.logins()
    got = await _call(attempt, seen, person.tokens[1], OLD, LoginRefused, NotLoggedIn)
    called = f"`{attempt.name}(sessions, token, old, new)`, with the right old password,"
    if isinstance(got, Exception):
        raise attempt.not_yet("the right one refused", f"{called} ended with {told(got)}.")
    hashed, logins = await person.state()
    attempt.require(
        NEW not in hashed, "password in clear text", f"{called} wrote the new password as it was typed."
    )
    attempt.require(
        (hashed, logins) != before,
        "commit missing"
        if any(each.text.startswith(("UPDATE", "DELETE")) for each in attempt.sent)
        else "nothing written",
        f"{called} came to its end without an error. In another session the old password and all logins are as before.",
    )
    nobody_waits(attempt, seen, called)
    attempt.require(
        is_hash_of(NEW, hashed),
        "password not changed" if is_hash_of(OLD, hashed) else "wrong hash",
        f"{called} ended, and the stored hash does not fit the new password.",
    )
    attempt.require(
        await other.logins() == others,
        "others logged out",
        f"{called} ended the logins of somebody else, too.",
    )
    _logins_ended(attempt, called, logins, own=person.tokens[1])


def _logins_ended(attempt: Attempt, called: str, logins: list[str], *, own: str) -> None:
    others = [each for each in logins if each != own]
    attempt.require(
        not others,
        "old logins live on",
        f"{called} left {len(others)} other logins of this user. Whoever knew the old password may hold one of them.",
    )
    attempt.require(
        own in logins,
        "everybody is logged out",
        f"{called} ended the login of the very one who changed the password.",
    )


async def _wrong_old_one(attempt: Attempt, seen: Hashes, person: Person) -> None:
    before = await person.state()
    got = await _call(attempt, seen, person.tokens[1], NEW, *ON_PURPOSE)
    called = f"`{attempt.name}(sessions, token, old, new)`, with a wrong old password,"
    hashed, logins = await person.state()
    attempt.require(
        hashed == before[0],
        "old password not asked",
        f"{called} changed the password. Whoever finds an open browser has the account for good.",
    )
    attempt.require(
        logins == before[1],
        "logged out for a wrong guess",
        f"{called} changed nothing but the logins: {len(logins)} of {len(before[1])} are left.",
    )
    attempt.require(
        isinstance(got, Exception), "no error raised", f"{called} returned {shown(got)}, and no error."
    )
    attempt.require(
        isinstance(got, LoginRefused),
        "another error raised",
        f"{called} ended with {told(got)}. LoginRefused was asked for.",
    )
    nobody_waits(attempt, seen, called)


async def _not_logged_in(attempt: Attempt, seen: Hashes, person: Person, idle: Person) -> None:
    await give_logins(attempt, person.id, "long ago", days=-1)
    person.tokens.append("long ago")
    for kind, token, whose in (
        ("a token that nobody has", "found in the street", person),
        ("a token that has expired", "long ago", person),
        ("a token of an inactive user", idle.tokens[0], idle),
        ("the `token_hash` in place of the token", hash_of(person.tokens[0]), person),
    ):
        before = await whose.state()
        with crash_named("an unknown token crashes"):
            got = await _call(attempt, seen, token, OLD, *ON_PURPOSE)
        called = f"`{attempt.name}(sessions, token, old, new)`, with {kind} and the right old password,"
        attempt.require(
            await whose.state() == before,
            "a dead login serves",
            f"{called} changed what is stored of this user.",
        )
        attempt.require(
            isinstance(got, Exception), "no error raised", f"{called} returned {shown(got)}, and no error."
        )
        if isinstance(got, CRASHES):
            raise attempt.not_yet("an unknown token crashes", f"{called} ended with {told(got)}.")
        attempt.require(
            isinstance(got, NotLoggedIn),
            "another error raised",
            f"{called} ended with {told(got)}. NotLoggedIn was asked for.",
        )


async def _without_power(attempt: Attempt, seen: Hashes, person: Person, commits: int) -> bool:
    """Whether all was done before the power went."""
    before, _ = await person.state()
    with power_cut(attempt.engine, "COMMIT", times=commits):
        got = await _call(attempt, seen, person.tokens[0], OLD, ConnectionError)
    hashed, logins = await person.state()
    old = hashed == before
    attempt.require(
        (old, len(logins)) in ((True, 3), (False, 1)),
        "half of it kept",
        f"The power went in a commit of `{attempt.name}`. The password is {'the old' if old else 'the new'} one, and "
        f"{len(logins)} of 3 logins are left. Both belong into one transaction.",
    )
    return not isinstance(got, ConnectionError)
