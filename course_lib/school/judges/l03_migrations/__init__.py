"""Lesson 03: what a migration leaves of the rows, of the table around them, and of the program that is running.

await try_migration(engine, rename_content)        # runs rename_content(op) as our env.py would
"""

from course_lib.school.judges.l03_migrations import (
    e1_a_better_name,
    e2_an_engine_for_env_py,
    e3_a_name_for_everybody,
    e4_three_hundred_letters,
    e5_while_they_sign_up,
)

__all__ = [
    "e1_a_better_name",
    "e2_an_engine_for_env_py",
    "e3_a_name_for_everybody",
    "e4_three_hundred_letters",
    "e5_while_they_sign_up",
]
