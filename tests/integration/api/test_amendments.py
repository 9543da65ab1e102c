"""Changes of what is booked, over HTTP: party, service and customer details, at the start that stays."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holds.model import Hold
from holds.service import HoldService
from tests.support.door import Door, as_customer_of, who

_NINE = "2026-12-01T09:00:00+02:00"

_TWO_PLACES = [{"role": "barber", "any_of": ["noa"]}]

with_and_without_redis = pytest.mark.redis("default", "away")


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.set_up("barbershop")
    return door


@pytest.fixture
async def visit(shop: Door) -> Any:
    return await _book(shop, "haircut", _NINE, resource="noa")


async def _book(door: Door, service: str, start: str, *, status: int = 201, **more: Any) -> Any:
    """In one step, which needs no Redis; each has a customer of its own."""
    customer = {
        "name": "Dana Levi",
        "email": f"{start[8:10]}-{start[11:13]}-{start[14:16]}.{more.get('resource')}@example.com",
    }
    body = {"service": service, "start": start, "customer": customer, **more}
    return await door.send("POST", "/v1/appointments", json=body, status=status)


async def _amend(door: Door, visit: Any, *, status: int = 200, **more: Any) -> Any:
    body = {
        name: more.pop(name) for name in ("customer", "party", "service", "duration_minutes", "notes") if name in more
    }
    return await door.send("PATCH", f"/v1/appointments/{visit['id']}", json=body, status=status, **more)


async def _starts(door: Door, **more: Any) -> list[str]:
    return [start[11:16] for start in await door.slots("haircut", "2026-12-01", **more)]


class TestService:
    @with_and_without_redis
    async def test_other_service_takes_its_own_time_and_price(self, shop: Door, visit: Any) -> None:
        changed = await _amend(shop, visit, service="cut-and-beard", headers={"If-Match": '"1"'})

        again = await shop.send("GET", f"/v1/appointments/{visit['id']}", status=200)
        assert changed["service"] == again["service"] == "cut-and-beard"
        assert (changed["start"], visit["end"], changed["end"]) == (
            "2026-12-01T07:00:00Z", "2026-12-01T07:30:00Z", "2026-12-01T07:50:00Z",
        )  # fmt: skip
        assert changed["previous_price"] == {"amount_minor": 9000, "currency": "ILS"}
        # Noa's own price.
        assert changed["price"] == again["price"] == {"amount_minor": 15000, "currency": "ILS"}
        assert changed["policy"] == visit["policy"]
        assert (changed["version"], who(changed)) == (2, [("barber", "noa")])
        assert changed["changed_resources"] == []

    async def test_minutes_that_it_no_longer_needs_are_free_at_once(self, shop: Door) -> None:
        long = await _book(shop, "cut-and-beard", _NINE, resource="noa")
        before = await _starts(shop, resource="noa")

        await _amend(shop, long, service="haircut")

        assert "09:45" not in before
        assert "09:45" in await _starts(shop, resource="noa")

    @with_and_without_redis
    async def test_it_stays_as_it_is_where_the_longer_visit_has_no_room(self, shop: Door, visit: Any) -> None:
        # Of the others only Noa works at nine.
        await _book(shop, "haircut", "2026-12-01T09:45:00+02:00", resource="noa")
        before = await shop.send("GET", f"/v1/appointments/{visit['id']}", status=200)

        refused = await _amend(shop, visit, service="cut-and-beard", status=409)

        assert refused["code"] == "slot_taken"
        assert await shop.send("GET", f"/v1/appointments/{visit['id']}", status=200) == before

    async def test_hold_of_a_visitor_is_respected(self, shop: Door, visit: Any) -> None:
        await shop.hold("haircut", "2026-12-01T09:45:00+02:00", resource="noa")

        refused = await _amend(shop, visit, service="cut-and-beard", status=409)

        assert refused["code"] == "slot_held"

    async def test_whoever_does_not_offer_it_is_replaced_and_named(self, shop: Door) -> None:
        visit = await _book(shop, "haircut", "2026-12-02T14:00:00+02:00", resource="omer")

        changed = await _amend(shop, visit, service="colour")

        assert who(changed)[0][1] in {"noa", "yael"}
        changes = changed["changed_resources"]
        assert {"role": "barber", "from": "omer", "to": None} in changes
        assert {"role": "colourist", "from": None, "to": who(changed)[0][1]} in changes

    async def test_unknown_service_is_not_found(self, shop: Door, visit: Any) -> None:
        refused = await _amend(shop, visit, service="tattoo", status=404)

        assert refused["detail"] == 'There is no service "tattoo".'

    async def test_archived_service_is_for_the_visits_that_have_it(self, shop: Door, visit: Any) -> None:
        old = await _book(shop, "beard-trim", "2026-12-01T10:00:00+02:00", resource="noa")
        archived = await shop.send("GET", "/v1/services/beard-trim", status=200)
        await shop.send("DELETE", "/v1/services/beard-trim", status=200)

        by_key = await _amend(shop, visit, service="beard-trim", status=404)
        by_id = await _amend(shop, visit, service=archived["id"], status=404)
        longer = await _amend(shop, old, duration_minutes=20)

        assert by_key["detail"] == 'There is no service "beard-trim".'
        assert by_id["code"] == "not_found"
        assert (longer["service"], longer["end"]) == ("beard-trim", "2026-12-01T08:20:00Z")

    async def test_visit_within_the_notice_and_beside_the_grid_can_change_where_it_is(self, shop: Door) -> None:
        soon = next(iter(await shop.slots("beard-trim", "2026-11-30", resource="noa")))
        visit = await _book(shop, "beard-trim", soon, resource="noa")
        rules = {
            "rules": {"lead_time_minutes": 10000},
            "grid": {"align": "clock", "step_minutes": 30, "offset_minutes": 7},
        }
        await shop.send("PATCH", "/v1/services/haircut", json=rules, status=200)

        changed = await _amend(shop, visit, service="haircut")

        assert (changed["start"], changed["service"]) == (visit["start"], "haircut")


class TestLength:
    @with_and_without_redis
    async def test_visit_gets_longer_and_shorter_where_it_is(self, shop: Door, visit: Any) -> None:
        longer = await _amend(shop, visit, duration_minutes=70)
        taken = await _starts(shop, resource="noa")
        shorter = await _amend(shop, visit, duration_minutes=20)
        free = await _starts(shop, resource="noa")

        assert (longer["start"], longer["end"]) == (visit["start"], "2026-12-01T08:10:00Z")
        assert (shorter["end"], shorter["price"]) == ("2026-12-01T07:20:00Z", visit["price"])
        assert who(longer) == who(shorter) == who(visit)
        # With five minutes to tidy up.
        assert (taken[0], free[0]) == ("10:15", "09:30")

    async def test_length_stays_with_another_party(self, door: Door) -> None:
        await door.set_up("gym")
        start = next(iter(await door.slots("yoga-class", "2026-12-01")))
        visit = await _book(door, "yoga-class", start)
        await _amend(door, visit, duration_minutes=50)

        two = await _amend(door, visit, party=2)

        assert (visit["start"][11:16], two["end"][11:16], two["party"]) == ("16:00", "16:50", 2)

    async def test_it_stays_where_the_longer_visit_has_no_room(self, shop: Door, visit: Any) -> None:
        await _book(shop, "haircut", "2026-12-01T09:45:00+02:00", resource="noa")

        refused = await _amend(shop, visit, duration_minutes=45, status=409)
        after_hours = await _amend(shop, visit, duration_minutes=1000, status=422)
        too_long = await _amend(shop, visit, duration_minutes=10_079, status=422)
        changed = await _amend(shop, visit, duration_minutes=40)

        assert refused["code"] == "slot_taken"
        assert (after_hours["code"], after_hours["reason"]) == ("not_offered", "closed")
        assert [error["pointer"] for error in too_long["errors"]] == ["duration_minutes"]
        assert changed["end"] == "2026-12-01T07:40:00Z"


class TestParty:
    @pytest.fixture
    async def gym(self, door: Door) -> Door:
        await door.set_up("gym")
        return door

    @with_and_without_redis
    async def test_party_takes_places_and_pays_for_each(self, gym: Door) -> None:
        slots = await gym.slots("yoga-class", "2026-12-01")
        start = next(iter(slots))
        one = await _book(gym, "yoga-class", start)

        three = await _amend(gym, one, party=3)
        left = (await gym.slots("yoga-class", "2026-12-01"))[start]["remaining"]
        two = await _amend(gym, one, party=2, headers=as_customer_of(one))

        assert (one["party"], three["party"], two["party"]) == (1, 3, 2)
        assert three["price"]["amount_minor"] == 3 * one["price"]["amount_minor"]
        assert (three["previous_price"], two["previous_price"]) == (one["price"], three["price"])
        assert left == slots[start]["remaining"] - 3
        assert (await gym.slots("yoga-class", "2026-12-01"))[start]["remaining"] == slots[start]["remaining"] - 2
        assert who(two) == who(one)

    async def test_party_that_has_no_room_is_refused(self, gym: Door) -> None:
        slots = await gym.slots("yoga-class", "2026-12-01")
        start = next(iter(slots))
        one = await _book(gym, "yoga-class", start)
        await _book(gym, "yoga-class", start, party=slots[start]["remaining"] - 2, resource=who(one)[0][1])

        refused = await _amend(gym, one, party=3, status=409)
        changed = await _amend(gym, one, party=2)

        assert (refused["code"], changed["party"]) == ("slot_taken", 2)


class TestOvertaken:
    @pytest.fixture
    async def gym(self, door: Door) -> Door:
        await door.set_up("gym")
        return door

    @staticmethod
    def overtake(monkeypatch: pytest.MonkeyPatch, change: Callable[[], Awaitable[Any]]) -> None:
        """Let another change commit once, after the next hold was placed."""
        place, changes = HoldService.place_pinned, [change]

        async def placing(*arguments: Any) -> Hold:
            hold = await place(*arguments)
            if changes and arguments[-1].own.is_moving:
                await changes.pop()()
            return hold

        monkeypatch.setattr(HoldService, "place_pinned", placing)

    async def test_move_takes_as_many_places_as_the_party_has_by_then(
        self, gym: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slots = await gym.slots("yoga-class", "2026-12-01", "2026-12-08")
        start, later = list(slots)[:2]
        one = await _book(gym, "yoga-class", start)
        self.overtake(monkeypatch, lambda: _amend(gym, one, party=3))

        moved = await gym.send("POST", f"/v1/appointments/{one['id']}/reschedule", json={"start": later}, status=200)

        left = await gym.slots("yoga-class", "2026-12-01", "2026-12-08")
        assert (moved["party"], left[later]["remaining"]) == (3, slots[later]["remaining"] - 3)

    async def test_amendment_does_not_undo_a_move(self, gym: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        slots = await gym.slots("yoga-class", "2026-12-01", "2026-12-08")
        start, later = list(slots)[:2]
        one = await _book(gym, "yoga-class", start)
        path = f"/v1/appointments/{one['id']}/reschedule"
        self.overtake(monkeypatch, lambda: gym.send("POST", path, json={"start": later}, status=200))

        three = await _amend(gym, one, party=3)

        left = await gym.slots("yoga-class", "2026-12-01", "2026-12-08")
        assert three["start"] != one["start"]
        assert left[start]["remaining"] == slots[start]["remaining"]
        assert left[later]["remaining"] == slots[later]["remaining"] - 3


class TestCustomer:
    async def test_only_the_members_that_are_sent_change(self, shop: Door, visit: Any) -> None:
        changed = await _amend(shop, visit, customer={"phone": "+972 50 123 4567"}, notes="Rings twice")

        assert changed["customer"] == visit["customer"] | {"phone": "+972 50 123 4567"}
        assert (changed["notes"], changed["version"]) == ("Rings twice", 2)
        assert "previous_price" not in changed
        assert "changed_resources" not in changed

    async def test_null_removes_what_is_not_needed(self, shop: Door, visit: Any) -> None:
        changed = await _amend(shop, visit, customer={"email": None})
        refused = await _amend(shop, visit, customer={"name": None}, status=422)
        nobody = await shop.send(
            "PATCH", f"/v1/appointments/{visit['id']}", json={"customer": None, "party": None}, status=422
        )

        assert changed["customer"]["email"] is None
        assert refused["errors"] == [{"pointer": "customer.name", "detail": "cannot be removed"}]
        assert [error["pointer"] for error in nobody["errors"]] == ["customer", "party"]

    async def test_business_puts_it_to_the_customer_of_the_new_address(self, shop: Door, visit: Any) -> None:
        other = await _book(shop, "haircut", "2026-12-01T11:00:00+02:00", resource="noa")

        changed = await _amend(shop, visit, customer={"email": other["customer"]["email"]})

        assert changed["customer"]["id"] == other["customer"]["id"] != visit["customer"]["id"]

    async def test_customer_stays_the_one_whose_limits_count(self, shop: Door, visit: Any) -> None:
        changed = await _amend(shop, visit, customer={"email": "new@example.com"}, headers=as_customer_of(visit))

        assert changed["customer"]["email"] == "new@example.com"
        assert changed["customer"]["id"] == visit["customer"]["id"]

    async def test_business_corrects_the_details_of_a_visit_that_is_over(self, shop: Door, visit: Any) -> None:
        await shop.send("POST", f"/v1/appointments/{visit['id']}/cancel", status=200)

        changed = await _amend(shop, visit, customer={"name": "Dana Levy"})
        service = await _amend(shop, visit, service="beard-trim", status=409)
        by_customer = await _amend(shop, visit, customer={"name": "D"}, headers=as_customer_of(visit), status=409)

        assert changed["customer"]["name"] == "Dana Levy"
        assert (service["code"], by_customer["code"]) == ("invalid_transition", "invalid_transition")


class TestFees:
    async def test_smaller_party_is_no_way_round_a_fee(self, door: Door) -> None:
        await door.set_up("gym")
        rules = {
            "rules": {"cancellation": {"free_until_minutes": 100_000, "fee_percent": 50, "no_show_fee_percent": 100}}
        }
        await door.send("PATCH", "/v1/services/yoga-class", json=rules, status=200)
        start = next(iter(await door.slots("yoga-class", "2026-12-01")))
        visit = await _book(door, "yoga-class", start, party=3)

        smaller = await _amend(door, visit, party=1, headers=as_customer_of(visit), status=409)
        larger = await _amend(door, visit, party=4, headers=as_customer_of(visit))
        by_business = await _amend(door, visit, party=1)

        assert smaller["code"] == "cutoff_passed"
        assert (larger["party"], by_business["party"]) == (4, 1)

    async def test_approval_is_no_way_round_a_fee(self, door: Door) -> None:
        await door.set_up("gym")
        rules = {
            "approval": {"within_minutes": 60},
            "cancellation": {"free_until_minutes": 100_000, "fee_percent": 50, "no_show_fee_percent": 100},
        }
        await door.send("PATCH", "/v1/services/yoga-class", json={"rules": rules}, status=200)
        start = next(iter(await door.slots("yoga-class", "2026-12-01")))
        visit = await _book(door, "yoga-class", start, party=2)
        path = f"/v1/appointments/{visit['id']}"
        await door.send("POST", f"{path}/approve", status=200)

        same = await _amend(door, visit, party=2, headers=as_customer_of(visit))
        larger = await _amend(door, visit, party=3, headers=as_customer_of(visit))
        withdrawn = await door.send("POST", f"{path}/cancel", headers=as_customer_of(visit), status=200)

        assert (same["status"], same["price"], larger["status"]) == ("confirmed", visit["price"], "pending")
        assert withdrawn["fee"]["amount_minor"] == visit["price"]["amount_minor"] / 2 > 0

    async def test_another_party_is_approved_again(self, shop: Door) -> None:
        rules = {"rules": {"approval": {"within_minutes": 60}}, "requires": _TWO_PLACES}
        await shop.send("PATCH", "/v1/resources/noa", json={"capacity": 2}, status=200)
        await shop.send("PATCH", "/v1/services/haircut", json=rules, status=200)
        visit = await _book(shop, "haircut", _NINE)
        approved = await shop.send("POST", f"/v1/appointments/{visit['id']}/approve", status=200)

        by_business = await _amend(shop, visit, party=2)
        by_customer = await _amend(shop, visit, party=1, headers=as_customer_of(visit))

        assert (visit["status"], approved["status"], by_business["status"]) == ("pending", "confirmed", "confirmed")
        assert (by_customer["status"], by_customer["approve_by"]) == ("pending", "2026-11-30T07:00:00Z")


class TestOverrides:
    @with_and_without_redis
    async def test_what_was_waived_stays_waived_for_the_business_alone(self, door: Door) -> None:
        await door.set_up("gym")
        start = next(iter(await door.slots("yoga-class", "2026-12-01")))
        closed = start.replace("T17", "T03")
        await _book(door, "yoga-class", closed, status=422)
        visit = await _book(door, "yoga-class", closed, override=["closed", "off_grid"])

        three = await _amend(door, visit, party=3)
        by_customer = await _amend(door, visit, party=4, headers=as_customer_of(visit), status=422)

        assert (three["party"], three["override"]) == (3, visit["override"])
        assert by_customer["reason"] == "closed"


class TestWho:
    @pytest.mark.parametrize(
        "body", [{"service": "beard-trim"}, {"duration_minutes": 20}, {"notes": "x"}, {"metadata": {}}, {}]
    )
    async def test_customer_may_change_details_and_party_alone(self, shop: Door, visit: Any, body: Any) -> None:
        path = f"/v1/appointments/{visit['id']}"

        refused = await shop.send("PATCH", path, json=body, headers=as_customer_of(visit), status=403)

        assert refused["code"] == "forbidden"

    async def test_publishable_key_needs_the_token(self, shop: Door, visit: Any) -> None:
        body = {"customer": {"name": "Dan"}}
        path = f"/v1/appointments/{visit['id']}"
        proof = {**shop.publishable, "Appointment-Token": visit["token"]}

        await shop.send("PATCH", path, json=body, headers=shop.publishable, status=403)
        changed = await shop.send("PATCH", path, json=body, headers=proof, status=200)

        assert changed["customer"]["name"] == "Dan"

    async def test_customer_who_is_too_late_is_refused_and_the_business_is_not(self, shop: Door) -> None:
        soon = next(iter(await shop.slots("haircut", "2026-11-30", resource="noa")))
        visit = await _book(shop, "haircut", soon, resource="noa")

        refused = await _amend(shop, visit, customer={"name": "Dan"}, headers=as_customer_of(visit), status=409)
        changed = await _amend(shop, visit, customer={"name": "Dan"})

        assert refused["code"] == "cutoff_passed"
        assert changed["customer"]["name"] == "Dan"

    async def test_stale_version_is_refused(self, shop: Door, visit: Any) -> None:
        await _amend(shop, visit, notes="x")

        refused = await _amend(shop, visit, service="beard-trim", headers={"If-Match": '"1"'}, status=412)

        assert refused["code"] == "version_conflict"
