"""What the checks of the exercises stand on: an attempt, its guard, and stages for what a learner's code must meet.

attempts     a learner's function, a fresh database, and a diagnosis by name
sandbox      whatever the function does, the notebook goes on
assessing    an answer and its judge: not attempted, not yet, or passed
listings     whether what came back is a list of what was asked for, in order, and no more of it
kept         what a change of the schema left as it was
new_tables   tables that a learner defines: made, and tried with good rows and bad ones
stepping     a function without steps, stepped from statement to statement
races        others who want the same rows at the same moment
exchanges    two who exchange the balances of accounts, there and back
savepoints   what was sent before a savepoint, and what inside
remembered   sessions that know whether they were closed
desk         questions that are asked all at once
wall_clock   a time without a zone, and who took it for the computer's own
served       a web application behind a real server, in the check's own event loop
asking       requests to it, and what the replies say
"""
