"""Which processes are alive: a name for each, which no later process with the same number has."""

import platform
from contextlib import suppress

import psutil


def identity(pid: int) -> str:
    """A name for a process which no later process with the same number has."""
    return f"{pid}_{_started(psutil.Process(pid))}"


def _started(process: psutil.Process) -> int:
    """A time in seconds that stays when the clock is set; on Linux setting the clock moves both of these."""
    return round(float(process.create_time()) - (psutil.boot_time() if platform.system() == "Linux" else 0))


def is_alive(identity: str) -> bool:
    pid, started = map(int, identity.split("_"))
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return abs(_started(process) - started) < 2 and lives(process)
    return False


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
