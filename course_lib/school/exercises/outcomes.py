"""What may come of an attempt at an exercise, in the words that a learner, a copy and a class all use."""

NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"
