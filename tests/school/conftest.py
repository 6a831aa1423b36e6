"""Thousands of checks in one process: what was there before the first one is not looked through for garbage again."""

import gc


def pytest_collection_finish() -> None:
    """A tenth of the work of a check went into looking at modules and tests that stay to the end."""
    gc.collect()
    gc.freeze()
