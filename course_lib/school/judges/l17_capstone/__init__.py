"""The capstone: a small theatre's seats, in nine milestones. What is right in each is in known_good."""
