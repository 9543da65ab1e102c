"""Flash sale: everybody wants the same few starts at the same moment."""

from typing import Any

from locust import task

from loadtests.visitors.assumptions import CHECKING_OUT, RUSHING
from loadtests.visitors.checkout import Customer
from loadtests.visitors.decisions import sale_day, sale_number


class FlashSaleUser(Customer):
    """Waits for the next sale with everybody else, and tries some of its starts."""

    @task
    def rush(self) -> None:
        """One sale: on a day of its own, so that there is something left to be sold."""
        self.next_person()
        number, seconds = sale_number(self.now(), RUSHING.every_seconds)
        days = self.run_shared.days
        self.pause(seconds + self.chance.uniform(0, RUSHING.hesitation_seconds))
        wanted = self.list_day(self.run_shared.site.sale, sale_day(number, days[0], len(days)))[: RUSHING.starts]
        self.chance.shuffle(wanted)
        for start in wanted[: RUSHING.tries]:
            if hold := self._grab(start):
                self._use(hold)
                return

    def _grab(self, start: str) -> dict[str, Any]:
        wish = {"service": self.run_shared.site.sale, "start": start, "party": 1}
        return self.place_hold(wish, ttl_seconds=CHECKING_OUT.ttl_seconds * self.run_shared.pace)

    def _use(self, hold: dict[str, Any]) -> None:
        self.think(RUSHING.form_seconds)
        if self.chance.random() >= RUSHING.leaves:
            self.confirm_hold(hold["id"])
