"""A picture is drawn with its caption and its numbers in words, or not at all."""

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.lab import plots
from course_lib.lab.plots import (
    Picture,
    cost_by_depth,
    picture,
    pool_timeline,
    statements_per_loader,
    throughput_by_tasks,
)

Draw = Callable[..., Picture]

DRAWINGS: list[tuple[Draw, object, str]] = [
    (statements_per_loader, {"lazy": 21, "selectinload": 2}, "Seen. lazy: 21; selectinload: 2."),
    (
        partial(cost_by_depth, unit="rows read"),
        {"by number": {1: 20, 1000: 20_000}, "by key": {1: 20, 1000: 20}},
        "Seen. by number: 20 at 1, 20,000 at 1,000; by key: 20 at 1, 20 at 1,000.",
    ),
    (
        partial(throughput_by_tasks, unit="transfers per second"),
        {"pool of 5": {1: 100.5, 20: 0.125}},
        "Seen. pool of 5: 100 at 1, 0.125 at 20.",
    ),
    (pool_timeline, {"task 1": (0.0, 0.25, 1.0)}, "Seen. task 1: waits 0.25 s, holds 0.75 s."),
]
each_drawing = pytest.mark.parametrize(
    ("draw", "numbers", "alt"), DRAWINGS, ids=lambda value: str(value)[:25]
)


@each_drawing
def test_the_alt_text_carries_the_numbers(draw: Draw, numbers: object, alt: str) -> None:
    assert draw(numbers, caption="The answer", alt="Seen").alt == alt


@each_drawing
def test_a_page_shows_a_png_with_alt_text_and_caption(draw: Draw, numbers: object, alt: str) -> None:
    drawn = draw(numbers, caption="The answer", alt="Seen")
    page = drawn._repr_html_()
    image = r'<img style="[^"]+;background:white;[^"]+" alt="(.+)" src="data:image/png;base64,(.+)">'
    shape = f'<figure style="margin:0">{image}<figcaption>The answer</figcaption></figure>'
    found = re.fullmatch(shape, page)
    assert found
    assert found[1] == alt
    assert base64.b64decode(found[2]) == drawn._repr_png_()
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert repr(drawn) == f"The answer\n{alt}"


@each_drawing
def test_without_alt_text_nothing_is_drawn(draw: Draw, numbers: object, alt: str) -> None:
    with pytest.raises(ValueError, match="needs alt text"):
        draw(numbers, caption="The answer", alt=" ")


@each_drawing
def test_without_a_caption_nothing_is_drawn(draw: Draw, numbers: object, alt: str) -> None:
    with pytest.raises(ValueError, match="needs a caption"):
        draw(numbers, caption="", alt="Seen")


@each_drawing
def test_without_numbers_nothing_is_drawn(draw: Draw, numbers: object, alt: str) -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw({}, caption="The answer", alt="Seen")


def test_a_line_without_points_is_named() -> None:
    with pytest.raises(ValueError, match="nothing to draw for by key"):
        cost_by_depth({"by number": {1: 2}, "by key": {}}, unit="rows", caption="c", alt="Seen")


def test_alt_text_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="'A line that rises' tells no number"):
        picture(lambda axes: axes.plot([1, 2]), caption="It rises", alt="A line that rises")


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of each picture, looked at when it is finished."""
    seen: list[Axes] = []
    save = Figure.savefig

    def look(figure: Figure, *arguments: object, **options: object) -> None:
        seen.extend(figure.axes)
        save(figure, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", look)
    return seen


@each_drawing
def test_every_axis_that_counts_has_its_unit(draw: Draw, numbers: object, alt: str, axes: list[Axes]) -> None:
    draw(numbers, caption="The answer", alt="Seen")
    assert axes[0].get_xlabel()
    assert axes[0].get_ylabel() or axes[0].get_yticklabels()[0].get_text() in str(numbers)


def test_bars_and_lines_start_at_zero(axes: list[Axes]) -> None:
    statements_per_loader({"one": 500, "two": 510}, caption="c", alt="Seen")
    throughput_by_tasks({"line": {1: 500, 2: 510}}, unit="per second", caption="c", alt="Seen")
    pool_timeline({"task 1": (3.0, 4.0, 5.0)}, caption="c", alt="Seen")
    assert (axes[0].get_xlim()[0], axes[1].get_ylim()[0], axes[2].get_xlim()[0]) == (0, 0, 0)


def test_no_line_is_told_by_its_colour_alone(axes: list[Axes]) -> None:
    lines = {name: {1: 2, 10: 20} for name in ("first", "second", "third")}
    cost_by_depth(lines, unit="rows", caption="c", alt="Seen", log=True)
    assert len({line.get_marker() for line in axes[0].lines}) == 3
    assert len({line.get_linestyle() for line in axes[0].lines}) == 3
    assert [text.get_text() for text in axes[0].texts] == ["first", "second", "third"]
    assert (axes[0].get_xscale(), axes[0].get_yscale()) == ("log", "log")


def test_nothing_sent_is_a_bar_of_zero(axes: list[Axes]) -> None:
    assert statements_per_loader({"cached": 0}, caption="c", alt="Seen").alt == "Seen. cached: 0."


def test_many_points_are_told_by_their_ends_and_extremes() -> None:
    points = {x: 100 - (x - 6) ** 2 for x in range(1, 13)}
    assert (
        "line: 75 at 1, 100 at 6, 64 at 12."
        in throughput_by_tasks({"line": points}, unit="per second", caption="c", alt="Seen").alt
    )


def test_words_with_signs_of_html_stay_words() -> None:
    drawn = statements_per_loader({'"<b>': 1}, caption="1 < 2", alt="Seen")
    assert "<b>" not in drawn._repr_html_()
    assert "1 &lt; 2" in drawn._repr_html_()


def test_matplotlib_is_imported_only_to_draw() -> None:
    program = "import sys, course_lib.lab.plots; print('matplotlib' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"


def test_the_names_of_lines_that_end_together_do_not_overlap() -> None:
    axes = Figure(figsize=(7, 3.2)).subplots()
    lines = {"one": {1: 1.0, 2: 100.0}, "two": {1: 5.0, 2: 99.0}, "three": {1: 1.0, 2: 98.0}}
    for points in lines.values():
        axes.plot(list(points), list(points.values()))
    plots._label_ends(axes, lines)
    low, middle, high = sorted((each.get_window_extent() for each in axes.texts), key=lambda box: box.y0)
    assert low.y1 <= middle.y0
    assert middle.y1 <= high.y0
