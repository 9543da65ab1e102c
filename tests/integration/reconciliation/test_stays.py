"""Reconciliation of visits that are longer than a week."""

from datetime import UTC, date, datetime
from typing import Any, Final

import asyncpg
import pytest

from bootstrap.loops import build_invalidator
from kernel.spans import to_minute
from reconciliation.report import DiscrepancyKind
from reconciliation.service import Reconciliation
from tests.support.engine import FixedClock, running_engine
from tests.support.operations import by_business
from tests.support.visits import book, slots

pytestmark = pytest.mark.own_database

_HOURS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "20:00"}]
_DOCUMENT: Final[dict[str, Any]] = {
    "business": {"name": "Harbour View", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Harbour"}],
    "resources": [{"key": "hut", "kind": "room", "name": "Hut", "location": "main", "hours": _HOURS}],
    "services": [
        {
            "key": "winter",
            "name": "Winter",
            "duration": {"nights": 60},
            "requires": [{"role": "room", "any_of": ["hut"]}],
        }
    ],
}


async def test_stay_is_compared_until_its_last_night(database_url: str, redis_url: str) -> None:
    check_in = to_minute(datetime(2026, 12, 1, 13, tzinfo=UTC))
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        await engine.services.catalogue.apply(by_business(engine.tenant_id), _DOCUMENT)
        stay = (await book(engine, check_in, service="winter")).appointment
        # Bitmaps of its last days, filled two months after it began.
        listed = await slots(engine, "winter", date(2027, 1, 30))
        await build_invalidator(engine.context).drain()
        reconciliation = Reconciliation(
            engine=engine.context.engine,
            redis=engine.context.redis,
            clock=FixedClock(datetime(2027, 1, 29, tzinfo=UTC)),
            metrics=engine.context.metrics,
        )

        whole = await reconciliation.run_once(repair=False)
        await outside.execute("DELETE FROM claims")
        lost = await reconciliation.run_once(repair=False)
    await outside.close()

    assert len(listed) == 1
    assert (whole.total, whole.appointments) == (0, 1)
    assert [one.subject for one in lost.discrepancies if one.kind is DiscrepancyKind.APPOINTMENT_UNCLAIMED] == [stay.id]
