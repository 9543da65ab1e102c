"""Browse: a calendar widget that shows a month, then a day or some, or just the next free starts."""

from locust import task

from loadtests.visitors.assumptions import BROWSING
from loadtests.visitors.decisions import choose_day, choose_offer
from loadtests.visitors.visitor import Visitor


class BrowseUser(Visitor):
    """Looks, and books nothing."""

    @task
    def visit(self) -> None:
        """One visitor, from the first page to the last."""
        self.think(BROWSING.reading_seconds)
        service, party = choose_offer(self.chance, self.run_shared.site.offers)
        if self.chance.random() < BROWSING.asks_for_the_next:
            self.list_next(service, party)
            return
        days = self.list_month(service, party)
        for _ in range(BROWSING.most_days):
            day = choose_day(self.chance, days, BROWSING)
            if day is None:
                return
            self.think(BROWSING.reading_seconds)
            self.list_day(service, day, party)
            if self.chance.random() >= BROWSING.looks_at_another_day:
                return
