"""What the benchmarks compare is the same work: the routes by hand answer as ours do."""

import json
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from benchmarks.cases import Place
from benchmarks.starting import needs_of
from benchmarks.web import NO_HASH, Ask, two_applications
from sqlalchemy.ext.asyncio import AsyncEngine
from stages import logged_in

from course_lib import services

PAY = {"from_account_id": 1, "to_account_id": 2, "amount": 5}
OTHERS_PAY, TOO_MUCH = {"from_account_id": 2, "to_account_id": 1, "amount": 5}, PAY | {"amount": 10**9}
MADE_ANEW = ("id", "email", "username", "created_at", "updated_at", "next_cursor", "detail")


async def no_hash(password: str) -> str:
    return NO_HASH


async def told_by(ask: Ask, mira: dict[str, str], newcomer: str) -> list[tuple[int, Any]]:
    """Status and content of each reply, but for what differs from request to request."""
    new = {"email": f"{newcomer}@example.org", "username": newcomer, "password": "long-enough"}
    replies = []

    async def add(method: str, path: str, wanted: object = None) -> Any:
        status, body = await ask(method, path, mira, json.dumps(wanted).encode() if wanted else b"")
        told = json.loads(body)
        replies.append((status, {name: told[name] for name in told if name not in MADE_ANEW}))
        return told

    await add("GET", "/users/1")
    await add("GET", "/users/2")
    first = await add("GET", "/posts?limit=3")
    await add("GET", f"/posts?limit=3&cursor={quote(first['next_cursor'])}")
    for each in (PAY, OTHERS_PAY, TOO_MUCH):
        await add("POST", "/transfers", each)
    await add("POST", "/users", new)
    await add("POST", "/users", new)
    return replies


async def test_the_routes_by_hand_answer_like_ours(engine: AsyncEngine, people: None) -> None:
    mira = await logged_in(engine, 1)
    place = Place(engine.dialect.name, _engine=engine)
    with patch.object(services, "hash_password", no_hash):
        async with two_applications(place, http=False) as asks:
            ours = await told_by(asks["course_lib"], mira, "ours")
            hand = await told_by(asks["by hand"], mira, "hand")
    for one in (ours, hand):
        for page in (one[2][1], one[3][1]):
            page.pop("previous_cursor")  # by hand there is no way back
    assert ours == hand
    assert [status for status, _ in ours] == [200, 404, 200, 200, 201, 404, 409, 201, 409]
    assert ours[2] != ours[3]


def test_what_a_module_needs_names_none_of_ours() -> None:
    needs = needs_of("course_lib.services")
    assert "course_lib" not in needs
    assert "from sqlalchemy import" in needs
    assert "pwdlib" in needs  # two modules below
