"""What a wheel carries beside the package, so that `course start` works without the repository."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("notebooks", "migrations")
SETTINGS = "pyproject.toml"  # alembic's settings are in it
INTO = "course_lib/_kit"


class KitInside(BuildHookInterface[Any]):
    """Puts the lessons and the migrations into the package under the names that they have in the repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":  # an editable installation reads them where they lie
            build_data["force_include"] |= {name: f"{INTO}/{name}" for name in self._carried()}

    def _carried(self) -> list[str]:
        """The files, by their path in the repository, without what git ignores or pyproject.toml excludes."""
        root = Path(self.root)
        paths = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
        names = sorted(path.relative_to(root).as_posix() for path in paths)
        return [SETTINGS, *(name for name in names if not self.build_config.path_is_excluded(name))]
