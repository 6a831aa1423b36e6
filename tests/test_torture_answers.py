"""`make torture` of answers in small: misdeeds in one kernel's own check, each with a right answer behind it."""

from pathlib import Path

from torture.answers import in_notebooks


async def test_behind_a_misdeed_the_next_check_is_right(tmp_path: Path) -> None:
    figures = await in_notebooks(["another folder", "sys.exit", "the database deleted"], tmp_path)

    assert figures == {"verdicts that name it": 3, "right answers passed behind": 3}
