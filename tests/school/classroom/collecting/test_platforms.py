"""Each platform's form is read as its examples say, and each says where it is written."""

import re
from pathlib import PurePosixPath

import pytest

from course_lib.school.classroom.collecting.platforms import PLATFORMS, Example, Platform
from course_lib.school.classroom.collecting.whose import owner_of

EXAMPLES = [(platform, example) for platform in PLATFORMS for example in platform.examples]


@pytest.mark.parametrize(("platform", "example"), EXAMPLES, ids=[example[0] for _, example in EXAMPLES])
def test_an_example_says_whose_it_is(platform: Platform, example: Example) -> None:
    path, name, number = example
    owner = owner_of(PurePosixPath(path))
    found = (owner.name, owner.number, owner.platform) if owner else ("", "", "")
    assert found == (name, number, platform.name if platform.pattern else "")


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_a_platform_has_a_source_and_examples(platform: Platform) -> None:
    assert platform.source
    assert platform.examples
    assert not platform.pattern or re.compile(platform.pattern).groupindex.keys() >= {"name"}
