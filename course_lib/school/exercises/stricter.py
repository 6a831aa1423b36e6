"""Since when the check of an exercise asks for more: whoever passed it before has it to do once more."""

from datetime import UTC, datetime

LOOKS_AT_EVERY_DEMAND = datetime(2026, 11, 28, tzinfo=UTC)

STRICTER_SINCE = dict.fromkeys(
    (
        *("01.1", "01.2", "01.3", "02.2", "02.3", "02.4", "03.1", "03.3", "03.4", "04.1", "04.2", "04.4"),
        *("05.2", "05.4", "05.5", "06.2", "06.3", "06.4", "06.5", "07.1", "07.2", "07.3", "08.1", "08.3"),
        *("09.1", "09.3", "09.4", "09.5", "10.1", "10.3"),
    ),
    LOOKS_AT_EVERY_DEMAND,
)
"""By the exercise's id. A day counts from its first moment, in UTC."""
