"""What the graded notebooks say.

graded_outcomes  passed, not yet and why: what the checks wrote into their outputs
points           what nbgrader counted
history          what each grading said, one under the other
unusual          what a teacher should look at before trusting the points
"""
