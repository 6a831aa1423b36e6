"""Who is who in a class: `names.json` in the course folder, written by the kit and mended by the teacher.

{"learners": {"Anna_Berg": {"name": "Anna Berg", "platform": "Moodle", "number": "4711"}},
 "whose": {"box/07_eager_loading final.ipynb": ""}}

`learners` has an entry for each folder of `submitted`; `whose` names a learner's folder for each file whose owner
nobody could tell: "" is an open question, and "-" leaves the file out.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NAMES = "names.json"


@dataclass(frozen=True)
class Person:
    """How a learner is written, and the number by which a platform knows them, where it gave one."""

    name: str
    platform: str = ""
    number: str = ""


def people_of(folder: Path) -> dict[str, Person]:
    """Everybody who ever handed something in, by their folder's name."""
    return {learner: Person(**known) for learner, known in _read(folder)["learners"].items()}


def answers_of(folder: Path) -> dict[str, str]:
    """Whose each unclear file is, by its place in what was handed in; '' where nobody has answered yet."""
    return dict(_read(folder)["whose"])


def remember(folder: Path, people: Mapping[str, Person], unclear: Mapping[str, str]) -> None:
    """Keep who was met and what is unclear. What stands in the file already stays: a teacher may have written it."""
    known = _read(folder)
    learners = {learner: asdict(person) for learner, person in people.items()}
    new = {"learners": learners | known["learners"], "whose": dict(unclear) | known["whose"]}
    if new != known:
        text = json.dumps(new, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / NAMES).write_text(f"{text}\n", encoding="utf-8", newline="\n")


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The file; one of an older kit knows names alone, `{"Anna_Berg": "Anna Berg"}`."""
    file = folder / NAMES
    known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if "learners" not in known:
        known = {"learners": {learner: asdict(Person(name)) for learner, name in known.items()}}
    return {"whose": {}} | known
