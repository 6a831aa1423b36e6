"""What learners handed in, taken in.

platforms    whose notebook is it, by the name that a platform gave it
incoming     the files of a folder or a zip
collect      one notebook for each learner, into submitted/
"""
