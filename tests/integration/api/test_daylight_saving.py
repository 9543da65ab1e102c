"""The published cases of daylight saving, asked over HTTP with real stores."""

from datetime import datetime

import httpx
import orjson

from bootstrap.context import open_context
from bootstrap.services import build_services
from tests.support.conformance import Case, cases_of, document_for, files
from tests.support.engine import MovingClock, patient_settings
from tests.support.operations import by_business
from tests.support.shared_routes import app_with_shared_routes


async def _listed(http: httpx.AsyncClient, case: Case) -> list[str]:
    """The starts of a case in order, as the local clock shows them, with their offset from UTC."""
    query = {"service": case.key, "from": case.asked["from"], "to": case.asked["until"]}
    answer = await http.get("/v1/availability", params=query)
    assert answer.status_code == 200, answer.text
    days = orjson.loads(answer.content)["days"]
    # RFC 3339 has two spellings of no offset.
    found = [slot["start"].replace("Z", "+00:00") for day in days for slot in day["slots"]]
    # A clock that goes back over midnight shows two dates in turn.
    return sorted(found, key=datetime.fromisoformat)


async def test_listing_answers_the_cases(database_url: str, redis_url: str) -> None:
    # Of each zone every sixth: the rules are judged by all of them in tests/contract, and here the way to them.
    cases = [case for file in files() for case in cases_of(file)[::6]]
    clock = MovingClock()
    async with open_context(patient_settings(database_url, redis_url)) as context:
        services = build_services(context, clock)
        tenant = await services.tenants.create("Conformance")
        await services.catalogue.apply(by_business(tenant.id), document_for(cases))
        headers = {"Authorization": f"Bearer {tenant.secret_key}"}
        transport = httpx.ASGITransport(app_with_shared_routes(context, services))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as http:
            wrong = []
            for case in cases:
                clock.instant = case.asked_at
                if await _listed(http, case) != [start["local"] for start in case.asked["starts"]]:
                    wrong.append(case.key)

    assert wrong == []
