"""The budget of a search: it ends with a refusal instead of keeping a process busy."""

from typing import ClassVar

from catalogue.limits import MAX_SEARCH_STEPS
from kernel.errors import DomainError
from kernel.spans import Span


class TooComplex(DomainError):
    """The question takes more work than one request may cause; fact `most_steps` is the budget."""

    code: ClassVar[str] = "too_complex"


class SearchBudget:
    """The steps that the search for one answer may take.

    They are counted, not timed: the same question on the same state is answered always or never. A step takes some
    twenty nanoseconds.
    """

    __slots__ = ("_most", "spent")

    def __init__(self, most: int = MAX_SEARCH_STEPS) -> None:
        self._most = most
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count steps before they are taken. Raises TooComplex when they are too many."""
        self.spent += steps
        if self.spent > self._most:
            raise TooComplex(
                "This takes too much work for one request. Ask for fewer days, name the resources, or let the service "
                "need fewer resources, pools and durations.",
                most_steps=self._most,
            )


def steps_of_operation(window: Span) -> int:
    """The steps of one operation on a bitmap of the window."""
    return 8 + window.minutes // 500
