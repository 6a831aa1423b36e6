"""The small words of a lesson say what happened, and never stop it."""

import gc
import inspect
import re
import warnings
from html import unescape

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from course_lib.db import create_session_factory
from course_lib.lab.databases import open_database
from course_lib.lab.explanations import FOLDER, sections
from course_lib.lab.lesson import (
    Prediction,
    expect,
    open_both,
    own_pair,
    own_postgres,
    predict,
    show_source,
    value_or_error,
)
from course_lib.lab.markdown_note import Note
from course_lib.lab.postgres import Server, programs
from course_lib.lab.standby import Pair
from course_lib.models import User


def fail(message: str) -> None:
    raise ValueError(message)


def test_a_note_in_plain_text_keeps_the_stars_of_code() -> None:
    note = Note("**Say** `f(**x)`:\n\n```python\nf(**x) ** 2\n```\n\n**Done.**")
    assert repr(note) == "Say f(**x):\n\nf(**x) ** 2\n\n\nDone."


def test_a_right_guess_is_told_so() -> None:
    assert repr(Prediction("How many?", (), answer=2).reveal(2)) == "You said 2, and that is right: 2."


def test_a_wrong_guess_is_set_beside_what_happened() -> None:
    assert repr(Prediction("How many?", (), answer=2).reveal(6)).startswith("You said 2. The answer: 6.")


def test_without_a_guess_the_lesson_goes_on() -> None:
    assert repr(Prediction("How many?", (), answer=None).reveal(6)).startswith("The answer: 6.")


def test_zero_and_false_are_guesses() -> None:
    assert "that is right" in repr(Prediction("How many?", (), answer=0).reveal(0))
    assert "that is right" in repr(Prediction("Expired?", (True, False), answer=False).reveal(False))


def test_a_right_guess_in_another_form_is_right() -> None:
    assert "that is right" in repr(Prediction("How many?", (), answer="two statements").reveal(2))


def test_true_is_no_guess_of_one() -> None:
    assert "The answer: 1" in repr(Prediction("How many?", (), answer=True).reveal(1))


def test_what_explains_a_result_comes_with_it() -> None:
    (question, told), *_ = sections(FOLDER / "01_engine_and_sessions.md").items()
    assert told in Prediction(question, (), None).reveal("?").markdown


@pytest.mark.parametrize(
    ("answer", "told"),
    [(None, "in place of None"), ("red", "'red' is none of the choices"), ("on", "You say: 'on'")],
)
def test_the_question_says_what_to_do_next(
    answer: str | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("Is the light on?", answer=answer, choices=("on", "off"))
    assert told in capsys.readouterr().out


def test_an_expected_error_is_shown_without_noise(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(ValueError):
        fail(
            "(driver.Error) <class 'driver.Error'>: no such table\n[SQL: SELECT 1]\n"
            "(Background on this error at: https://sqlalche.me/e/21/e3q8)"
        )
    assert capsys.readouterr().out == "ValueError: no such table\n"


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        (KeyError, "KeyError: 'mira'\n"),
        (LookupError, "KeyError (a LookupError): 'mira'\n"),
        (Exception, "KeyError (an Exception): 'mira'\n"),
    ],
)
def test_an_error_of_another_name_says_that_it_is_the_expected_one(
    expected: type[Exception], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with expect(expected):
        _ = dict[str, int]()["mira"]
    assert capsys.readouterr().out == shown


def test_no_advice_on_autoflush_hides_what_the_database_said(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(ValueError):
        fail(
            "(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush block if this flush "
            "is occurring prematurely)\n(driver.Error) no such table\n[SQL: SELECT 1]"
        )
    assert capsys.readouterr().out == "ValueError: no such table\n"


def test_signs_of_markup_in_an_error_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(ValueError):
        fail("no <table> here")
    assert capsys.readouterr().out == "ValueError: no <table> here\n"


async def test_no_warning_comes_behind_an_error_without_await() -> None:
    sqlite = await open_database("sqlite")
    async with create_session_factory(sqlite)() as session:
        mira = await session.get(User, 1)
        assert mira is not None
        await session.execute(update(User).where(User.id == 1).values(username="mira2"))
        with warnings.catch_warnings(record=True) as later:
            warnings.simplefilter("always")
            with expect(SQLAlchemyError):
                mira.updated_at  # noqa: B018 - to read it is to ask
            gc.collect()
    await sqlite.dispose()
    assert later == []


def test_an_error_that_does_not_come_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(ValueError):
        int("1")
    assert capsys.readouterr().out == "No error came, and ValueError was expected. Is an await missing?\n"


def test_another_error_is_not_hidden() -> None:
    with pytest.raises(KeyError), expect(ValueError):
        raise KeyError("other")


def test_a_pattern_is_shown_from_its_file() -> None:
    shown = show_source(create_session_factory)
    assert repr(shown).startswith("course_lib/db.py\n\ndef create_session_factory(")
    assert "```python" in shown._repr_markdown_()


def test_a_narrow_page_breaks_the_lines_of_a_pattern_between_words() -> None:
    page = show_source(create_session_factory)._repr_html_()
    lines = re.search(
        r'<pre style="white-space:pre-wrap;word-break:normal;overflow-wrap:normal">(.*)</pre>',
        page,
        re.DOTALL,
    )
    assert lines
    code = unescape(re.sub(r"<[^>]+>", "", lines[1]))
    assert code == inspect.getsource(create_session_factory).rstrip()


async def test_both_databases_are_opened_with_the_same_people() -> None:
    engines = await open_both()
    assert [engine.dialect.name for engine in engines] == ["sqlite", "postgresql"]
    for engine in engines:
        await engine.dispose()


async def test_without_postgresql_the_lesson_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(programs, "VERSION", 99)  # one that the wheel does not have
    engines = await open_both()
    assert own_postgres() is None
    assert own_pair() is None
    assert [engine.dialect.name for engine in engines] == ["sqlite"]
    assert capsys.readouterr().out.count("Without PostgreSQL") == 3
    await engines[0].dispose()


def test_a_lesson_can_have_a_server_of_its_own() -> None:
    server = own_postgres()
    assert isinstance(server, Server)
    assert server.is_running()
    server.remove()


def test_a_lesson_can_have_a_primary_and_a_standby() -> None:
    pair = own_pair()
    assert isinstance(pair, Pair)
    assert pair.is_connected()
    pair.remove()


def test_a_call_gives_its_value_or_its_error() -> None:
    assert value_or_error(lambda: 1) == 1
    assert isinstance(value_or_error(lambda: 1 // 0), ZeroDivisionError)
