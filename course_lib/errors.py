"""What can go wrong, by name: each error holds its facts, and its message names the
thing and the value."""

import re
from collections.abc import Iterable
from typing import Any


class CourseError(Exception):
    """The base of all errors that the library raises on purpose. `pickle` keeps the
    facts and the words of each."""

    def __reduce__(self) -> tuple[Any, ...]:
        return CourseError.__new__, (type(self), *self.args), vars(self)


class DatabaseNotUnderstood(CourseError):
    """Shows the setting up to the first sign behind which a password may stand."""

    def __init__(self, setting: str, reason: str) -> None:
        self.shown = re.sub(r"(?s)(://|[:/@?]).*", r"\1***", setting)
        self.reason = reason
        super().__init__(
            f"COURSE_DATABASE is {self.shown!r}: {reason}. Accepted are 'sqlite', "
            "'postgres', or an async SQLAlchemy URL such as "
            "'postgresql+asyncpg://user:password@host/name'."
        )


class SettingNotUnderstood(CourseError):
    def __init__(self, name: str, value: str, wanted: str) -> None:
        self.name, self.value, self.wanted = name, value, wanted
        super().__init__(f"{name} is {value!r}; it must be {wanted}")


def _shown(value: object) -> str:
    """A message must not fail, and Python refuses to write out a number of thousands of
    digits."""
    try:
        return f"{value!r:.100}"
    except ValueError:
        return "a number too long to show"


class NotFound(CourseError):
    def __init__(self, thing: str, key: object) -> None:
        self.thing, self.key = thing, key
        super().__init__(f"there is no {thing} {_shown(key)}")


class LoginRefused(CourseError):
    """One message for an unknown address, a wrong password and an inactive user: it
    tells nobody who is a member."""

    def __init__(self) -> None:
        super().__init__("this address and this password open nothing")


class NotLoggedIn(CourseError):
    def __init__(self) -> None:
        super().__init__("log in first: this token opens nothing, or not any more")


class NotAllowed(CourseError):
    def __init__(self) -> None:
        super().__init__("this is for administrators")


class AlreadyExists(CourseError):
    def __init__(self, thing: str, field: str, value: object) -> None:
        self.thing, self.field, self.value = thing, field, value
        super().__init__(f"a {thing} with {field} {_shown(value)} already exists")


class InUse(CourseError):
    def __init__(self, thing: str, key: object) -> None:
        self.thing, self.key = thing, key
        super().__init__(f"{thing} {_shown(key)} is still in use by other rows")


class UnknownField(CourseError):
    def __init__(self, thing: str, fields: Iterable[str], known: Iterable[str]) -> None:
        self.thing, self.fields, self.known = thing, sorted(fields), sorted(known)
        missing = f"{thing} has no field {', '.join(self.fields)}"
        super().__init__(f"{missing}; it has {', '.join(self.known)}")


class ProtectedField(CourseError):
    def __init__(self, thing: str, fields: Iterable[str]) -> None:
        self.thing, self.fields = thing, sorted(fields)
        super().__init__(f"{', '.join(self.fields)} of {thing} cannot be set this way")


class OutOfRange(CourseError):
    def __init__(self, name: str, value: object, lowest: int, highest: int) -> None:
        self.name, self.value, self.lowest, self.highest = name, value, lowest, highest
        wanted = f"it must be a whole number from {lowest} to {highest}"
        if hasattr(value, "__index__") and type(value) is not int:
            wanted += ", as an int"  # numpy's int64 and True are whole numbers too
        super().__init__(f"{name} is {_shown(value)}; {wanted}")

    @classmethod
    def check(cls, name: str, value: object, lowest: int, highest: int) -> None:
        """Raise unless `value` is an int (True is none) between the bounds, both
        included."""
        if type(value) is not int or not lowest <= value <= highest:
            raise cls(name, value, lowest, highest)


class SameAccount(CourseError):
    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        super().__init__(f"account {_shown(account_id)} cannot pay itself")


class InsufficientFunds(CourseError):
    def __init__(self, account_id: int, balance: int, amount: int) -> None:
        self.account_id, self.balance, self.amount = account_id, balance, amount
        there = f"account {account_id} holds {balance} cents"
        super().__init__(f"{there}, fewer than the {amount} to pay")


class KeyReused(CourseError):
    def __init__(self, key: str) -> None:
        self.key = key
        told = f"idempotency key {key!r} belongs to another transfer of this payer"
        super().__init__(told)


class Conflict(CourseError):
    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        met = f"other transactions were in the way, {attempts} time(s)"
        super().__init__(f"{met}; nothing was changed")


class InvalidCursor(CourseError):
    def __init__(self, cursor: object) -> None:
        self.cursor = cursor
        signed = f"cursor {str(cursor)[:40]!r} was not signed for this listing"
        super().__init__(f"{signed}, or is too old")


class StatementRefused(CourseError, TypeError):
    """A mistake in the program, not in what somebody typed: so it is a TypeError as
    well."""

    def __init__(self, reason: str, instead: str) -> None:
        self.reason, self.instead = reason, instead
        super().__init__(f"this statement makes no listing: {reason}; {instead}")


class ModelRefused(CourseError):
    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        instead = "BaseRepository does not serve that: use the session's own methods"
        super().__init__(f"{model} {reason}; {instead}")
