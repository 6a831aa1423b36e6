"""The lessons of the course, and what stands in them for learners and teachers.

course       the list of lessons: the map and the words
predictions  what is asked before the evidence, and folded until it is revealed
questions    the retrieval questions with which a lesson begins
settling     which cell settles a misconception, from the same pages
vote_cards   what a class is asked, from the teacher's pages
"""
