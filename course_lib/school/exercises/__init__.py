"""The exercises as they are written, once for all: everything else is made from them.

solutions    reads notebooks/solutions: tasks, answers, hints, and the wrong answers by name
outcomes     what may come of an attempt
stricter     since when a check asks for more
"""
