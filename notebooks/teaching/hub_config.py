"""JupyterHub for this kit on one machine, where each learner is a user of the machine; hub.md says how to start it."""

import sys
from pathlib import Path

from course_lib.school.program.for_everybody import NOT_NEEDED, TERMINAL

c = get_config()  # noqa: F821  JupyterHub puts this name there

# A web server in front of it brings HTTPS.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.PAMAuthenticator.allowed_groups = {"learners"}

# Each server makes its learner's copy, where there is none yet, and opens with it.
c.Spawner.cmd = ["sh", "-c", 'course start; exec jupyterhub-singleuser "$@"', "--"]
c.Spawner.default_url = "/lab/tree/my_course/00_start_here.ipynb"

# Cells and terminals find `course` and this Python, whatever learners have in their homes.
PROGRAMS = Path(sys.prefix, "bin")
SHELL = ["bash", "--rcfile", str(TERMINAL)]
c.Spawner.environment = {
    "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
    "COURSE_PROGRAMS": str(PROGRAMS),
    "JUPYTER_PREFER_ENV_PATH": "1",
    # Lesson 08 pages through a million rows otherwise, with the same outputs.
    "COURSE_ROWS": "100000",
}
c.Spawner.args = [
    f"--ServerApp.terminado_settings={{'shell_command': {SHELL}}}",
    *(f"--ServerApp.jpserver_extensions={name}=False" for name in NOT_NEEDED),
    "--LabApp.extension_manager=readonly",
    # What nobody has looked at for an hour ends: kernels, then the server.
    # PostgreSQL ends with its last kernel.
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--TerminalManager.cull_inactive_timeout=3600",
    "--ServerApp.shutdown_no_activity_timeout=3600",
]
