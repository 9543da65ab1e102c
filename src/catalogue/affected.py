"""Appointments that a change of the catalogue affects: they stay, but no longer fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from kernel.errors import DomainError
from kernel.spans import to_rfc3339

MAX_AFFECTED_LISTED: Final = 100
"""As many as one goes through by hand; the total tells of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedAppointment:
    """A live appointment for which a resource no longer works, or that needs something archived."""

    id: str
    start: datetime
    end: datetime
    service: str
    """Key."""
    resources: tuple[str, ...]
    """Keys."""

    def facts(self) -> dict[str, object]:
        """The appointment as answers tell it."""
        return {
            "id": self.id,
            "start": to_rfc3339(self.start),
            "end": to_rfc3339(self.end),
            "service": self.service,
            "resources": list(self.resources),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedAppointments:
    """All of a change: the first by their starts, and how many there are."""

    listed: Sequence[AffectedAppointment] = ()
    """MAX_AFFECTED_LISTED at most."""
    total: int = 0

    def facts(self) -> Mapping[str, object]:
        """The members of an answer."""
        return {"affected": [one.facts() for one in self.listed], "affected_total": self.total}

    def check(self, *, refuse: bool) -> None:
        """Raise AppointmentsAffected if there are any, and the caller wants to be refused then."""
        if refuse and self.total:
            number = "1 appointment" if self.total == 1 else f"{self.total} appointments"
            detail = f"{number} would no longer fit. Move or cancel what is listed, or leave out refuse_if_affected."
            raise AppointmentsAffected(detail, **self.facts())


NOT_AFFECTED: Final = AffectedAppointments()


class AppointmentsAffected(DomainError):
    """The change would leave live appointments that no longer fit, and the caller asked to be refused then."""

    code: ClassVar[str] = "appointments_affected"
