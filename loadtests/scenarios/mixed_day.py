"""Mixed day: browsers, bookers, people who change their appointments, and a back office that changes the hours."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from locust import task
from locust.env import Environment

from loadtests.faults.history import Operation
from loadtests.scenarios.browse import BrowseUser
from loadtests.scenarios.hold_and_confirm import HoldAndConfirmUser
from loadtests.visitors.assumptions import BROWSING, CHANGING, CHECKING_OUT, MANAGING
from loadtests.visitors.checkout import Customer
from loadtests.visitors.decisions import Change, choose_day, choose_start, plan_change
from loadtests.visitors.visitor import Request, Visitor


class MixedBrowseUser(BrowseUser):
    """Most of those who come only look."""

    weight = 5


class MixedHoldUser(HoldAndConfirmUser):
    """Comes to book."""

    weight = 3


class RegularUser(Customer):
    """Knows what they want, books in one step, and may move or cancel later."""

    weight = 2

    @task
    def visit(self) -> None:
        """One appointment, from its booking to what becomes of it."""
        self.next_person()
        wish = self.find_wish()
        booked = self.book(wish) if wish is not None else {}
        if not booked:
            return
        self.think(CHANGING.settling_seconds)
        self.read(booked)
        match plan_change(self.chance, CHANGING):
            case Change.RESCHEDULE:
                self._reschedule(booked)
            case Change.CANCEL:
                self.change(Operation.CANCEL, booked, {"reason": "changed my mind"})
            case Change.KEEP:
                pass

    def _reschedule(self, booked: dict[str, Any]) -> None:
        day = choose_day(self.chance, self.list_month(booked["service"], booked["party"]), BROWSING)
        starts = [] if day is None else self.list_day(booked["service"], day, booked["party"])
        start = choose_start(self.chance, starts, BROWSING)
        if start is None:
            return
        self.think(BROWSING.reading_seconds)
        body: dict[str, Any] = {"start": start}
        if self.chance.random() < CHANGING.holds_the_new_time:
            wish = {"service": booked["service"], "start": start, "party": booked["party"]}
            hold = self.place_hold(wish, ttl_seconds=CHECKING_OUT.ttl_seconds * self.run_shared.pace)
            if not hold:
                return
            self.think(BROWSING.reading_seconds)
            body = {"hold": hold["id"]}
        self.change(Operation.RESCHEDULE, booked, body)


class BackOfficeUser(Visitor):
    """One at a time: gives people time off or closes a day early, and takes it back after a while."""

    fixed_count = 1

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._undo: Callable[[], object] | None = None

    @task
    def manage(self) -> None:
        """One change, and its end."""
        self.think(MANAGING.pause_seconds)
        person = self.chance.choice(self.run_shared.site.staff)
        day = self.chance.choice(self.run_shared.days[:7])
        ours = (person, str(day)) not in self.run_shared.site.own_hours
        if ours and self.chance.random() < MANAGING.changes_hours:
            self._close_early(person, str(day))
        else:
            begin = datetime.combine(day, time(self.chance.randint(8, 15))).isoformat() + "Z"
            end = datetime.combine(day, time(16)) + timedelta(hours=MANAGING.time_off_hours)
            self._give_time_off(person, begin, end.isoformat() + "Z")
        self.think(MANAGING.keeps_seconds)
        self.on_stop()

    def on_stop(self) -> None:
        """Nothing stays changed when the run ends."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def _close_early(self, person: str, day: str) -> None:
        path = f"/v1/resources/{quote(person)}/overrides/{day}"
        self._undo = lambda: self._manage("reset hours", "DELETE", path)
        self._manage("set hours", "PUT", path, {"spans": [{"start": "09:00", "end": "12:00"}]})

    def _give_time_off(self, person: str, begin: str, end: str) -> None:
        path = f"/v1/resources/{quote(person)}/time-off"
        added = self._manage("add time off", "POST", path, {"start": begin, "end": end, "reason": "load-test"})
        if added:
            self._undo = lambda: self._manage("end time off", "DELETE", f"{path}/{added['id']}")

    def _manage(self, name: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        key = self.run_shared.secret_key
        return self.ask(Request(name=name, method=method, path=path, body=body, credential=key))
