"""What a raw error of Python, SQLAlchemy or a driver means to a learner: one table, the special before the general."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True)
class Meaning:
    """`errors` are names of classes, of which the error or one of its ancestors has one; `says` is a pattern that its
    message matches somewhere. `name` is the misconception, and `advice` what to do about it.
    """

    name: str
    errors: str
    says: str
    advice: str

    def fits(self, kinds: set[str], message: str) -> bool:
        return not kinds.isdisjoint(self.errors.split()) and bool(
            re.search(self.says, message, re.IGNORECASE)
        )


NOT_LOADED = "to look at it asks the database, and there is no `await` to wait with. It is expired or was never loaded."

USED_TOO_EARLY = Meaning(
    "used before it is made",
    "UnboundLocalError",
    "",
    "The line that gives it its value has to run before this one.",
)

OF_NO_KIND = Meaning(
    "error of no kind",
    "Exception",
    "",
    "Whoever calls it cannot tell this error from any other: raise the one that the task names.",
)

MEANINGS = [
    # await and async
    Meaning(
        "session not opened",
        "TypeError AttributeError",
        "'async_sessionmaker' object",
        "That is what makes sessions. Call it: `sessions()` is a session.",
    ),
    Meaning(
        "function not called",
        "TypeError",
        "object (function|method) can't be used in 'await'",
        "A function is called first, with parentheses behind its name: what the call gives is awaited.",
    ),
    Meaning(
        "await too much",
        "TypeError",
        "a coroutine was expected|coroutine object is required",
        "That call gives its result at once: only what is `async` is awaited.",
    ),
    Meaning("missing await", "BaseException", "coroutine", "Put `await` before that call."),
    Meaning(
        "missing async",
        "TypeError",
        r"not support the context manager protocol|_GeneratorContextManager.*\bsynchronous",
        "Write `async with`: opening and closing it wait for the database.",
    ),
    Meaning(
        "async too much",
        "TypeError",
        "not support the asynchronous context manager|requires an object with __aiter__",
        "There is nothing to wait for: leave `async` out.",
    ),
    Meaning(
        "await too much",
        "TypeError",
        "can't be used in 'await'|asyncio.Future, a coroutine or an awaitable is required",
        "That call gives its result at once: only what is `async` is awaited.",
    ),
    Meaning(
        "loop within a loop",
        "RuntimeError",
        "running event loop|event loop is already running",
        "A notebook, like a server, has its event loop already: `await` does without another.",
    ),
    Meaning("not loaded", "MissingGreenlet", "", "Load it in the query, or read it before it expires."),
    Meaning(
        "not loaded",
        "InvalidRequestError ValidationError",
        "lazy='raise'",
        "The query has to ask for it: `options(selectinload(…))` or `joinedload`.",
    ),
    # sessions and transactions
    Meaning(
        "session closed too early",
        "DetachedInstanceError",
        "",
        "The object's session has been closed. Read what you need before its block ends.",
    ),
    Meaning(
        "session closed too early",
        "InvalidRequestError",
        "permanently closed",
        "The block of the session has ended. What it still has to do belongs inside.",
    ),
    Meaning(
        "session left broken",
        "PendingRollbackError",
        "",
        "A statement was refused before, and its transaction cannot go on. A savepoint (`begin_nested`) around that "
        "statement alone would have kept the rest.",
    ),
    Meaning(
        "session shared by tasks",
        "InvalidRequestError IllegalStateChangeError InterfaceError",
        "concurrent operations|operation is in progress|another operation|already in progress|can't be called here",
        "A session belongs to one task at a time: give each task its own.",
    ),
    Meaning(
        "begun twice",
        "InvalidRequestError",
        "already begun",
        "The session has begun by itself with its first statement. Open the block before that, or use `begin_nested`.",
    ),
    Meaning(
        "transaction ended inside its block",
        "InvalidRequestError ResourceClosedError",
        "closed transaction|transaction is (inactive|closed)|this connection is closed",
        "The block of `begin()` ends the transaction itself: a commit or rollback inside ends it too early.",
    ),
    Meaning(
        "result read too late", "ResourceClosedError", "", "Read its rows first, inside the block, and once."
    ),
    Meaning(
        "not an object of a model", "UnmappedInstanceError", "", "A session keeps objects of mapped classes."
    ),
    Meaning(
        "not a model", "UnmappedClassError NoInspectionAvailable", "", "A mapped class was expected there."
    ),
    Meaning("row gone", "StaleDataError", "", "The row was changed or deleted by somebody else meanwhile."),
    # migrations
    Meaning(
        "batch mode missing",
        "DBAPIError NotImplementedError",
        r'near "(ALTER|CONSTRAINT)": syntax|refer to the batch mode',
        "SQLite cannot change a column or a constraint in place. `with op.batch_alter_table(…)` makes the table anew.",
    ),
    Meaning(
        "NOT NULL on rows",
        "DBAPIError",
        r"add a NOT NULL column|contains null values|NOT NULL constraint failed: _alembic_tmp",
        "There are rows, and they have no value in this column yet.",
    ),
    Meaning(
        "unnamed constraint",
        "ValueError InvalidRequestError",
        "Constraint must have a name|constraint is explicitly named",
        "Give it one: the next migration finds it by its name.",
    ),
    Meaning(
        "no such constraint",
        "ValueError DBAPIError",
        r"No such constraint: '(?!((?:ck|uq|fk)_[a-z]+_)\1)|constraint .* does not exist",
        "Is it called so in the database? Without `op.f` a name is completed only where `type_` tells its kind.",
    ),
    Meaning(
        "there already",
        "DBAPIError",
        r"(table|index|column|relation|constraint) .*already exists|duplicate column name",
        "Something of this name has been made before, perhaps by a line above.",
    ),
    Meaning("refused by Alembic", "CommandError", "", ""),
    # what a statement is, and its values
    Meaning(
        "placeholder in quotes",
        "ArgumentError ProgrammingError",
        "doesn't define a bound parameter|statement uses 0, and there are",
        "Inside quotes `:name` is text. A placeholder stands by itself, and the driver adds what it needs.",
    ),
    Meaning(
        "placeholder of a driver",
        "OperationalError ProgrammingError",
        r'near "%"|at or near "%"|near "\?"|at or near "\?"',
        "In `text()` a placeholder is written `:name`, for every driver.",
    ),
    Meaning(
        "value not given",
        "StatementError InvalidRequestError",
        "value is required for bind parameter",
        "Each placeholder of a statement needs its value.",
    ),
    Meaning(
        "SQL as bare text",
        "ObjectNotExecutableError ArgumentError",
        "not an executable object|should be explicitly declared as text",
        "A statement is built with `select`, `insert`, `update`, `delete`, or put into `text(…)`.",
    ),
    Meaning(
        "object in place of a value",
        "ArgumentError",
        "literal value expected, got <",
        "A column is compared with a value: which attribute of the object holds it?",
    ),
    Meaning(
        "flush missing",
        "IntegrityError",
        r"NOT NULL.*_id\b|null value in column \"\w+_id\"",
        "A new object has no id until it is flushed: `await session.flush()` sends its INSERT.",
    ),
    Meaning(
        "flush missing",
        "OutOfRange",
        r"^id is None",
        "A new object has no id until it is flushed: `await session.flush()` sends its INSERT.",
    ),
    Meaning(
        "value missing",
        "IntegrityError",
        "NOT NULL|null value",
        "A column that may not be NULL got no value.",
    ),
    Meaning(
        "refused: there already",
        "IntegrityError",
        "UNIQUE|duplicate key",
        "A row with this value is there. Look at what the task wants in that case.",
    ),
    Meaning(
        "refused: a reference",
        "IntegrityError",
        "FOREIGN KEY|foreign key",
        "A row that is pointed to has to be there first, and goes last.",
    ),
    Meaning(
        "refused: a rule of the table",
        "IntegrityError",
        "CHECK|check constraint",
        "The table forbids this value.",
    ),
    Meaning(
        "value does not fit", "DataError NumericValueOutOfRangeError StringDataRightTruncationError", "", ""
    ),
    Meaning("value does not fit", "DBAPIError", "too long for type|out of range|too large|invalid input", ""),
    Meaning(
        "type not understood",
        "DBAPIError",
        "type '?[\\w.]+'? is not supported|invalid input for query argument|expected str|got type",
        "The driver cannot send a value of this type: give it the value itself, a number, a text or a time.",
    ),
    Meaning(
        "no such column",
        "DBAPIError",
        "no such column|column .* does not exist",
        "How is it called in the model, and is it there at this moment?",
    ),
    Meaning(
        "no such table",
        "DBAPIError",
        "no such table|relation .* does not exist",
        "How is it called in the model?",
    ),
    Meaning("write lock refused", "DBAPIError", "locked", "Another transaction was writing at this moment."),
    Meaning(
        "refused for another transaction",
        "DBAPIError",
        "deadlock|could not serialize|lock timeout|could not obtain lock",
        "Another transaction was in its way.",
    ),
    Meaning(
        "several statements in one",
        "DBAPIError ProgrammingError",
        "multiple commands|one statement at a time",
        "Send one statement at a time: each has an `execute` of its own.",
    ),
    Meaning(
        "not SQL of this database",
        "DBAPIError",
        "syntax error|no such function|function .* does not exist|unrecognized|not supported",
        "This database does not know these words. What SQLAlchemy builds is right for each of them.",
    ),
    Meaning(
        "pool used up",
        "TimeoutError",
        "QueuePool",
        "Every connection is in use: which ones were not given back?",
    ),
    Meaning(
        "no row found",
        "NoResultFound",
        "",
        "`scalar_one_or_none()` gives None for it; what did the task ask for?",
    ),
    Meaning("several rows found", "MultipleResultsFound", "", "The query is not as narrow as it was meant."),
    Meaning(
        "table arguments not in a tuple",
        "ArgumentError",
        "__table_args__ value must be",
        "A tuple of one thing ends in a comma: `(Index(…),)`.",
    ),
    Meaning(
        "primary key missing",
        "ArgumentError",
        "could not assemble any primary key",
        "Each model needs a column with `primary_key=True`.",
    ),
    Meaning(
        "table without a name",
        "InvalidRequestError",
        "does not have a __table__ or __tablename__",
        "Give it one: `__tablename__ = …`.",
    ),
    Meaning(
        "not mapped",
        "ArgumentError",
        "Type annotation for .* can't be correctly interpreted|Mapped annotation",
        "A column is written `name: Mapped[type]`, with a type of Python such as `int` or `str`.",
    ),
    Meaning(
        "name in quotes",
        "ArgumentError",
        "Strings are not accepted",
        "Write the attribute itself, such as `User.posts`, without quotes.",
    ),
    Meaning(
        "not in the session",
        "InvalidRequestError",
        "not persistent within this Session",
        "The session has no row for it yet: `add` it and `flush` first.",
    ),
    Meaning(
        "type not understood",
        "DBAPIError",
        "operator does not exist",
        "The database compares or adds only what fits together, such as a number and a number.",
    ),
    Meaning(
        "statement not well formed",
        "ArgumentError CompileError InvalidRequestError NoForeignKeysError AmbiguousForeignKeysError",
        "",
        "SQLAlchemy cannot build a statement out of it.",
    ),
    Meaning(
        "another process",
        "PicklingError AttributeError TypeError",
        "pickle",
        "Another process gets a copy of what it runs, and this cannot be copied. A thread needs no copy.",
    ),
    # the course's own library
    Meaning("refused by the library", "CourseError", "", ""),
    Meaning(
        "None used",
        "ValidationError",
        "valid dictionary or (object|instance)",
        "Where can it be None: a row that is not there?",
    ),
    Meaning("value not valid", "ValidationError", "", "The schema refuses it."),
    # Python
    Meaning(
        "None used", "AttributeError TypeError", "NoneType", "Where can it be None: a row that is not there?"
    ),
    USED_TOO_EARLY,
    Meaning("name not known", "NameError", "", "Is it written like this elsewhere, and is its cell run?"),
    Meaning(
        "words of one database",
        "AttributeError",
        "OnConflict",
        "`on_conflict_…` comes from one database's own `insert`, and this is the other. What is right on both?",
    ),
    Meaning("no such attribute", "AttributeError", "", "What kind of object is it?"),
    Meaning(
        "wrong arguments",
        "TypeError",
        r"Additional arguments should be named|required (positional|keyword)"
        r"|unexpected keyword|positional arguments? but|multiple values|takes no arg",
        "Look at how it is called.",
    ),
    Meaning(
        "session called",
        "TypeError",
        "'AsyncSession' object is not callable",
        "The session that you were given is open already: use it as it is, without parentheses.",
    ),
    Meaning(
        "called too early",
        "TypeError",
        "not callable",
        "A function is handed on by its name, without parentheses.",
    ),
    Meaning("wrong type", "TypeError", "", "What kind of object is it?"),
    Meaning("key not there", "KeyError", "", "Which keys are there?"),
    Meaning("nothing at that place", "IndexError", "", "How many are there? An empty list has no first one."),
    Meaning(
        "wrong number of values",
        "ValueError",
        "values to unpack",
        "As many names have to stand on the left as there are values on the right.",
    ),
    Meaning(
        "nothing at that place",
        "StopIteration",
        "",
        "`next` found nothing: it takes a second value for that.",
    ),
    Meaning("wrong value", "ValueError", "", ""),
    Meaning("calls itself without end", "RecursionError", "", ""),
    Meaning("assertion of your own", "AssertionError", "", ""),
    Meaning("took too long", "TimeoutError", "", "What was it waiting for?"),
    Meaning("import not possible", "ImportError", "", "The packages of the course are enough."),
]


def meaning_of(error: BaseException) -> Meaning | None:
    """The first of the table that fits, by the error or the driver's own behind it."""
    kinds, message = {kind.__name__ for kind in _kinds(error)}, str(getattr(error, "orig", None) or error)
    if type(error) is Exception:
        return OF_NO_KIND
    return next((each for each in MEANINGS if each.fits(kinds, message)), None)


def _kinds(error: BaseException) -> Iterator[type]:
    yield from type(error).__mro__
    if isinstance(error, DBAPIError) and error.orig is not None:
        yield from type(error.orig).__mro__
        yield from type(error.driver_exception).__mro__
    elif original := getattr(error, "orig", None):  # StatementError
        yield from type(original).__mro__
