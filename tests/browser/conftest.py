"""One browser and one JupyterLab for all of these tests: `course test browser` runs them, and `make test` does not."""

from collections.abc import Callable, Iterator

import pytest
from browsers import Browser, Notebook, Site, chromium, course_lab, open_notebook


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`course lab` on a learner's copy."""
    with course_lab(tmp_path_factory.mktemp("lab")) as site:
        yield site


@pytest.fixture
def opened(browser: Browser, lab: Site, request: pytest.FixtureRequest) -> Callable[..., Notebook]:
    """Opens a notebook: one of the copy by its name, or a new one with the cells that are given."""

    def opened(*cells: str, name: str = "") -> Notebook:
        if cells:
            name = f"{request.node.name.partition('[')[0]}.ipynb"
            lab.write(name, cells)
        notebook = open_notebook(browser, lab, name)
        request.addfinalizer(notebook.page.close)
        return notebook

    return opened
