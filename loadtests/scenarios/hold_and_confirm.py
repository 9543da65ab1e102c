"""Hold and confirm: visitors who hold a start and confirm it, or do one of the other things that visitors do."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from locust import task

from loadtests.visitors.assumptions import CHECKING_OUT
from loadtests.visitors.checkout import Customer
from loadtests.visitors.decisions import Checkout, Ending, plan_checkout


class HoldAndConfirmUser(Customer):
    """Comes to book, with realistic chances of not getting that far."""

    @task
    def visit(self) -> None:
        """One visitor, from the calendar to the end, whichever it is."""
        self.next_person()
        plan = plan_checkout(self.chance, CHECKING_OUT)
        hold = self._hold()
        if hold and plan.changes_their_mind:
            self.think(CHECKING_OUT.form_seconds / 4)
            # Where the other start is refused, the first one is still theirs.
            hold = self._hold(replaces=hold["id"]) or hold
        if hold:
            self._end(hold, plan)

    def _hold(self, replaces: str | None = None) -> dict[str, Any]:
        wish = self.find_wish()
        return {} if wish is None else self.place_hold(wish, ttl_seconds=self._ttl_seconds, replaces=replaces)

    def _end(self, hold: Mapping[str, Any], plan: Checkout) -> None:
        self.think(CHECKING_OUT.form_seconds / 2)
        if plan.extends:
            hold = self.extend_hold(hold["id"], ttl_seconds=self._ttl_seconds) or hold
        self.think(CHECKING_OUT.form_seconds / 2)
        match plan.ending:
            case Ending.CONFIRM:
                self.confirm_hold(hold["id"], twice=plan.confirms_twice)
            case Ending.RELEASE:
                self.release_hold(hold["id"])
            case Ending.LEAVE:
                pass
            case Ending.RETURN_LATE:
                self._return_late(hold, plan)

    def _return_late(self, hold: Mapping[str, Any], plan: Checkout) -> None:
        """Confirm what has expired; where that is refused, some look for something else, and get it."""
        ends_at = datetime.fromisoformat(hold["expires_at"]).timestamp()
        self.pause(ends_at - self.now())
        self.think(CHECKING_OUT.late_seconds)
        booked = self.confirm_hold(hold["id"], if_free=plan.insists)
        if not booked and (again := self._hold()):
            self.think(CHECKING_OUT.form_seconds / 4)
            self.confirm_hold(again["id"])

    @property
    def _ttl_seconds(self) -> float:
        return CHECKING_OUT.ttl_seconds * self.run_shared.pace
