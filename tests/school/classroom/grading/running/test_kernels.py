"""Kernels that are forked from one process know nothing of each other, and have everything imported."""

import subprocess
import sys

import pytest

TWO_KERNELS = """
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from course_lib.school.classroom.grading.running.kernels import fork_kernels
import sys

def said(source):
    cells = [new_code_cell(each) for each in source]
    NotebookClient(new_notebook(cells=cells), kernel_name="python3").execute()
    return cells[-1].outputs[0].text.strip()

if __name__ == "__main__":
    before = [*sys.path]
    fork_kernels(["course_lib.pagination"])
    known = "print('course_lib.pagination' in __import__('sys').modules, 'mine' in globals(), __name__)"
    print(said(["mine = 1", known]))
    print(said([known]))
    print(said(["import os; print(os.getsid(0) == os.getpid(), os.environ['JPY_PARENT_PID'] == str(os.getppid()))"]))
    print(said(["import os; os.write(1, b'loud'); os.system('echo loud'); print('quiet')"]))
    print(said(["import sys; print([each for each in sys.path if each] == %r)" % before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are started as ever")
def test_forked_kernels_are_as_good_as_new_ones_and_share_nothing(tmp_path: "pytest.TempPathFactory") -> None:
    script = f"{tmp_path}/two.py"
    with open(script, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(TWO_KERNELS)
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "True True __main__", "True False __main__", "True True", "quiet", "True",
    ]  # fmt: skip
