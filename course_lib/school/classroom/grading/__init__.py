"""Points and pages by nbgrader.

mending            a step that puts back the cells that a notebook has lost
marking            steps that give no points without a pass, and make a page for its learner
nbgrader_settings  what nbgrader is told about this course
pages              nbgrader's page, made for its learner
running            runs a notebook within bounds
workers            processes that grade at the same time
turns_shown        how far they are
unfinished         what was begun and not finished
grade              runs what was handed in
regrade            all of it again, and what has changed
"""
