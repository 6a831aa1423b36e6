"""A learner's notebook, run within bounds: what it starts is watched, and ended as a whole.

marked       the processes that carry a mark in their environment, however far they have gone from their parent
guard        watches them: memory, processes, files
kernels      kernels forked from a process that has imported everything, where the system can
run_bounded  nbgrader's step that runs a notebook, with all this around it
"""
