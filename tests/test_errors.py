"""Every error holds its facts, and its message names the thing and the value."""

import inspect
import pickle

import pytest

from course_lib import errors
from course_lib.errors import CourseError, OutOfRange

TOLD = [
    (
        errors.DatabaseNotUnderstood("mysql", "no"),
        {"shown": "mysql", "reason": "no"},
        "is 'mysql': no. Accepted",
    ),
    (
        errors.SettingNotUnderstood("COURSE_LOCK_TIMEOUT", "soon", "seconds"),
        {"value": "soon"},
        "COURSE_LOCK_TIMEOUT is 'soon'; it must be seconds",
    ),
    (errors.NotFound("User", 7), {"thing": "User", "key": 7}, "there is no User 7"),
    (errors.LoginRefused(), {}, "this address and this password open nothing"),
    (errors.NotLoggedIn(), {}, "log in first: this token opens nothing, or not any more"),
    (errors.NotAllowed(), {}, "this is for administrators"),
    (
        errors.AlreadyExists("User", "email", "a@x"),
        {"field": "email"},
        "a User with email 'a@x' already exists",
    ),
    (errors.InUse("User", 7), {"thing": "User", "key": 7}, "User 7 is still in use by other rows"),
    (errors.UnknownField("Tag", {"b", "a"}, {"name"}), {"fields": ["a", "b"]}, "no field a, b; it has name"),
    (errors.ProtectedField("User", {"id"}), {"fields": ["id"]}, "id of User cannot be set this way"),
    (
        errors.OutOfRange("page", 0, 1, 9),
        {"value": 0, "highest": 9},
        "page is 0; it must be a whole number from 1 to 9",
    ),
    (errors.SameAccount(3), {"account_id": 3}, "account 3 cannot pay itself"),
    (
        errors.InsufficientFunds(3, 1, 2),
        {"balance": 1, "amount": 2},
        "account 3 holds 1 cents, fewer than the 2 to pay",
    ),
    (errors.KeyReused("k"), {"key": "k"}, "idempotency key 'k' belongs to another transfer of this payer"),
    (errors.Conflict(5), {"attempts": 5}, "in the way, 5 time(s); nothing was changed"),
    (errors.InvalidCursor("c" * 99), {"cursor": "c" * 99}, f"cursor '{'c' * 40}' was not signed"),
    (
        errors.StatementRefused("it has LIMIT", "leave it out"),
        {"reason": "it has LIMIT", "instead": "leave it out"},
        "makes no listing: it has LIMIT; leave it out",
    ),
    (
        errors.ModelRefused("Pair", "has a key of several columns"),
        {"model": "Pair", "reason": "has a key of several columns"},
        "Pair has a key of several columns; BaseRepository does not serve that",
    ),
]


def every_error() -> set[type]:
    return {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CourseError)}


@pytest.mark.parametrize(("error", "facts", "message"), TOLD, ids=lambda value: type(value).__name__)
def test_an_error_holds_its_facts_and_tells_them(
    error: CourseError, facts: dict[str, object], message: str
) -> None:
    assert {name: getattr(error, name) for name in facts} == facts
    assert message in str(error)


@pytest.mark.parametrize("error", [error for error, _, _ in TOLD], ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_with_its_facts_and_its_words(error: CourseError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_table_above_forgets_no_error() -> None:
    assert {type(error) for error, _, _ in TOLD} == every_error() - {CourseError}


def test_the_module_tells_its_errors_in_the_order_of_the_table_each_a_branch_of_one_base() -> None:
    defined = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind in every_error()]

    assert defined == [CourseError, *(type(error) for error, _, _ in TOLD)]
    assert all(CourseError in kind.__bases__ for kind in defined[1:])


@pytest.mark.parametrize("value", [0, 11, -1, 2**63, 10**30, True, 1.0, "1", None])
def test_only_a_whole_number_between_the_bounds_is_in_range(value: object) -> None:
    with pytest.raises(OutOfRange, match=r"limit is .* from 1 to 10"):
        OutOfRange.check("limit", value, 1, 10)


LONG = 10**5000
"""Python refuses to write out so many digits."""
TOLD_WITH_A_LONG_NUMBER: list[CourseError] = [
    errors.OutOfRange("limit", LONG, 1, 10),
    errors.OutOfRange("limit", (1, -LONG), 1, 10),
    errors.NotFound("User", LONG),
    errors.AlreadyExists("User", "id", LONG),
    errors.InUse("User", LONG),
    errors.SameAccount(LONG),
]


@pytest.mark.parametrize("error", TOLD_WITH_A_LONG_NUMBER, ids=lambda error: type(error).__name__)
def test_a_message_is_made_of_any_number_and_the_error_keeps_it(error: CourseError) -> None:
    assert "a number too long to show" in str(error)
    assert any(value in (LONG, (1, -LONG)) for value in vars(error).values())


def test_a_message_shortens_a_long_value() -> None:
    assert len(str(errors.NotFound("User", "x" * 10_000))) < 150


class Int64:
    """A whole number that is no int, such as numpy's."""

    def __index__(self) -> int:
        return 5

    def __repr__(self) -> str:
        return "Int64(5)"


def test_a_whole_number_of_another_type_is_told_what_is_wrong_with_it() -> None:
    with pytest.raises(OutOfRange, match=r"^limit is Int64\(5\); it must .* from 1 to 10, as an int$"):
        OutOfRange.check("limit", Int64(), 1, 10)
    with pytest.raises(OutOfRange, match=r"from 1 to 10$"):
        OutOfRange.check("limit", 11, 1, 10)


@pytest.mark.parametrize("value", [1, 10])
def test_both_bounds_are_in_range(value: int) -> None:
    OutOfRange.check("limit", value, 1, 10)
