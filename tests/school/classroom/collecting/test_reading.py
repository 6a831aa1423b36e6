"""A spoilt notebook is mended where nothing is lost, and refused with a reason where something would be."""

import json
import re

import nbformat
import pytest
from spoilt_notebooks import GOOD, MENDED, TAKEN_AS_IT_IS, TOLD, changed

from course_lib.school.classroom.cells import source_of
from course_lib.school.classroom.collecting.decoding import Unreadable
from course_lib.school.classroom.collecting.reading import read


def sources(content: bytes) -> list[str]:
    return [source_of(cell) for cell in json.loads(content)["cells"]]


@pytest.mark.parametrize("kind", MENDED)
def test_what_can_be_mended_is_valid_and_says_what_was_put_right(kind: str) -> None:
    mended = read(MENDED[kind])
    nbformat.validate(nbformat.reads(mended.content.decode(), as_version=4))
    assert mended.mended
    assert sources(mended.content)[: len(sources(GOOD))] == sources(GOOD)


@pytest.mark.parametrize("kind", MENDED)
def test_mending_twice_gives_the_same_bytes(kind: str) -> None:
    mended = read(MENDED[kind]).content
    assert (read(MENDED[kind]).content, read(mended).content) == (mended, mended)
    assert read(mended).mended == []


@pytest.mark.parametrize("content", [GOOD, *TAKEN_AS_IT_IS.values()], ids=["good", *TAKEN_AS_IT_IS])
def test_what_nbgrader_can_read_stays_as_it_is(content: bytes) -> None:
    assert (read(content).content, read(content).mended) == (content, [])


@pytest.mark.parametrize("kind", TOLD)
def test_what_cannot_be_mended_is_refused_with_the_reason(kind: str) -> None:
    content, word = TOLD[kind]
    with pytest.raises(Unreadable, match=re.escape(word)):
        read(content)


def test_a_widget_keeps_its_state() -> None:
    mended = json.loads(read(MENDED["widgets without state"]).content)
    (widgets,) = mended["metadata"]["widgets"].values()
    assert widgets["state"] == {"a1": {"model_name": "HTMLModel", "state": {}}}


def test_an_attachment_of_the_learners_stays() -> None:
    picture = {"a.png": {"image/png": "aGk="}}
    own = {"cell_type": "markdown", "id": "own", "metadata": {}, "source": "![](attachment:a.png)"}
    content = changed(lambda written: written["cells"].append(own | {"attachments": picture}))
    assert read(content).cells[-1]["attachments"] == picture
