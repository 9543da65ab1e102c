"""Fates of the appointments that one statement inserted together."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from bookings.lanes import LaneSpan
from bookings.new_appointments import InsertResult, NewAppointment
from kernel.ids import AppointmentId


class Fate(Enum):
    """Result of a new appointment within its group."""

    WHOLE = auto()
    """It got all its rows."""
    ABSENT = auto()
    """It has no row: its hold became an appointment before, or its customer was added at the same time."""
    TAKEN = auto()
    """A claim from before has some of its lanes, or their minutes for another session."""
    BEATEN = auto()
    """A whole appointment of the group has some of its lanes or minutes: it is lost if that one is committed."""
    UNCLEAR = auto()
    """Only appointments that are lost themselves may have been in its way."""


def fates_of(group: Sequence[NewAppointment], inserted: Mapping[AppointmentId, InsertResult]) -> list[Fate]:
    """Decide the fate of each appointment of the group by the rows that the statement inserted."""
    present = [new for new in group if new.id in inserted]
    whole = [new for new in present if inserted[new.id].claims == len(new.lanes)]
    short = [new for new in present if inserted[new.id].claims < len(new.lanes)]
    fates = dict.fromkeys((new.id for new in group), Fate.ABSENT) | dict.fromkeys((new.id for new in whole), Fate.WHOLE)
    fates |= {new.id: _fate_of_short(new, whole, short) for new in short}
    return [fates[new.id] for new in group]


def _fate_of_short(new: NewAppointment, whole: Sequence[NewAppointment], short: Sequence[NewAppointment]) -> Fate:
    if any(_exclude(new.lanes, rival.lanes) for rival in whole):
        return Fate.BEATEN
    if any(_exclude(new.lanes, rival.lanes) for rival in short if rival.id != new.id):
        return Fate.UNCLEAR
    return Fate.TAKEN


def _exclude(lanes: Sequence[LaneSpan], others: Sequence[LaneSpan]) -> bool:
    return any(lane.excludes(other) for lane in lanes for other in others)
