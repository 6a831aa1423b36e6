"""Who passed what, and what was met.

teachers_page  the report as a page
report         the report and its tables
"""
