"""What may be the cause of an incident, in the words that a learner answers with."""

FORGOTTEN = "forgotten transaction"
INDEX = "missing index"
RUNAWAY = "runaway query"
SEQUENCE = "sequence behind"
CONNECTIONS = "connections used up"
STATISTICS = "stale statistics"

CAUSES = (FORGOTTEN, INDEX, RUNAWAY, SEQUENCE, CONNECTIONS, STATISTICS)
