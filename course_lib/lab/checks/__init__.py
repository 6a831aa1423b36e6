"""The checks of the exercises, one module per lesson, of the lesson's name; `lab.judging` is what they stand on.

A check runs the learner's function and looks at what it did: rows, statements, transactions, connections. It never
looks at the source, so that every right style passes.
"""
