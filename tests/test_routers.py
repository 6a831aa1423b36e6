"""Every route of the served application, asked well and asked badly: nothing that a client sends is a server error."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select
from stages import Site

from course_lib.models import Account, Transfer, User
from course_lib.schemas import Problem

pytestmark = pytest.mark.usefixtures("quick_hashes")

EVE = {"email": "Eve@example.org", "username": "eve", "password": "correct horse"}
PAY = {"from_account_id": 1, "to_account_id": 2, "amount": 300}
JSON = {"Content-Type": "application/json"}
PUBLIC = {"id", "email", "username", "is_active", "created_at", "updated_at"}


async def rows(site: Site, model: Any) -> int:
    async with site.engine.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(model)) or 0)


async def test_users_are_listed_by_page(site: Site) -> None:
    reply = await site.client.get("/users", params={"page": 2, "per_page": 3})

    page = reply.json()
    assert (page["total"], page["page"], page["per_page"], page["pages"]) == (8, 2, 3, 3)
    assert [user["username"] for user in page["items"]] == ["amara", "juno", "olek"]
    assert page["items"][0].keys() == PUBLIC


async def test_a_page_behind_the_last_is_empty(site: Site) -> None:
    reply = await site.client.get("/users", params={"page": 1_000_000, "per_page": 100})

    assert (reply.status_code, reply.json()["items"]) == (200, [])


async def test_a_user_is_read(site: Site) -> None:
    reply = await site.client.get("/users/1")

    assert reply.json() == {
        "id": 1,
        "email": "mira@example.org",
        "username": "mira",
        "is_active": True,
        "created_at": "2025-12-06T06:00:00Z",
        "updated_at": "2025-12-06T06:00:00Z",
    }


async def test_a_user_signs_up_and_is_there_when_the_reply_comes(site: Site) -> None:
    reply = await site.client.post("/users", json=EVE)

    assert (reply.status_code, reply.json()["email"], reply.json().keys()) == (201, "eve@example.org", PUBLIC)
    async with site.engine.connect() as connection:
        assert await connection.scalar(select(User.username).where(User.id == reply.json()["id"])) == "eve"


async def test_a_user_changes_what_was_sent_and_nothing_else(site: Site) -> None:
    before = (await site.client.get("/users/1")).json()
    reply = await site.client.patch("/users/1", json={"email": "Mira@example.com", "is_active": False})

    after = reply.json()
    assert (reply.status_code, after["updated_at"] > before["updated_at"]) == (200, True)
    assert after == before | {
        "email": "mira@example.com",
        "is_active": False,
        "updated_at": after["updated_at"],
    }


async def test_a_change_of_nothing_is_no_mistake(site: Site) -> None:
    reply = await site.client.patch("/users/1", json={})

    assert (reply.status_code, reply.json()["updated_at"]) == (200, "2025-12-06T06:00:00Z")


async def test_a_user_is_deleted_once(site: Site) -> None:
    key = (await site.client.post("/users", json=EVE)).json()["id"]
    replies = [await site.client.delete(f"/users/{key}") for _ in range(2)]

    assert [(reply.status_code, reply.text) for reply in replies] == [
        (204, ""),
        (404, f'{{"detail":"there is no User {key}"}}'),
    ]


async def test_a_user_who_holds_an_account_is_kept(site: Site) -> None:
    reply = await site.client.delete("/users/1")

    assert (reply.status_code, reply.json()["detail"]) == (409, "User 1 is still in use by other rows")


async def test_the_feed_is_walked_there_and_back_with_authors_and_tags(site: Site) -> None:
    first = (await site.client.get("/posts", params={"limit": 9})).json()
    second = (await site.client.get("/posts", params={"limit": 9, "cursor": first["next_cursor"]})).json()
    back = (await site.client.get("/posts", params={"limit": 9, "cursor": second["previous_cursor"]})).json()

    posts = first["items"] + second["items"]
    assert [post["id"] for post in posts] == list(range(16, 0, -1))
    assert all(post["author"].keys() == {"id", "username"} and post["tags"] for post in posts)
    assert (back["items"], second["next_cursor"]) == (first["items"], None)


async def test_a_transfer_moves_money(site: Site) -> None:
    reply = await site.client.post("/transfers", json=PAY)

    assert (reply.status_code, reply.json().keys()) == (201, {"id", *PAY, "created_at"})
    async with site.engine.connect() as connection:
        balances = list(await connection.scalars(select(Account.balance).order_by(Account.id).limit(2)))
    assert balances == [99_700, 100_300]


async def test_the_same_idempotency_key_moves_the_money_once(site: Site) -> None:
    key = {"Idempotency-Key": "order 7"}
    first, again = [await site.client.post("/transfers", json=PAY, headers=key) for _ in range(2)]
    other = await site.client.post("/transfers", json=PAY | {"amount": 1}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert await rows(site, Transfer) == 1


async def test_without_a_key_each_transfer_is_its_own(site: Site) -> None:
    keys = [(await site.client.post("/transfers", json=PAY)).json()["id"] for _ in range(2)]

    assert keys == [1, 2]


HUGE = "9" * 5000
BAD_READS = {
    **{
        f"/users/{key}": 422
        for key in ("0", "-1", 2**31, 2**63, 10**30, HUGE, "abc", "1.5", "true", "%00", "null")
    },
    **{f"/users/{key}": 404 for key in (999, 2**31 - 1)},
    **{f"/users?page={page}": 422 for page in (0, -1, 10**6 + 1, 10**20, HUGE, "", "x", "1.5", "%00")},
    **{f"/users?per_page={number}": 422 for number in (0, -1, 101, 10**20, "", "x", "%00")},
    **{f"/posts?limit={number}": 422 for number in (0, -1, 101, 10**20, "", "x", "%00")},
    **{
        f"/posts?cursor={cursor}": 422
        for cursor in ("", "x", "a.b", "%00", "%ff", "%F0%9F%98%80", "x" * 9000)
    },
    "/nothing": 404,
    "/users/1/posts": 404,
}


async def test_whatever_is_asked_for_there_is_an_answer_and_no_server_error(site: Site) -> None:
    replies = {path: (await site.client.get(path)).status_code for path in BAD_READS}

    assert replies == BAD_READS


async def test_a_route_without_the_method_says_so(site: Site) -> None:
    asked = [
        ("PUT", "/users/1"),
        ("POST", "/users/1"),
        ("DELETE", "/users"),
        ("GET", "/transfers"),
        ("POST", "/posts"),
    ]

    assert {(await site.client.request(*each)).status_code for each in asked} == {405}


WRONG_FIELDS: list[dict[str, Any]] = [
    *[
        {"email": bad}
        for bad in (None, "", "eve", "a\0b@example.org", "e" * 300 + "@x.org", 5, "\ud800@x.org")
    ],
    *[{"username": bad} for bad in (None, "", "x" * 51, "x" * 60, "a b", "a\0b", 5, True, "\ud800")],
    *[{"password": bad} for bad in (None, "", "short", "x" * 129, 5, "\ud800 correct horse")],
    {"is_admin": True},
    {"id": 7},
    {"hashed_password": "x"},
    {"nickname": "x"},
    {"\ud800": 1},
]


async def test_a_wrong_field_is_refused_on_sign_up_and_on_change(site: Site) -> None:
    for fields in WRONG_FIELDS:
        replies = [await site.client.post("/users", content=json.dumps(EVE | fields), headers=JSON)]
        replies += [await site.client.patch("/users/1", content=json.dumps(fields), headers=JSON)]
        assert [reply.status_code for reply in replies] == [422, 422], fields

    assert await rows(site, User) == 8


BODIES = {
    "": 422,
    "null": 422,
    "[]": 422,
    '"eve"': 422,
    "{": 422,
    "nonsense": 422,
    "[" * 100_000: 400,
    f'{{"amount": {HUGE}}}': 400,
    '{"amount": NaN}': 422,
    '{"amount": 1e999}': 422,
}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/users"), ("PATCH", "/users/1"), ("POST", "/transfers")]
)
async def test_a_body_that_cannot_be_read_is_refused(site: Site, method: str, path: str) -> None:
    replies = {
        body: (await site.client.request(method, path, content=body, headers=JSON)).status_code
        for body in BODIES
    }

    assert replies == BODIES
    assert (await site.client.request(method, path, content=b"\xff\xfe", headers=JSON)).status_code == 422


async def test_a_collision_names_the_field(site: Site) -> None:
    asked = [
        await site.client.post("/users", json=EVE | {"email": "MIRA@example.org"}),
        await site.client.post("/users", json=EVE | {"username": "mira"}),
        await site.client.patch("/users/2", json={"email": "mira@example.org"}),
        await site.client.patch("/users/2", json={"username": "mira"}),
    ]

    assert [(reply.status_code, reply.json()["detail"]) for reply in asked] == [
        (409, "a User with email 'mira@example.org' already exists"),
        (409, "a User with username 'mira' already exists"),
    ] * 2


async def test_nobody_is_changed_or_deleted_where_nobody_is(site: Site) -> None:
    for key, status in ((999, 404), (0, 422), (2**31, 422), (10**30, 422)):
        replies = [
            await site.client.patch(f"/users/{key}", json={"username": "x"}),
            await site.client.patch(f"/users/{key}", json={}),
            await site.client.delete(f"/users/{key}"),
        ]
        assert [reply.status_code for reply in replies] == [status] * 3


BAD_TRANSFERS: list[tuple[dict[str, Any], int]] = [
    *[({"amount": bad}, 422) for bad in (0, -50, 2**53 + 1, 10**30, 1.5, 1.0, "300", True, None, [300])],
    *[({"from_account_id": bad}, 422) for bad in (0, -1, 2**31, 10**30, "1", None, True)],
    *[({"to_account_id": bad}, 422) for bad in (0, 1, "2")],
    ({"note": "thanks"}, 422),
    ({"from_account_id": 999}, 404),
    ({"to_account_id": 999}, 404),
    ({"amount": 100_001}, 409),
]


async def test_a_refused_transfer_moves_nothing(site: Site) -> None:
    for terms, status in BAD_TRANSFERS:
        reply = await site.client.post("/transfers", json=PAY | terms)
        assert reply.status_code == status, terms

    assert await rows(site, Transfer) == 0


@pytest.mark.parametrize("key", [b"", b"x" * 65])
async def test_an_idempotency_key_has_1_to_64_characters(site: Site, key: bytes) -> None:
    reply = await site.client.post("/transfers", json=PAY, headers={b"Idempotency-Key": key})

    assert reply.status_code == 422
    assert await rows(site, Transfer) == 0


async def test_any_bytes_that_a_header_can_hold_are_a_key(site: Site) -> None:
    for key in (b"\xff\xfe", b"a\x01b", b"a\x7fb", b"'; DROP TABLE users; --"):
        replies = [
            await site.client.post("/transfers", json=PAY, headers={b"Idempotency-Key": key})
            for _ in range(2)
        ]
        assert [reply.status_code for reply in replies] == [201, 201]
        assert replies[0].json() == replies[1].json()


PASSWORD = "hunter2 hunter2"
ECHOES: list[Any] = [
    EVE | {"password": PASSWORD, "email": "no address"},
    EVE | {"password": [PASSWORD]},
    EVE | {"password": {PASSWORD: PASSWORD}},
    EVE | {"password": PASSWORD * 20},
    EVE | {"pasword": PASSWORD},
    EVE | {"username": PASSWORD},
    PASSWORD,
    [EVE | {"password": PASSWORD}],
]


async def test_no_refusal_repeats_a_password(site: Site) -> None:
    for body in ECHOES:
        reply = await site.client.post("/users", json=body)
        assert (reply.status_code, PASSWORD in reply.text) == (422, False)

    broken = await site.client.post("/users", content=f'{{"password": "{PASSWORD}"', headers=JSON)
    assert (broken.status_code, PASSWORD in broken.text) == (422, False)


async def test_head_says_what_get_would_say_without_a_body(site: Site) -> None:
    for path in ("/users", "/users/1", "/users/999", "/posts"):
        head, get = await site.client.head(path), await site.client.get(path)
        assert (head.status_code, head.text) == (get.status_code, "")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert (await site.client.head("/transfers")).status_code == 405


PROBLEMS = {
    404: ("GET", "/users/999", None),
    405: ("PUT", "/users", None),
    409: ("DELETE", "/users/1", None),
    422: ("POST", "/users", {"email": "x", "username": "!", "password": "short"}),
}


@pytest.mark.parametrize("status", PROBLEMS)
async def test_every_refusal_has_a_body_of_one_shape(site: Site, status: int) -> None:
    method, path, body = PROBLEMS[status]
    reply = await site.client.request(method, path, json=body)

    assert reply.status_code == status
    problem = Problem.model_validate(reply.json())
    assert problem.detail
    assert bool(problem.faults) == (status == 422)


async def test_the_description_names_every_status_that_can_come(site: Site) -> None:
    described = (await site.client.get("/openapi.json")).json()
    told = {
        f"{method} {path}": sorted(map(int, operation["responses"]))
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }

    assert told == {
        "post /login": [201, 400, 401, 422, 503],
        "delete /login": [204, 401, 422, 503],
        "get /users": [200, 401, 403, 422, 503],
        "post /users": [201, 400, 409, 422, 503],
        "get /users/{user_id}": [200, 401, 404, 422, 503],
        "patch /users/{user_id}": [200, 400, 401, 403, 404, 409, 422, 503],
        "delete /users/{user_id}": [204, 401, 404, 409, 422, 503],
        "get /posts": [200, 422, 503],
        "post /transfers": [201, 400, 401, 404, 409, 422, 503],
    }
    refusals = [
        reply["content"]["application/json"]["schema"]
        for methods in described["paths"].values()
        for operation in methods.values()
        for status, reply in operation["responses"].items()
        if int(status) >= 400
    ]
    assert refusals == [{"$ref": "#/components/schemas/Problem"}] * 39
