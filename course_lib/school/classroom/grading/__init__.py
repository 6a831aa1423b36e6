"""Points and pages by nbgrader.

mending            a step that puts back the cells that a notebook has lost
marking            steps that give no points without a pass, and make a page for its learner
nbgrader_settings  what nbgrader is told about this course
grade              runs what was handed in
"""
