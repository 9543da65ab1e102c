"""How visitors behave, in numbers: assumptions, none of them measured; here is the place to put your own."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsing:
    """Somebody who looks at a calendar."""

    asks_for_the_next: float = 0.15
    """Share of those who want "as soon as possible" and no calendar."""
    looks_at_another_day: float = 0.5
    """After each day, of those who have seen fewer than `most_days`."""
    most_days: int = 4
    mean_days_ahead: float = 6.0
    """Exponential: near days are wanted most."""
    reading_seconds: float = 12.0
    """Mean time over a page."""
    first_starts: int = 4
    picks_a_first_start: float = 0.4
    """Share of those who take one of the first free starts of a day; the others take any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckingOut:
    """Somebody who has placed a hold. The four endings share 1."""

    confirms: float = 0.58
    leaves: float = 0.22
    """Closes the page without a word: the hold has to expire."""
    releases: float = 0.10
    """Presses "back"."""
    returns_late: float = 0.10
    """Leaves the form open, and confirms when the hold has expired."""
    insists: float = 0.5
    """Share of those who are late that ask for the time if it is still free (`if_free`)."""
    changes_their_mind: float = 0.15
    """Share of all who take another start before they fill in the form (`replaces`)."""
    extends: float = 0.2
    """Share of all whose form takes longer: the page extends the hold."""
    confirms_twice: float = 0.05
    """Share of confirmations that are sent a second time: a double click, a page reloaded."""
    form_seconds: float = 60.0
    """Mean time to fill in the form."""
    ttl_seconds: float = 300.0
    """How long the page asks holds to live."""
    late_seconds: float = 30.0
    """Mean time after the end of the hold at which the late ones confirm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rushing:
    """Somebody at a flash sale."""

    every_seconds: float = 10.0
    """Between two sales, by the wall clock, so that all processes of a run begin at once. The pace has no say in it."""
    starts: int = 5
    """How many of the first free starts of the day are wanted at all."""
    tries: int = 3
    """Refusals after which somebody gives up."""
    leaves: float = 0.1
    """Share of those who got a hold and do not use it."""
    form_seconds: float = 20.0
    hesitation_seconds: float = 0.25
    """The longest; by nothing more than this do they miss the same moment. The pace has no say in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """Somebody who books at once, and thinks again. What is left of 1 keeps the appointment."""

    reschedules: float = 0.4
    cancels: float = 0.3
    holds_the_new_time: float = 0.5
    """Share of those who reschedule that hold the new time first."""
    settling_seconds: float = 90.0
    """Mean time before the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managing:
    """The back office."""

    pause_seconds: float = 60.0
    """Mean time between two changes."""
    keeps_seconds: float = 120.0
    """Mean time after which a change is taken back."""
    changes_hours: float = 0.4
    """Share of changes that close a day early; the others are time off."""
    time_off_hours: int = 2


BROWSING: Final = Browsing()
CHECKING_OUT: Final = CheckingOut()
RUSHING: Final = Rushing()
CHANGING: Final = Changing()
MANAGING: Final = Managing()
