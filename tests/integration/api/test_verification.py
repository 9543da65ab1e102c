"""Contacts that visitors prove by a code, over HTTP: who needs it, what the code opens, and what it does not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import pytest

from holds.code_store import CODE_SECONDS, MOST_CODES, MOST_TRIES
from holds.contact_seal import code_digest
from kernel.ids import HoldId
from messages.model import SendFailed, SendFault
from tasks.model import TaskFailed
from tests.support.codes import Codes, code_in
from tests.support.documents import small_document
from tests.support.door import Door, open_door
from tests.support.engine import NO_REDIS, MovingClock, patient_settings
from tests.support.redis_time import let_pass

_DANA: Final = {"name": "Dana Levi", "email": "Dana@Example.com"}
_START: Final = "2026-12-01T10:00:00+02:00"
_PHONE: Final = "+972521234567"
_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    """A shop that takes bookings of proved e-mail addresses only; MovingClock stands on the Monday before."""
    settings = patient_settings(database_url, redis_url).model_copy(update={"trusted_proxies": "127.0.0.1"})
    async with open_door(database_url, redis_url, clock=MovingClock(), settings=settings) as opened:
        await _set_up(opened, verify="email")
        yield opened


@pytest.fixture
def codes(shop: Door, outside: "asyncpg.Connection[Any]") -> Codes:
    return Codes(shop, outside)


async def _set_up(shop: Door, **rules: object) -> None:
    document = small_document()
    document["business"]["rules"] = rules
    document["resources"] = [resource | {"hours": _ALWAYS} for resource in document["resources"]]
    await shop.send("PUT", "/v1/business", json=document, status=200)


async def _hold(shop: Door, start: str = _START, **more: Any) -> Any:
    return await shop.hold("haircut", start, **more)


async def _confirm(shop: Door, hold: Any, *, status: int, customer: Any = _DANA, **more: Any) -> Any:
    path = f"/v1/holds/{hold['id']}/confirm"
    headers = more.pop("headers", shop.publishable)
    return await shop.send("POST", path, json={"customer": customer, **more}, headers=headers, status=status)


async def test_visitor_proves_the_address_and_confirms(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    refused = await _confirm(shop, hold, status=409)

    sending = await codes.ask(hold, email="dana@example.com")
    code = await codes.deliver()
    proved = await codes.check(hold, code)
    booked = await _confirm(shop, hold, status=201)

    assert (refused["code"], refused["channel"]) == ("verification_required", "email")
    assert (sending["channel"], sending["sent_to"], sending["codes_left"]) == ("email", "d…@e….com", MOST_CODES - 1)
    assert proved == {"channel": "email", "email": "dana@example.com"}
    assert booked["status"] == "confirmed"
    (mail,) = codes.mailbox.mails
    assert (mail.to, code_in(mail.subject), code_in(mail.html)) == ("dana@example.com", code, code)


async def test_other_contact_than_the_proved_one_is_refused(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.prove(hold, email="dana@example.com")

    other = await _confirm(shop, hold, customer={"name": "Noa", "email": "noa@example.com"}, status=409)
    none = await _confirm(shop, hold, customer={"name": "Noa", "phone": _PHONE}, status=409)
    await _confirm(shop, hold, status=201)

    assert {(one["code"], one["channel"]) for one in (other, none)} == {("verification_required", "email")}
    assert other["detail"].startswith("Another contact")


async def test_direct_booking_of_a_visitor_is_told_to_hold_first(shop: Door) -> None:
    body = {"service": "haircut", "start": _START, "customer": _DANA}

    refused = await shop.send("POST", "/v1/appointments", json=body, headers=shop.publishable, status=409)
    await shop.send("POST", "/v1/appointments", json=body, status=201)

    assert (refused["code"], refused["channel"]) == ("verification_required", "email")
    assert "hold" in refused["detail"]


async def test_business_confirms_without_a_code(shop: Door) -> None:
    await _confirm(shop, await _hold(shop), headers=shop.secret, status=201)


async def test_service_says_what_it_asks_for(shop: Door) -> None:
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)

    assert {service["verify"] for service in storefront["services"]} == {"email"}

    await _set_up(shop)
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)
    assert not any("verify" in service for service in storefront["services"])


async def test_first_code_lets_the_hold_live_as_long(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)

    first = await codes.ask(hold, email="dana@example.com")
    await codes.let_pause_pass(hold)
    await codes.change(hold, deadline=int(datetime.fromisoformat(hold["expires_at"]).timestamp() * 1000))
    second = await codes.ask(hold, email="dana@example.com")

    lived = _instant(first["hold_expires_at"]) - _instant(hold["expires_at"])
    assert timedelta(seconds=CODE_SECONDS - 305) <= lived <= timedelta(seconds=CODE_SECONDS - 295)
    assert _instant(first["expires_at"]) - _instant(first["hold_expires_at"]) < timedelta(seconds=1)
    assert _instant(second["hold_expires_at"]) < _instant(first["hold_expires_at"]) - timedelta(seconds=290)


async def test_hold_never_outlives_its_longest_life_for_a_code(shop: Door, codes: Codes) -> None:
    await _set_up(shop, verify="email", hold={"ttl_seconds": 60, "max_total_seconds": 120})
    hold = await _hold(shop)

    sending = await codes.ask(hold, email="dana@example.com")

    assert _instant(sending["hold_expires_at"]) == _instant(hold["extendable_until"])
    assert _instant(sending["expires_at"]) > _instant(sending["hold_expires_at"])


async def test_tries_are_used_up_and_a_new_code_has_new_ones(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    right = await codes.deliver()
    wrong = _other(right)

    left = [(await codes.check(hold, wrong, status=422))["tries_left"] for _ in range(MOST_TRIES)]
    late = await codes.check(hold, right, status=410)
    await codes.let_pause_pass(hold)
    await codes.prove(hold, email="dana@example.com")

    assert left == [4, 3, 2, 1, 0]
    assert late["code"] == "no_code"
    await _confirm(shop, hold, status=201)


async def test_many_tries_at_once_are_no_more_tries(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    wrong = _other(await codes.deliver())
    path = f"/v1/holds/{hold['id']}/verification/check"

    answers = await asyncio.gather(
        *(shop.http.post(path, json={"code": wrong}, headers=shop.publishable) for _ in range(50))
    )

    assert Counter(one.status_code for one in answers) == {422: MOST_TRIES, 410: 50 - MOST_TRIES}


async def test_code_ends_after_ten_minutes(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    code = await codes.deliver()
    await codes.change(hold, code_until=1)

    assert (await codes.check(hold, code, status=410))["code"] == "no_code"


async def test_code_before_the_last_one_proves_nothing(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    first = await codes.deliver()
    await codes.let_pause_pass(hold)
    await codes.ask(hold, email="noa@example.com")

    before = await codes.check(hold, first, status=410)
    second = await codes.deliver()
    after = await codes.check(hold, first, status=422) if first != second else {"code": "wrong_code"}

    assert (before["code"], after["code"]) == ("no_code", "wrong_code")
    assert await codes.check(hold, second) == {"channel": "email", "email": "noa@example.com"}
    await _confirm(shop, hold, status=409)


async def test_code_of_another_hold_or_business_proves_nothing(
    shop: Door, codes: Codes, outside: "asyncpg.Connection[Any]", database_url: str, redis_url: str
) -> None:
    mine, other = await _hold(shop), await _hold(shop, "2026-12-01T12:00:00+02:00")
    await codes.ask(mine, email="dana@example.com")
    code = await codes.deliver()
    await codes.ask(other, email="dana@example.com")
    if await codes.deliver() == code:
        await codes.let_pause_pass(other)
        await codes.ask(other, email="dana@example.com")
        await codes.deliver()

    assert (await codes.check(other, code, status=422))["code"] == "wrong_code"
    async with open_door(database_url, redis_url, clock=MovingClock()) as elsewhere:
        theirs = Codes(elsewhere, outside)
        assert (await theirs.check(mine, code, status=404))["code"] == "hold_not_found"
        assert (await theirs.ask(mine, email="dana@example.com", status=404))["code"] == "hold_not_found"


async def test_codes_of_a_hold_are_few_and_apart(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    for _ in range(MOST_CODES):
        await codes.ask(hold, email="dana@example.com")
        await codes.let_pause_pass(hold)

    refused = await codes.ask(hold, email="dana@example.com", status=409)

    assert (refused["code"], refused["rule"], refused["limit"]) == ("limit_reached", "verification", MOST_CODES)


async def test_second_code_within_the_pause_says_how_long_to_wait(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")

    soon = await codes.ask(hold, email="dana@example.com", status=429)

    assert soon["code"] == "rate_limited"
    assert 1 <= soon["retry_after_seconds"] <= 30


async def test_one_network_cannot_flood_a_mailbox_nor_use_up_its_codes(shop: Door, codes: Codes) -> None:
    async def ask(network: int, hour: int, *, status: int) -> Any:
        headers = {"X-Forwarded-For": f"203.0.{network}.9"}
        start = f"2026-12-{hour // 8 + 1:02}T{9 + hour % 8:02}:00:00+02:00"
        hold = await shop.send(
            "POST", "/v1/holds", json={"service": "haircut", "start": start}, headers={**shop.publishable, **headers},
            status=201,
        )  # fmt: skip
        return await codes.ask(hold, email="dana@example.com", headers=headers, status=status)

    for hour in range(4):
        await ask(1, hour, status=202)
    flooded = await ask(1, 4, status=429)
    for hour in range(5, 9):
        await ask(2, hour, status=202)

    assert (flooded["code"], flooded["policy"]) == ("rate_limited", "contact-code")


async def test_expired_hold_is_proved_no_more_but_its_proof_goes_on(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.prove(hold, email="dana@example.com")
    await let_pass(shop.context.redis, shop.tenant_id, HoldId(hold["id"]), CODE_SECONDS * 1000)

    assert (await codes.ask(hold, email="dana@example.com", status=410))["code"] == "hold_expired"
    assert (await codes.check(hold, "123456", status=410))["code"] == "hold_expired"
    await _confirm(shop, hold, if_free=True, customer={"name": "Noa", "email": "noa@example.com"}, status=409)
    await _confirm(shop, hold, if_free=True, status=201)


async def test_hold_that_replaces_another_takes_its_proof_over(shop: Door, codes: Codes) -> None:
    hold = await _hold(shop)
    await codes.prove(hold, email="dana@example.com")

    later = await _hold(shop, "2026-12-01T15:00:00+02:00", replaces=hold["id"])

    await _confirm(shop, later, status=201)


async def test_telephone_number_is_proved_by_a_text_message(shop: Door, codes: Codes) -> None:
    await _set_up(shop, verify="sms")
    hold = await _hold(shop)
    refused = await _confirm(shop, hold, customer={"name": "Dana", "phone": "052-1234567"}, status=409)

    sending = await codes.ask(hold, phone="052-1234567")
    proved = await codes.check(hold, await codes.deliver())

    assert refused["channel"] == "sms"
    assert (sending["channel"], sending["sent_to"]) == ("sms", "…67")
    assert proved == {"channel": "sms", "phone": _PHONE}
    assert [one.to for one in codes.telephones.messages] == [_PHONE]
    await _confirm(shop, hold, customer={"name": "Dana", "phone": _PHONE}, status=201)


@pytest.mark.parametrize(
    ("contact", "pointer"),
    [
        ({}, "email"),
        ({"email": "dana@example.com", "phone": _PHONE}, "email"),
        ({"phone": "+972 1"}, "phone"),
        ({"email": "dana"}, "email"),
    ],
)
async def test_contact_that_cannot_be_reached_is_refused(
    shop: Door, codes: Codes, contact: dict[str, Any], pointer: str
) -> None:
    refused = await codes.ask(await _hold(shop), status=422, **contact)

    assert [error["pointer"] for error in refused["errors"]] == [pointer]


@pytest.mark.parametrize("fault", [SendFault.TIMEOUT, SendFault.DEFERRED, SendFault.NO_CONNECTION])
async def test_mail_is_tried_again_while_the_server_is_away(codes: Codes, shop: Door, fault: SendFault) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    codes.mailbox.failure = SendFailed(fault, "away")
    (task,) = await codes.tasks()

    with pytest.raises(TaskFailed):
        await codes.handler().run(task)
    codes.mailbox.failure = None
    await codes.check(hold, await codes.deliver())

    await _confirm(shop, hold, status=201)


async def test_mail_that_is_refused_for_good_is_not_tried_again(codes: Codes, shop: Door) -> None:
    await codes.ask(await _hold(shop), email="dana@example.com")
    codes.mailbox.failure = SendFailed(SendFault.REFUSED, "no such mailbox")
    codes.telephones.failure = SendFailed(SendFault.REFUSED, "no such number")
    (task,) = await codes.tasks()

    assert await codes.handler().run(task) is None


async def test_code_is_not_sent_once_nobody_waits_for_it(codes: Codes, shop: Door) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    await shop.send("DELETE", f"/v1/holds/{hold['id']}", headers=shop.publishable, status=204)
    (task,) = await codes.tasks()

    await codes.handler().run(task)

    assert codes.mailbox.mails == []


async def test_store_and_tasks_know_neither_contact_nor_code(
    codes: Codes, shop: Door, outside: "asyncpg.Connection[Any]"
) -> None:
    hold = await _hold(shop)
    await codes.ask(hold, email="dana@example.com")
    code = await codes.deliver()
    await codes.check(hold, code)

    record = await codes.record(hold)
    rows = await outside.fetch(
        "SELECT to_jsonb(audit_entries)::text AS row FROM audit_entries WHERE subject = $1", hold["id"]
    )
    kept = " ".join([*record.values(), *(row["row"] for row in rows)]).lower()

    assert record["code_digest"] == code_digest(code, HoldId(hold["id"]), await codes.secret())
    assert "dana" not in kept
    assert code not in {*record.values()}
    assert [row["row"].count("sendVerificationCode") for row in rows] == [1]


async def test_without_redis_nothing_is_proved(database_url: str, outside: "asyncpg.Connection[Any]") -> None:
    async with open_door(database_url, NO_REDIS, clock=MovingClock()) as shop:
        codes, hold = Codes(shop, outside), {"id": "hld_01kbc9x3v4h5m6n7p8q9r0s1t2"}

        assert (await codes.ask(hold, email="dana@example.com", status=503))["code"] == "holds_unavailable"
        assert (await codes.check(hold, "123456", status=503))["code"] == "holds_unavailable"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"
