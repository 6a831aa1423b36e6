"""What is hashed in the block costs nothing, and can be verified behind it."""

from course_lib.school.stages.cheap_hashes import cheap_hashes
from course_lib.security import hash_password, verify_password


async def test_a_cheap_hash_is_a_hash_like_any_other() -> None:
    with cheap_hashes():
        cheap = await hash_password("night-train")
    assert "$m=8,t=1,p=1$" in cheap
    assert await verify_password("night-train", cheap)
    assert not await verify_password("day-train", cheap)


async def test_behind_the_block_a_hash_costs_what_it_did() -> None:
    with cheap_hashes():
        pass
    assert "$m=65536,t=3,p=4$" in await hash_password("night-train")
