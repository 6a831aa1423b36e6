"""`course test release`: what a release would publish is built from a source archive, installed anew, and used."""

import os
import tarfile
from pathlib import Path

import httpx
import nbformat
import pytest
from environments import environment, run
from processes import only_posix, started, wait_for

from course_lib.lab.postgres.os_account import cache
from course_lib.school.exercises.solutions import exercises
from course_lib.school.kit_files import ROOT
from course_lib.school.program.doctor import port_is_free
from course_lib.school.program.for_everybody import FIRST_LESSON

pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source archive, and with the wheel that was built from it alone."""
    place = tmp_path_factory.mktemp("built")
    programs = environment(place / "env", "build")
    run(programs / "python", "-m", "build", "--outdir", place, ROOT, folder=place)
    return place


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The programs of a new environment that has the wheel, with the versions of constraints.txt."""
    [wheel] = built.glob("*.whl")
    return environment(built / "learner", "--constraint", str(ROOT / "constraints.txt"), str(wheel))


@pytest.fixture(scope="module")
def copy(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learner") / "my course"
    assert "18 lessons and 17 exercise notebooks" in course(installed, "start", folder, folder=folder.parent)
    return folder


def course(programs: Path, *words: str | Path, folder: Path) -> str:
    return run(programs / "course", *words, folder=folder, COURSE_CACHE=str(cache()))


def test_the_source_archive_has_the_tests_and_the_licence_and_nothing_of_this_machine(built: Path) -> None:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    assert {"LICENSE", "README.md", "Makefile", "requirements.lock", "tests/test_wheel.py"} <= names
    assert not [name for name in names if name.startswith((".venv", "my_course", ".git/"))]


def test_the_program_is_of_the_version_that_was_built(built: Path, installed: Path) -> None:
    version = course(installed, "--version", folder=built).strip()
    assert [path.name for path in built.glob("*.whl")] == [f"course_lib-{version}-py3-none-any.whl"]


def test_doctor_finds_all_it_needs(installed: Path, copy: Path) -> None:
    told = course(installed, "doctor", folder=copy)
    assert told.count("✓") == len(told.splitlines()) == 9


def test_the_exercises_are_listed(installed: Path, copy: Path) -> None:
    assert f"{len(exercises())} exercises, 0 passed" in course(installed, "exercises", folder=copy)


def test_a_cell_checks_an_answer(installed: Path, copy: Path) -> None:
    """With the notebook as it was handed out, and the right answer of 07.1 in its place."""
    [exercise] = [each for each in exercises() if each.id == "07.1"]
    notebook = nbformat.read(copy / "exercises/ex07_eager_loading.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [code[0], nbformat.v4.new_code_cell(exercise.answer), code[2]]
    nbformat.write(notebook, copy / "exercises/answer.ipynb")
    words = ("nbconvert", "--to", "notebook", "--execute", "--stdout", "exercises/answer.ipynb")
    assert "✓ 07.1 passed" in run(installed / "jupyter", *words, folder=copy)


def test_a_class_gets_its_notebook(installed: Path, copy: Path) -> None:
    course(installed, "class", "init", "my_class", folder=copy.parent)
    assert "Give your learners" in course(installed, "class", "release", "my_class", "07", folder=copy.parent)


@only_posix
def test_the_first_lesson_opens(installed: Path, copy: Path) -> None:
    words = (str(installed / "course"), "lab", "--no-browser")
    with started(*words, folder=copy, PYTHONPATH="", COURSE_CACHE=str(cache())) as (_, address):
        assert FIRST_LESSON in address
        assert httpx.get(address, follow_redirects=True).status_code == 200


@only_posix
def test_the_application_serves_rows_of_the_folder_that_one_is_in(installed: Path, tmp_path: Path) -> None:
    port = next(filter(port_is_free, range(8200, 8300)))
    words = (str(installed / "course"), "serve", "--port", str(port))
    with started(*words, folder=tmp_path, PYTHONPATH="") as (_, address):
        site = wait_for(lambda: answer(f"{address}/posts"))
    assert site.json()["items"] == []
    assert (tmp_path / "course.db").is_file()


def answer(address: str) -> httpx.Response | None:
    try:
        return httpx.get(address)
    except httpx.TransportError:
        return None


def test_the_migrations_run(installed: Path, copy: Path) -> None:
    database = f"sqlite+aiosqlite:///{(copy / 'mine.db').as_posix()}"
    settings = Path(run(installed / "python", "-c", WHERE, folder=copy).strip()) / "pyproject.toml"
    run(installed / "alembic", "-c", settings, "upgrade", "head", folder=copy, COURSE_DATABASE=database)
    assert (copy / "mine.db").stat().st_size > 0


WHERE = "from course_lib.school.kit_files import ROOT; print(ROOT)"


def test_none_of_it_comes_from_the_repository(installed: Path, copy: Path) -> None:
    place = Path(run(installed / "python", "-c", WHERE, folder=copy).strip())
    assert place.is_relative_to(Path(os.path.realpath(installed.parent)))
