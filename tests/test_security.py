"""Passwords are hashed in a thread, while the event loop goes on."""

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from course_lib.lab.people import PASSWORD, PASSWORD_HASH
from course_lib.security import hash_password, verify_and_renew, verify_password


async def turns_during(task: "asyncio.Task[object]") -> int:
    """How often the event loop came round while the task ran."""
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_the_event_loop_turns_while_a_password_is_hashed() -> None:
    # A hash made in the loop would let it turn once or twice.
    assert await turns_during(asyncio.create_task(hash_password("night train"))) > 10


async def test_the_event_loop_turns_while_a_password_is_verified() -> None:
    assert await turns_during(asyncio.create_task(verify_password(PASSWORD, PASSWORD_HASH))) > 10
    assert await turns_during(asyncio.create_task(verify_and_renew(PASSWORD, None))) > 10


async def test_a_password_fits_its_own_hash_and_no_other() -> None:
    hashed = await hash_password("night train")

    assert await verify_password("night train", hashed)
    assert not await verify_password("Night train", hashed)


async def test_a_hash_is_argon2_and_salted_and_holds_no_password() -> None:
    hashes = {await hash_password("night train") for _ in range(2)}

    assert len(hashes) == 2
    assert all(hashed.startswith("$argon2id$") and "night" not in hashed for hashed in hashes)


async def test_a_hash_of_today_is_kept_and_nobody_has_one() -> None:
    hashed = await hash_password("night train")

    assert await verify_and_renew("night train", hashed) == (True, None)
    assert await verify_and_renew("Night train", hashed) == (False, None)
    assert await verify_and_renew("night train", None) == (False, None)


async def test_a_weaker_hash_that_fits_gives_a_better_one() -> None:
    weak = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)).hash("night train")
    fits, better = await verify_and_renew("night train", weak)

    assert (fits, await verify_and_renew("night train", better)) == (True, (True, None))
    assert await verify_and_renew("Night train", weak) == (False, None)
