"""The migrations stand in one row, each with an id of its own: else nobody knows which of them a database has had."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, to_tuple


def refuse_tangled(directory: ScriptDirectory) -> None:
    """Raise CommandError, which says what to do, where an id is there twice, or missing, or two files are the last.

    Alembic only warns of an id that is there twice, and `upgrade heads` then runs one of the two files.
    """
    files = sorted(directory._load_revisions(), key=lambda file: file.path)
    parents = {file.revision: set(to_tuple(file.down_revision, default=())) for file in files}
    followed: set[str] = set().union(*parents.values())
    _refuse_twins(files)
    for file in files:
        if strangers := parents[file.revision] - parents.keys():
            raise CommandError(f"{_names([file])} follows {sorted(strangers)[0]!r}, and no file has that id")
    if len(heads := [file for file in files if file.revision not in followed]) > 1:
        raise CommandError(
            f"{_names(heads)} are both the last: whoever made one did not know of the other. "
            "Read both, then put them together: alembic merge heads"
        )


def _refuse_twins(files: list[Script]) -> None:
    revision, times = Counter(file.revision for file in files).most_common(1)[0] if files else ("", 0)
    if times > 1:
        twins = _names(file for file in files if file.revision == revision)
        raise CommandError(
            f"{twins} have the same id, {revision!r}. Give the newer one another `revision`, "
            "and the older one's id as its `down_revision`"
        )


def _names(files: Iterable[Script]) -> str:
    return " and ".join(Path(file.path).name for file in files)
