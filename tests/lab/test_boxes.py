"""What is needed stands above what needs it, and no line runs through a box."""

import re
from itertools import pairwise
from xml.etree import ElementTree

from course_lib.lab.boxes import Link, drawn
from course_lib.school.lessons.course import course_map

Box = tuple[float, float, float, float]


def places(svg: str) -> dict[str, Box]:
    """Left, top, right and bottom of each box."""
    found = {}
    for group in ElementTree.fromstring(svg).findall("{*}g"):
        x, y = map(float, re.findall(r"-?\d+", group.get("transform", "")))
        [frame] = group.findall("{*}rect")
        size = float(frame.get("width", 0)), float(frame.get("height", 0))
        found[group.findtext("{*}text") or ""] = (x, y, x + size[0], y + size[1])
    return found


def lines(svg: str) -> list[list[tuple[float, float]]]:
    """The corners of each line."""
    found = []
    for path in re.findall(r'<path class="quiet" d="([^"]+)"', svg):
        x = y = 0.0
        corners = []
        for kind, numbers in re.findall(r"([MLV])([-\d ]+)", path):
            *across, y = map(float, numbers.split())
            x = across[0] if kind != "V" else x
            corners.append((x, y))
        found.append(corners)
    return found


def runs_through(corners: list[tuple[float, float]], box: Box) -> bool:
    """Whether some point of the line is inside of the box."""
    left, top, right, bottom = box
    points = [
        (x + (to_x - x) * part / 50, y + (to_y - y) * part / 50)
        for (x, y), (to_x, to_y) in pairwise(corners)
        for part in range(51)
    ]
    return any(left + 1 < x < right - 1 and top + 1 < y < bottom - 1 for x, y in points)


def test_what_is_needed_stands_above_what_needs_it() -> None:
    links = [Link("a", "b"), Link("b", "c"), Link("a", "c")]
    box = places(drawn({"c": [], "b": [], "a": []}, links, title="t", alt="t").svg)
    assert box["a"][3] < box["b"][1] < box["b"][3] < box["c"][1]


def test_no_line_runs_through_a_box() -> None:
    svg = course_map().svg
    assert len(lines(svg)) == 23
    assert [
        name for name, box in places(svg).items() if any(runs_through(each, box) for each in lines(svg))
    ] == []


def test_no_two_boxes_overlap() -> None:
    boxes = list(places(course_map().svg).values())
    for one in boxes:
        others = [box for box in boxes if box is not one]
        assert all(one[2] < box[0] or box[2] < one[0] or one[3] < box[1] or box[3] < one[1] for box in others)


def test_each_of_two_equal_links_has_its_own_line() -> None:
    svg = drawn({"a": [], "b": []}, [Link("a", "b"), Link("a", "b")], title="t", alt="t").svg
    first, second = lines(svg)
    assert first != second


def test_a_circle_is_drawn_with_the_first_box_above() -> None:
    links = [Link("a", "b", "1", "n"), Link("b", "a", "0..1", "many")]
    svg = drawn({"a": [], "b": []}, links, title="t", alt="t").svg
    assert places(svg)["a"][3] < places(svg)["b"][1]
    assert re.findall(r"<text[^>]*halo[^>]*>([^<]+)", svg) == ["1", "n", "many", "0..1"]


def test_words_with_signs_of_html_stay_words() -> None:
    svg = drawn({"<b>": ["a & b"]}, [], title="t", alt="t").svg
    assert [each.text for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")] == [
        "<b>",
        "a & b",
    ]


def test_an_arrow_has_a_head_and_a_line_with_words_has_none() -> None:
    boxes: dict[str, list[str]] = {"a": [], "b": []}
    assert drawn(boxes, [Link("a", "b")], title="t", alt="t").svg.count('<path class="ink"') == 1
    assert drawn(boxes, [Link("a", "b", "1", "n")], title="t", alt="t").svg.count('<path class="ink"') == 0
