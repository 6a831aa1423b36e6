"""The lessons of the course, and what stands in them for learners and teachers.

course       the list of lessons: the map and the words
questions    the retrieval questions with which a lesson begins
vote_cards   what a class is asked, from the teacher's pages
"""
