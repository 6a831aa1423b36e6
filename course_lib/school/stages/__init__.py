"""What an answer meets in the hands of its judge: each stage has one home, and serves several lessons.

returned_lists  whether what came back is a list of what was asked for, in order, and no more of it
unchanged       what a change of the schema left as it was
bank_accounts   the money of the sample people
lines_in_order  an order in which lines can be reached
callers_work    a caller with work of its own in the session
savepoints      what was sent before a savepoint, and what inside
races           others who want the same rows at the same moment
cheap_hashes    passwords whose hashes cost nothing
web_requests    requests to a learner's routes, and what the replies say
written_tests   a test that a learner wrote, on what is right and on what is broken
shop_tables     orders, letters, sales and events of a shop, beside the course's tables
incidents       a shop on a server of its own, broken in one of several ways

What works on anybody's engine stands in the lab: interleave, stepping, faults, serving_in_this_loop.
"""
