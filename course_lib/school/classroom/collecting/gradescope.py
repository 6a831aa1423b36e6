"""Gradescope's list of who handed in what: `submission_metadata.yml`, beside folders that have numbers for names."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from course_lib.school.classroom.collecting.archives import LARGEST, File
from course_lib.school.classroom.collecting.whose import Listed

LISTS = ("submission_metadata.yml", "submission_metadata.yaml")


def listed_in(files: Iterable[File]) -> dict[str, Listed]:
    """The name, the number and the time that belong to a folder such as `submission_123456`."""
    lists = [file for file in files if file.place.name.lower() in LISTS and len(file.content) < LARGEST]
    return {
        str(folder): listed
        for file in lists
        for folder, entry in _entries(file.content).items()
        if (listed := _listed(entry)) is not None
    }


def _entries(content: bytes) -> dict[Any, Any]:
    import yaml  # comes with Jupyter

    try:
        entries = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _listed(entry: Any) -> Listed | None:
    """Several people who handed in together are one learner, whose name is all of theirs."""
    people = _part(entry, "submitters")
    named = [person for person in people if _part(person, "name")] if isinstance(people, list) else []
    if not named:
        return None
    names = " and ".join(str(_part(person, "name")) for person in named)
    numbers = "+".join(str(_part(person, "sid") or _part(person, "email") or "") for person in named)
    return Listed(names, numbers.strip("+"), _seconds(_part(entry, "created_at")))


def _part(entry: Any, name: str) -> Any:
    return (entry.get(f":{name}") or entry.get(name)) if isinstance(entry, dict) else None


def _seconds(moment: Any) -> float | None:
    if not isinstance(moment, datetime):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
