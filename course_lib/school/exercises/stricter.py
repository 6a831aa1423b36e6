"""Since when the check of an exercise asks for more: whoever passed it before has it to do once more."""

from datetime import datetime

STRICTER_SINCE: dict[str, datetime] = {}
"""By the exercise's id. A day counts from its first moment, in UTC."""
