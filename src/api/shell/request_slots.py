"""The number of requests that a process works on at once."""


class RequestSlots:
    """One for each request that the process works on, up to a limit."""

    __slots__ = ("_limit", "_used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    @property
    def is_full(self) -> bool:
        """True if the process has enough to do."""
        return self._used >= self._limit

    def enter(self) -> None:
        """Count a request, until `leave`."""
        self._used += 1

    def leave(self) -> None:
        """Count it no more."""
        self._used -= 1
