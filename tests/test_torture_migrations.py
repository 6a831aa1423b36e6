"""`make torture` of migrations in small: an upgrade killed at a few of its moments, on both databases."""

import sys
from random import Random

import pytest

if sys.platform == "win32":
    pytest.skip("programs are forked here", allow_module_level=True)

from torture.migrations import killed_on
from torture.parts import Bounds

from course_lib.lab import postgres

SHORT = (("0002", "upgrade", "head"),)


async def test_an_upgrade_killed_at_any_statement_arrives_the_next_time(server: postgres.Server) -> None:
    figures = await killed_on(SHORT, Bounds(4), Random(1))

    assert int(figures["killed, on sqlite"]) + int(figures["killed, on postgres"]) == 4
