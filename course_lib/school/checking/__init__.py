"""The three words of an exercise notebook: `check` an answer, ask for a `hint`, and `grade`, which teachers run.

await check("07.2", load_posts)        # not attempted, not yet (and why), or passed
hint("07.2")                           # the next hint, and in the end the solution

assessing     puts an answer to its judge, on each database that the judge names
swallowed     whether an answer hides an error that it knows nothing of
other_answer  the good answer that a learner did not write
memory        what was tried and hinted
checks        check and grade: what they show
hints         hint: the next one
"""

from course_lib.school.checking.checks import check, grade
from course_lib.school.checking.hints import hint

__all__ = ["check", "grade", "hint"]
