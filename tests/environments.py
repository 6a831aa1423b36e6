"""New virtual environments for programs that are no part of the kit's own; they need the network."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = "Scripts" if os.name == "nt" else "bin"


def environment(folder: Path, *packages: str) -> Path:
    """Make one and install packages with pip; gives the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / PROGRAMS
    words = [
        str(programs / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *packages,
    ]
    subprocess.run(words, check=True)
    return programs


def run(*words: str | Path, folder: Path, **variables: str) -> str:
    """What a program prints, on both of its streams; an AssertionError with all of it if it fails.

    PYTHONPATH would bring in the repository, and with it everything that the place under test may lack.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    done = subprocess.run(
        words, cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
