"""Processes that grade at the same time, each one learner after the other.

one_learner  nbgrader's steps for a learner, in a folder apart, put in place when whole
reasons      why somebody could not be graded, and what to do
worker       a process that does this for each name it hears
crew         several of them, as seen from the program that a teacher started
"""
