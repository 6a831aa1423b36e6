"""The kit knows where its own files lie."""

from pathlib import Path

from course_lib.school import kit_files as kit


def test_every_place_is_there() -> None:
    places = {name: place for name, place in vars(kit).items() if isinstance(place, Path)}
    assert kit.IS_REPOSITORY
    assert {name for name, place in places.items() if not place.exists()} == set()
    assert kit.COURSE.parent == kit.NOTEBOOKS
