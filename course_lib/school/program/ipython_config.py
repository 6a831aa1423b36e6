"""What each kernel of this environment does at its start; installed as etc/ipython/ipython_config.py."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  IPython puts this name there

c.InteractiveShellApp.extensions.append("course_lib.school.former_module_names")
c.InteractiveShellApp.extensions.append("course_lib.school.program.missing_names")
