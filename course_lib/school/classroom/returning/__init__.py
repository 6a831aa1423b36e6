"""What learners get back, and who still waits for it.

status           who has handed in what, what is graded, and what is returned
hand_back        the pages of a lesson, packed as a platform takes them
gradebook_files  the points in the files that Moodle and Canvas import
"""
