"""What comes in is refused with its reason; what goes out has no place for a hash."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from course_lib import schemas
from course_lib.models import MAX_ID, User
from course_lib.schemas import Incoming, Outgoing, TransferCreate, UserCreate, UserResponse, UserUpdate
from course_lib.transactions import MAX_AMOUNT

EVE = {"email": "eve@example.org", "username": "eve", "password": "correct horse"}
PAY = {"from_account_id": 1, "to_account_id": 2, "amount": 5}
WRONG_FOR_A_FIELD: list[tuple[str, Any]] = [
    *[
        ("email", bad)
        for bad in (
            None,
            "",
            "eve",
            "eve@",
            "a\0b@example.org",
            "e" * 250 + "@x.org",
            "ﷺ" * 20 + "@x.org",
            5,
            True,
            ["x"],
        )
    ],
    *[("username", bad) for bad in (None, "", "e" * 51, "a b", "a\0b", "ève", "eve\n", "<eve>", 5, True)],
    *[
        ("password", bad)
        for bad in (None, "", "1234567", "x" * 129, 12345678, ["correct horse"], "\ud800 horse")
    ],
]
INCOMING = [kind for kind in vars(schemas).values() if isinstance(kind, type) and issubclass(kind, Incoming)]
OUTGOING = [kind for kind in vars(schemas).values() if isinstance(kind, type) and issubclass(kind, Outgoing)]


@pytest.mark.parametrize("schema", [UserCreate, UserUpdate])
@pytest.mark.parametrize(("field", "bad"), WRONG_FOR_A_FIELD)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    schema: type[BaseModel], field: str, bad: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        schema.model_validate(EVE | {field: bad})

    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


@pytest.mark.parametrize("schema", [UserCreate, UserUpdate])
@pytest.mark.parametrize("field", ["is_admin", "id", "hashed_password", "created_at", "nickname"])
def test_an_unknown_field_is_refused(schema: type[BaseModel], field: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        schema.model_validate(EVE | {field: 1})


@pytest.mark.parametrize("field", ["email", "username", "password", "is_active"])
def test_what_may_be_left_out_may_not_be_null(field: str) -> None:
    assert UserUpdate.model_validate({}).model_fields_set == set()
    with pytest.raises(ValidationError):
        UserUpdate.model_validate({field: None})


@pytest.mark.parametrize("bad", ["true", 1, 0, "no"])
def test_a_truth_value_is_true_or_false(bad: Any) -> None:
    with pytest.raises(ValidationError, match="is_active"):
        UserUpdate.model_validate({"is_active": bad})


@pytest.mark.parametrize("typed", ["Eve@Example.ORG", "ＥＶＥ@example.org", "eve@ｅxample.org"])
def test_an_address_gets_its_one_spelling(typed: str) -> None:
    assert UserCreate.model_validate(EVE | {"email": typed}).email == "eve@example.org"


def test_a_username_gets_its_one_spelling() -> None:
    assert UserCreate.model_validate(EVE | {"username": "Eve.B"}).username == "eve.b"


@pytest.mark.parametrize("schema", [UserCreate, UserUpdate])
def test_a_password_shows_in_no_form_of_the_request(schema: type[BaseModel]) -> None:
    wanted = schema.model_validate(EVE)

    assert EVE["password"] not in f"{wanted!r} {wanted} {wanted.model_dump()} {wanted.model_dump_json()}"


@pytest.mark.parametrize("field", ["from_account_id", "to_account_id", "amount"])
@pytest.mark.parametrize("bad", [0, -1, 2**63, 10**30, 1.0, 1.5, "1", True, None, float("nan")])
def test_a_transfer_takes_whole_positive_numbers_alone(field: str, bad: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        TransferCreate.model_validate(PAY | {field: bad})


def test_a_transfer_takes_the_largest_numbers() -> None:
    largest = {"from_account_id": MAX_ID, "to_account_id": MAX_ID, "amount": MAX_AMOUNT}

    assert TransferCreate.model_validate(largest).model_dump() == largest


@pytest.mark.parametrize("schema", INCOMING)
def test_the_described_schema_offers_no_null_and_no_further_field(schema: type[BaseModel]) -> None:
    described = schema.model_json_schema()

    assert described.get("additionalProperties") is False
    assert "default" not in str(described)
    assert "null" not in str(described)


@pytest.mark.parametrize("schema", OUTGOING)
def test_what_goes_out_has_no_place_for_a_secret(schema: type[BaseModel]) -> None:
    assert not {"hashed_password", "password", "is_admin", "idempotency_key"} & schema.model_fields.keys()


def test_a_reply_is_made_from_a_row() -> None:
    now = datetime.now(UTC)
    row = User(
        id=1,
        email="e@x.org",
        username="e",
        hashed_password="h",
        is_active=True,
        created_at=now,
        updated_at=now,
    )

    assert UserResponse.model_validate(row).model_dump_json().count("x.org") == 1


def test_the_text_of_a_refusal_shows_no_password() -> None:
    with pytest.raises(ValidationError) as caught:
        UserCreate.model_validate({"email": "a@x.org", "password": "in-clear-text"})
    assert "in-clear-text" not in str(caught.value)
