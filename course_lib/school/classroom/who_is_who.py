"""Who is who in a class: `names.json` in the course folder, written by the kit and mended by the teacher.

{"learners": {"Anna_Berg": {"name": "Anna Berg", "platform": "Moodle", "number": "4711"}},
 "whose": {"box/07_eager_loading final.ipynb": ""}}

`learners` has an entry for each folder of `submitted`; `whose` names a learner for each file whose owner nobody could
tell: "" and what begins with "?" (a guess) are open questions, and "-" leaves the file out. `asked` and `numbers` are
the kit's own: which content a question was about, and whose a platform's number is.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from course_lib.school.classroom.course_folder import ClassroomError

NAMES = "names.json"
OPEN, LEAVE_OUT = "?", "-"


@dataclass(frozen=True)
class Person:
    """How a learner is written, and the number by which a platform knows them, where it gave one."""

    name: str
    platform: str = ""
    number: str = ""


@dataclass(frozen=True)
class Names:
    """All that `names.json` knows. `whose` is as the teacher left it; `answers` has '' for what is open."""

    learners: dict[str, Person] = field(default_factory=dict)
    whose: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, str]:
        return {place: "" if is_open(answer) else answer.strip() for place, answer in self.whose.items()}


def is_open(answer: str) -> bool:
    return not answer.strip() or answer.strip().startswith(OPEN)


def people_of(folder: Path, lesson: str = "") -> dict[str, Person]:
    """Everybody who ever handed something in, by their folder's name.

    With a lesson such as 07_eager_loading their numbers are those of that lesson: Moodle gives new ones in each.
    """
    names = names_of(folder)
    here = {key.split(" ", 2)[-1]: learner for key, learner in names.numbers.items() if _is_of(key, lesson)}
    numbers = {learner: number for number, learner in here.items()}
    return {
        learner: replace(person, number=numbers.get(learner, person.number))
        for learner, person in names.learners.items()
    }


def _is_of(key: str, lesson: str) -> bool:
    """Whether `Moodle 07 4711` was given in this lesson; `Canvas 4711` was given in none."""
    return bool(lesson) and len(key.split(" ", 2)) == 3 and key.split(" ", 2)[1] == lesson[:2]


def answers_of(folder: Path) -> dict[str, str]:
    """Whose each unclear file is, by its place in what was handed in; '' where nobody has answered yet."""
    return names_of(folder).answers


def remember(
    folder: Path,
    people: Mapping[str, Person],
    unclear: Mapping[str, str],
    *,
    asked: Mapping[str, str] | None = None,
    numbers: Mapping[str, str] | None = None,
) -> None:
    """Keep who was met and what is unclear. What stands in the file already stays: a teacher may have written it.

    A learner who had no number gets one, and an open question its newest guess.
    """
    known = names_of(folder)
    answered = {place: answer for place, answer in known.whose.items() if not is_open(answer)}
    new = Names(
        dict(people)
        | {learner: _with_number(old, people.get(learner)) for learner, old in known.learners.items()},
        known.whose | dict(unclear) | answered,
        known.asked | dict(asked or {}),
        dict(numbers or {}) | known.numbers,
    )
    if new != known or not (folder / NAMES).exists():
        _write(folder / NAMES, new)


def names_of(folder: Path) -> Names:
    """The file. Raises ClassroomError, which names the line, where it cannot be read."""
    file = folder / NAMES
    if not file.is_file():
        return Names()
    written = _json_in(file)
    if "learners" not in written and "whose" not in written:  # of an older kit: {"Anna_Berg": "Anna Berg"}
        written = {"learners": {learner: {"name": name} for learner, name in written.items()}}
    parts = {part: _texts(file, written.get(part, {}), part) for part in ("whose", "asked", "numbers")}
    return Names(_people(file, written.get("learners", {})), **parts)


def _with_number(old: Person, new: Person | None) -> Person:
    if new is None or old.number or old.platform:
        return old
    return Person(old.name, new.platform, new.number)


def _write(file: Path, names: Names) -> None:
    """All of it or nothing: a half file would lose what a teacher wrote."""
    learners = {learner: asdict(person) for learner, person in names.learners.items()}
    parts: dict[str, dict[str, Any]] = {
        "whose": names.whose,
        "learners": learners,
        "numbers": names.numbers,
        "asked": names.asked,
    }
    kept = {part: entries for part, entries in parts.items() if entries or part in ("learners", "whose")}
    half = file.with_name(f"{file.name}.new")
    text = json.dumps({part: dict(sorted(kept[part].items())) for part in kept}, ensure_ascii=False, indent=1)
    half.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    half.replace(file)


def _json_in(file: Path) -> dict[str, Any]:
    try:
        written = json.loads(file.read_text("utf-8-sig"), object_pairs_hook=lambda pairs: _once(file, pairs))
    except json.JSONDecodeError as error:
        lines = error.doc.splitlines() or [""]
        line = lines[min(error.lineno, len(lines)) - 1].strip()
        raise ClassroomError(f"{file}, line {error.lineno}: {error.msg}. There stands: {line:.80}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ClassroomError(f"{file} cannot be read: {error}. Save it in UTF-8.") from error
    if not isinstance(written, dict):
        raise ClassroomError(
            f'{file}, line 1: it begins with {{"learners": …}}, and not with {str(written)[:40]}.'
        )
    return written


def _once(file: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands there twice JSON keeps the last, and what a teacher wrote first would be lost."""
    for key, _ in pairs:
        if sum(key == other for other, _ in pairs) > 1:
            raise ClassroomError(
                f"{file}, line {_line_of(file, key, last=True)}: {key!r} stands there twice."
            )
    return dict(pairs)


def _people(file: Path, learners: Any) -> dict[str, Person]:
    if not isinstance(learners, dict):
        raise _wrong(file, "learners", learners, "has an entry for each learner")
    people = {}
    for learner, person in learners.items():
        entries = {"name": person} if isinstance(person, str) else person
        if not isinstance(entries, dict) or not isinstance(entries.get("name"), str):
            raise _wrong(file, learner, person, 'is written {"name": "Anna Berg"}')
        own = _texts(file, {key: entries.get(key) or "" for key in ("name", "platform", "number")}, learner)
        people[learner] = Person(**own)
    return people


def _texts(file: Path, entries: Any, part: str) -> dict[str, str]:
    if not isinstance(entries, dict):
        raise _wrong(file, part, entries, "has an entry in quotes for each name in quotes")
    texts = {
        key: "" if text is None else str(text) if isinstance(text, int) else text
        for key, text in entries.items()
    }
    for key, text in texts.items():
        if not isinstance(text, str):
            raise _wrong(file, key, text, "is a text in quotes")
    return texts


def _wrong(file: Path, key: str, value: Any, right: str) -> ClassroomError:
    return ClassroomError(
        f"{file}, line {_line_of(file, key)}: {key!r} {right}, and not {str(value)[:40]!r}."
    )


def _line_of(file: Path, key: str, *, last: bool = False) -> int:
    lines = file.read_text("utf-8-sig").splitlines()
    forms = (json.dumps(key), json.dumps(key, ensure_ascii=False))
    found = [number for number, line in enumerate(lines, start=1) if any(form in line for form in forms)]
    return found[-1 if last else 0] if found else 1
