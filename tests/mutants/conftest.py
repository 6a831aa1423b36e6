"""The score of each exercise, below the results."""

from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    done = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])]
    for line in sorted(
        str(line) for report in done for name, line in report.user_properties if name == "score"
    ):
        terminalreporter.write_line(line)
    yield
