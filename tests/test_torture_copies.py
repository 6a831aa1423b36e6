"""`make torture` of copies in small: a learner's copy with spoilt files, under the real commands."""

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("programs are forked here", allow_module_level=True)

from torture.copies import PROGRESS_FILE, RESETS, SPOILT, UPDATE, keeping, spoil, write

EXERCISES, LESSON, GIVEN = SPOILT[:3]
SPOILINGS = (
    (UPDATE, EXERCISES, write, "half JSON"),
    (RESETS[1], LESSON, write, "UTF-8 with a mark"),
    (RESETS[0], EXERCISES, write, "binary"),
    (UPDATE, GIVEN, write, "a list"),
    (("check", "07.2"), PROGRESS_FILE, write, "binary"),
)


def test_a_spoilt_file_is_told_and_kept_and_no_answer_is_lost(tmp_path: Path) -> None:
    with keeping(tmp_path) as kept:
        figures = spoil(kept, SPOILINGS)

    assert figures == {"commands": 5, "told": 2, "files lost": 0}
