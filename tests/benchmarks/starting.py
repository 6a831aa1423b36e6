"""What a learner waits for before anything happens: imports, JupyterLab, the first cell. Each way is a new process."""

import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from jupyter_client.manager import AsyncKernelManager

from benchmarks.cases import Place, Way, Ways, case
from course_lib.lab.serving import free_port
from course_lib.school.exercises.solutions import source_of
from course_lib.school.kit_files import NOTEBOOKS, ROOT
from course_lib.school.learner.copies import start

ENDED_BY = 120.0
"""Seconds after which a program that has not answered counts as broken."""


def environment(**more: str) -> dict[str, str]:
    """For programs that start in other folders: where the kit is, and this environment's kernel before all others.

    They keep the modules that Python compiled, as every learner's do.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1", **more}


def needs_of(module: str) -> str:
    """The import statements of a module and of all of ours below it, without those of ours: what it needs.

    And what a library imports later, for the first address in a schema and for the first model of pydantic's.
    """
    lines: dict[str, None] = {}
    todo, seen = [module], set[Path]()
    while todo:
        path = ROOT / f"{todo.pop().replace('.', '/')}.py"
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for statement in ast.parse(path.read_text("utf-8")).body:
            if isinstance(statement, ast.ImportFrom) and str(statement.module).startswith("course_lib"):
                inner = [f"{statement.module}.{each.name}" for each in statement.names]
                todo += [str(statement.module), *inner]
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                lines[ast.unparse(statement)] = None
    later = ("import email_validator, pydantic", "type('First', (pydantic.BaseModel,), {})")
    return "\n".join([*lines, *later])


@case("start", "import course_lib.services", databases=("none",))
async def imports(place: Place) -> AsyncIterator[Ways]:
    def python(code: str) -> Way:
        return Way(
            lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment())
        )

    ways = {"course_lib": "import course_lib.services", "its needs": needs_of("course_lib.services")}
    ways |= {"Python alone": "pass"}
    yield Ways({name: python(code) for name, code in ways.items()}, base="its needs", facts=_own_times())


def _own_times() -> dict[str, object]:
    """Of an import, as Python itself tells it: milliseconds in each module of ours, without what that imports."""
    words = [sys.executable, "-X", "importtime", "-c", "import course_lib.services"]
    told = subprocess.run(words, check=True, cwd=ROOT, env=environment(), capture_output=True, text=True)
    lines = [line.removeprefix("import time:").split("|") for line in told.stderr.splitlines()[1:]]
    own = {name.strip(): int(microseconds) / 1_000 for microseconds, _, name in lines}
    ours = {name: each for name, each in own.items() if name.startswith("course_lib")}
    longest = dict(sorted(ours.items(), key=lambda each: -each[1])[:5])
    return {"ours, of all": round(sum(ours.values()) / sum(own.values()), 3), "milliseconds": longest}


@case("start", "JupyterLab's first answer", databases=("none",))
async def jupyterlab(place: Place) -> AsyncIterator[Ways]:
    """`course lab` on a copy that is there already, beside JupyterLab as it comes, in the same environment."""
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder) / "copy")
        course = [sys.executable, "-m", "course_lib.school.program.cli"]
        alone = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--IdentityProvider.token=",
            "--ServerApp.port_retries=0",
        ]  # fmt: skip
        yield Ways(
            {
                "course_lib": Way(
                    lambda: _first_answer([*course, "lab", "--dir", "copy", "--no-browser"], folder)
                ),
                "JupyterLab alone": Way(lambda: _first_answer(alone, folder)),
            },
            base="JupyterLab alone",
            rounds=3,
        )


def _first_answer(words: list[str], folder: str) -> None:
    """Until the server says which version of its API it has; then it is ended, and its CPU time is known."""
    with free_port() as listener:
        port = listener.getsockname()[1]
    own = {"JUPYTER_RUNTIME_DIR": str(Path(folder) / "runtime")}
    process = subprocess.Popen(
        [*words, *(["--port", str(port)] if "lab" in words else [f"--ServerApp.port={port}"])],
        cwd=folder, env=environment(**own), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/api", process)
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + ENDED_BY
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.01)
    raise RuntimeError(f"no answer at {address}")


@case("start", "a first cell", databases=("none",))
async def first_cell(place: Place) -> AsyncIterator[Ways]:
    """From a new kernel to the answer of its first cell: lesson 01's set-up, what that has to import, and a sum."""
    notebook = json.loads((NOTEBOOKS / "01_engine_and_sessions.ipynb").read_text("utf-8"))
    setup = next(source_of(cell) for cell in notebook["cells"] if cell["cell_type"] == "code")
    drivers = "import sqlalchemy.ext.asyncio, sqlalchemy.orm, aiosqlite, pydantic, itsdangerous"
    cells = {"course_lib": setup, "its libraries": drivers, "1 + 1": "1 + 1"}
    yield Ways({name: _cell(code) for name, code in cells.items()}, base="1 + 1", rounds=5)


def _cell(code: str) -> Way:
    async def run() -> None:
        kernel = AsyncKernelManager(kernel_name="python3")
        await kernel.start_kernel(cwd=ROOT, env=environment())
        client = kernel.client()
        try:
            client.start_channels()
            await client.wait_for_ready(timeout=ENDED_BY)
            reply = await client.execute_interactive(code, timeout=ENDED_BY, output_hook=lambda message: None)
            assert reply["content"]["status"] == "ok", reply["content"]
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)

    return Way(run)
