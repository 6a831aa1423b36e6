"""Kernels forked from a process that has imported everything: each begins in a moment, and knows nothing of the others.

Only on Linux: a fork of a Mac's frameworks may hang, and Windows has none. There kernels are started as ever.
"""

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

LAUNCHER = "ipykernel_launcher"
IMPORTED = (
    "aiosqlite", "asyncpg", "ipykernel.debugger", "ipykernel.ipkernel", "ipykernel.kernelapp",
    "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite.aiosqlite", "course_lib.school.checking",
    "tornado.platform.asyncio", __name__,
)  # fmt: skip


def fork_kernels(modules: Iterable[str]) -> None:
    """From now on this process forks its kernels, with these modules imported; where the system cannot, nothing."""
    if sys.platform != "linux":
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload([*IMPORTED, *modules])
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the debugger's module warns of frozen modules
    forkserver.ensure_running()
    Forked.path = [*sys.path]
    factory = KernelProvisionerFactory.instance()
    where = f"{__name__}:{Forked.__name__}"
    factory.provisioners["forked"] = EntryPoint("forked", where, factory.GROUP_NAME)
    factory.default_provisioner_name = "forked"


class Forked(LocalProvisioner):
    """Where a kernel comes from and how it ends, for Jupyter."""

    path: list[str] = []

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        if LAUNCHER not in cmd:  # a kernel of another kind
            return await super().launch_kernel(cmd, **kwargs)
        words = cmd[cmd.index(LAUNCHER) + 1 :]
        process = ForkedProcess(words, kwargs["env"], kwargs.get("cwd") or os.curdir)
        self.process = process  # type: ignore[assignment]  # it has what is used of a Popen
        self.pid = self.pgid = process.pid
        return self.connection_info


class ForkedProcess:
    """A forked kernel with those words of `subprocess.Popen` that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, words: list[str], environment: Mapping[str, str], folder: str) -> None:
        context = multiprocessing.get_context("forkserver")
        place = (words, dict(environment), folder, Forked.path)
        self._process = context.Process(target=become_kernel, args=place)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def become_kernel(words: list[str], environment: dict[str, str], folder: str, path: list[str]) -> None:
    """Be what `python -m ipykernel_launcher` would be. This runs in the new process."""
    gc.freeze()  # what was imported stays: nobody has to look through it again
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))  # the kernel ends when this one is gone
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    sys.path[:] = path
    sys.argv[:] = [LAUNCHER, *words]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(words)
