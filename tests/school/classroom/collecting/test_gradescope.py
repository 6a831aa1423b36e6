"""Gradescope's own list gives names to its numbered folders."""

from pathlib import PurePosixPath

import pytest

from course_lib.school.classroom.collecting.archives import File
from course_lib.school.classroom.collecting.gradescope import listed_in
from course_lib.school.classroom.collecting.whose import Listed

LIST = b"""
submission_123456:
  :submitters:
  - :name: Anna Berg
    :sid: '4711'
    :email: anna@example.org
  :created_at: 2026-03-01 12:00:00 Z
submission_123457:
  :submitters:
  - :name: Ben Kurz
    :sid:
    :email: ben@example.org
  - :name: Eva Lang
    :sid: '4712'
submission_123458:
  :submitters: []
"""


def listed(content: bytes) -> dict[str, Listed]:
    return listed_in([File(PurePosixPath("export/submission_metadata.yml"), 0, content)])


def test_a_folder_gets_the_name_the_number_and_the_time() -> None:
    found = listed(LIST)
    assert found["submission_123456"] == Listed("Anna Berg", "4711", 1772366400.0)
    assert found["submission_123457"] == Listed("Ben Kurz and Eva Lang", "ben@example.org+4712")
    assert "submission_123458" not in found


SPOILT = [b"", b"- a", b"a: [", b"\xff\xfe\x00", b"a: !!python/object:os.system {}", b"a: 1"]


@pytest.mark.parametrize("content", SPOILT)
def test_a_list_that_cannot_be_read_names_nobody(content: bytes) -> None:
    assert listed(content) == {}
