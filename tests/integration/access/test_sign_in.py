"""Signing in: a link that is mailed works once; refresh tokens follow each other; ending a session is seen at once."""

import asyncio
import statistics
import time
from datetime import timedelta
from typing import Any, Final

import asyncpg
import jwt
import pytest

from access.roles import Role
from access.sessions.model import (
    LINK_LIFE,
    MOST_LINKS,
    MOST_PER_CLIENT,
    MOST_PER_EMAIL,
    MOST_SESSIONS,
    SESSION_LIFE,
    SignInRateLimited,
)
from access.sessions.sign_in_service import ANSWER_SECONDS
from kernel.errors import Unauthorized
from messages.model import SendFailed, SendFault
from tasks.model import TaskFailed
from tests.support.door import Door, open_door
from tests.support.users import Users, bearer, code_in

_EMAIL: Final = "noa@fade.example"
_SECOND: Final = timedelta(seconds=1)


async def _ask(shop: Door, email: str = _EMAIL, *, status: int = 202, client: str | None = None) -> None:
    headers = {} if client is None else {"X-Forwarded-For": client}
    answered = await shop.http.post("/v1/sign-in", json={"email": email}, headers=headers)
    assert answered.status_code == status, answered.text


async def test_user_signs_in_by_mail_works_and_signs_out(shop: Door, users: Users) -> None:
    await users.add(_EMAIL)
    await _ask(shop, "NOA@fade.example")
    (code,) = await users.mail_codes()

    session = (await shop.http.post("/v1/sessions", json={"code": code})).json()
    headers = bearer(session["access_token"])
    before = await shop.http.get("/v1/business", headers=headers)
    refreshed = (await shop.http.post("/v1/sessions/refresh", json={"refresh_token": session["refresh_token"]})).json()
    ended = await shop.http.delete("/v1/sessions/current", headers=bearer(refreshed["access_token"]))
    after = await shop.http.post("/v1/sessions/refresh", json={"refresh_token": refreshed["refresh_token"]})

    assert session["user"] == {"id": session["user"]["id"], "name": "Dana", "role": "owner"}
    assert session["business"] == {"id": str(shop.tenant_id), "name": "New"}
    assert (before.status_code, ended.status_code, after.status_code) == (200, 204, 401)


async def test_link_works_once_and_for_15_minutes(users: Users) -> None:
    user_id = await users.add(_EMAIL)
    used, late, last = [await users.code(user_id) for _ in range(3)]
    await users.sessions.open(used)

    users.clock.instant += LINK_LIFE - _SECOND
    await users.sessions.open(last)
    users.clock.instant += _SECOND

    for code in (used, late, last, "hfc_x", "", f"hfc_{'0' * 32}{'A' * 43}"):
        with pytest.raises(Unauthorized):
            await users.sessions.open(code)


async def test_link_that_is_used_by_many_at_once_signs_in_one(users: Users) -> None:
    code = await users.code(await users.add(_EMAIL))

    outcomes = await asyncio.gather(*(users.sessions.open(code) for _ in range(5)), return_exceptions=True)

    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_latest_links_of_a_user_work_and_no_more(users: Users) -> None:
    user_id = await users.add(_EMAIL)
    codes = []
    for _ in range(MOST_LINKS + 1):
        users.clock.instant += _SECOND
        codes.append(await users.code(user_id))

    with pytest.raises(Unauthorized):
        await users.sessions.open(codes[0])
    for code in codes[1:]:
        await users.sessions.open(code)


async def test_one_mail_for_each_business_of_the_address(
    shop: Door, users: Users, outside: "asyncpg.Connection[Any]", database_url: str, redis_url: str
) -> None:
    async with open_door(database_url, redis_url) as other:
        elsewhere = Users(other, outside, mailbox=users.mailbox)
        await users.add("both@fade.example")
        await elsewhere.add("both@fade.example")

        await _ask(shop, "both@fade.example")
        await users.mail_codes()
        codes = await elsewhere.mail_codes()

        opened = [(await users.sessions.open(code)).tenant_id for code in codes]

    assert sorted(opened) == sorted([shop.tenant_id, other.tenant_id])


async def test_answer_is_the_same_and_takes_as_long_for_an_unknown_address(shop: Door, users: Users) -> None:
    for number in range(5):
        await users.add(f"known{number}@fade.example")

    async def timed(email: str) -> tuple[float, int, bytes, list[tuple[str, str]]]:
        begun = time.perf_counter()
        answered = await shop.http.post("/v1/sign-in", json={"email": email})
        headers = [pair for pair in answered.headers.items() if pair[0] not in {"x-request-id", "date"}]
        return time.perf_counter() - begun, answered.status_code, answered.content, headers

    known = [await timed(f"known{number}@fade.example") for number in range(5)]
    unknown = [await timed(f"unknown{number}@fade.example") for number in range(5)]

    assert len(await users.tasks()) == 5
    assert [one[1:] for one in known] == [one[1:] for one in unknown]
    assert min(one[0] for one in known + unknown) >= ANSWER_SECONDS
    median = [statistics.median(one[0] for one in some) for some in (known, unknown)]
    assert abs(median[0] - median[1]) < ANSWER_SECONDS / 2


async def test_nobody_is_locked_out_by_others_who_type_their_address(shop: Door, users: Users) -> None:
    await users.add(_EMAIL)
    codes: list[str] = []
    for _ in range(MOST_PER_EMAIL + 3):
        await users.sign_in.request(_EMAIL, client=None)
        codes = await users.mail_codes()

    assert len(codes) == MOST_PER_EMAIL
    users.clock.instant += LINK_LIFE - _SECOND
    await users.sessions.open(codes[-1])
    await users.sign_in.request(_EMAIL, client=None)
    assert len(await users.mail_codes()) == MOST_PER_EMAIL + 1


async def test_one_client_is_not_served_without_end_and_others_are(shop: Door, users: Users) -> None:
    for number in range(MOST_PER_CLIENT):
        await users.sign_in.request(f"guess{number}@fade.example", client=b"\x01\x02\x03\x04")

    for number in range(2):
        with pytest.raises(SignInRateLimited) as refused:
            await users.sign_in.request(f"more{number}@fade.example", client=b"\x01\x02\x03\x04")
        assert refused.value.facts == {"retry_after_seconds": LINK_LIFE.total_seconds()}
    await users.sign_in.request("guess@fade.example", client=b"\x01\x02\x03\x05")
    users.clock.instant += LINK_LIFE + _SECOND
    await users.sign_in.request("guess@fade.example", client=b"\x01\x02\x03\x04")


async def test_attempts_that_are_over_are_forgotten(users: Users, outside: "asyncpg.Connection[Any]") -> None:
    for number in range(3):
        await users.sign_in.request(f"old{number}@fade.example", client=None)
    users.clock.instant += timedelta(days=1)
    old = await outside.fetchval(
        "SELECT count(*) FROM sign_in_attempts WHERE since < $1", users.clock.instant - LINK_LIFE
    )

    await users.sign_in.request("new@fade.example", client=None)

    left = await outside.fetchval(
        "SELECT count(*) FROM sign_in_attempts WHERE since < $1", users.clock.instant - LINK_LIFE
    )
    assert left == max(0, old - 10)


async def test_ten_refreshes_at_once_get_the_same_successor_and_a_late_one_ends_the_session(
    shop: Door, users: Users
) -> None:
    first = await users.sessions.open(await users.code(await users.add(_EMAIL)))

    many = await asyncio.gather(*(users.sessions.refresh(first.refresh_token) for _ in range(10)))
    users.clock.instant += timedelta(seconds=20)
    again = await users.sessions.refresh(first.refresh_token)
    second = await users.sessions.refresh(again.refresh_token)

    assert {one.refresh_token for one in [*many, again]} == {many[0].refresh_token}
    assert len({first.refresh_token, many[0].refresh_token, second.refresh_token}) == 3
    users.clock.instant += _SECOND
    with pytest.raises(Unauthorized):
        await users.sessions.refresh(first.refresh_token)
    with pytest.raises(Unauthorized):
        await users.sessions.refresh(second.refresh_token)
    refused = await shop.http.get("/v1/business", headers=bearer(second.access_token))
    assert refused.status_code == 401


async def test_repeated_refresh_gets_its_successor_also_after_that_was_used(users: Users) -> None:
    first = await users.sessions.open(await users.code(await users.add(_EMAIL)))
    second = await users.sessions.refresh(first.refresh_token)
    third = await users.sessions.refresh(second.refresh_token)

    repeated = await users.sessions.refresh(first.refresh_token)

    assert repeated.refresh_token == second.refresh_token
    assert (await users.sessions.refresh(second.refresh_token)).refresh_token == third.refresh_token


async def test_made_up_refresh_token_ends_no_session(users: Users) -> None:
    opened = await users.sessions.open(await users.code(await users.add(_EMAIL)))
    await users.sessions.refresh(opened.refresh_token)
    users.clock.instant += timedelta(minutes=1)
    forged = opened.refresh_token[:-4] + ("AAAA" if not opened.refresh_token.endswith("AAAA") else "BBBB")
    current = (await users.sessions.refresh(await _successor(users, opened.refresh_token))).refresh_token

    with pytest.raises(Unauthorized):
        await users.sessions.refresh(forged)

    assert (await users.sessions.refresh(current)).refresh_token != current


async def _successor(users: Users, token: str) -> str:
    """The token after one, while repeating it is allowed."""
    users.clock.instant -= timedelta(minutes=1)
    successor = (await users.sessions.refresh(token)).refresh_token
    users.clock.instant += timedelta(minutes=1)
    return successor


async def test_session_that_nobody_refreshes_ends(users: Users, outside: "asyncpg.Connection[Any]") -> None:
    user_id = await users.add(_EMAIL)
    opened = await users.sessions.open(await users.code(user_id))
    users.clock.instant += SESSION_LIFE

    with pytest.raises(Unauthorized):
        await users.sessions.refresh(opened.refresh_token)
    await users.sessions.open(await users.code(user_id))

    assert await outside.fetchval("SELECT count(*) FROM user_sessions WHERE user_id = $1", user_id) == 1


async def test_oldest_session_ends_when_there_are_too_many(users: Users, outside: "asyncpg.Connection[Any]") -> None:
    user_id = await users.add(_EMAIL)
    opened = [await users.sessions.open(await users.code(user_id)) for _ in range(MOST_SESSIONS + 1)]

    with pytest.raises(Unauthorized):
        await users.sessions.refresh(opened[0].refresh_token)
    await users.sessions.refresh(opened[1].refresh_token)
    assert await outside.fetchval("SELECT count(*) FROM user_sessions WHERE user_id = $1", user_id) == MOST_SESSIONS


async def test_link_to_a_former_address_signs_nobody_in(shop: Door, users: Users) -> None:
    user_id = await users.add(_EMAIL)
    code = await users.code(user_id)

    await shop.send("PATCH", f"/v1/users/{user_id}", json={"email": "noa@new.example"}, status=200)

    with pytest.raises(Unauthorized):
        await users.sessions.open(code)
    await _ask(shop, "noa@new.example")
    assert len(await users.tasks()) == 1


@pytest.mark.parametrize("is_late", [False, True])
async def test_change_of_the_address_while_a_mail_is_written_leaves_the_former_one_no_link(
    shop: Door,
    users: Users,
    monkeypatch: pytest.MonkeyPatch,
    is_late: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    user_id = await users.add("noa@old.example")
    await users.sign_in.request("noa@old.example", client=None)
    make_link = users.sign_in.make_link

    async def change_meanwhile(*names: Any) -> str | None:
        link = await make_link(*names) if is_late else None
        await shop.send("PATCH", f"/v1/users/{user_id}", json={"email": "noa@new.example"}, status=200)
        return link or await make_link(*names)

    monkeypatch.setattr(users.sign_in, "make_link", change_meanwhile)

    (code,) = await users.mail_codes()

    if is_late:
        with pytest.raises(Unauthorized):
            await users.sessions.open(code)
    else:
        assert [mail.to for mail in users.mailbox.mails] == ["noa@new.example"]


async def test_access_token_says_nothing_personal(users: Users) -> None:
    token = await users.token(Role.OWNER)

    claims = jwt.decode(token, options={"verify_signature": False})

    assert set(claims) == {"iss", "aud", "sub", "sid", "iat", "exp"}


async def test_key_has_no_session_to_end(shop: Door) -> None:
    refused = await shop.send("DELETE", "/v1/sessions/current", status=404)

    assert refused["code"] == "not_found"


async def test_mail_is_tried_again_unless_its_address_is_refused_for_good(users: Users) -> None:
    await users.add(_EMAIL)
    await users.sign_in.request(_EMAIL, client=None)
    (task,) = await users.tasks()

    users.mailbox.failure = SendFailed(SendFault.DEFERRED, "The SMTP server takes no mail now (451).")
    with pytest.raises(TaskFailed):
        await users.handler.run(task)
    users.mailbox.failure = SendFailed(SendFault.REFUSED, "The SMTP server refuses the mail (550).")
    assert await users.handler.run(task) is None
    users.mailbox.failure = None
    assert await users.handler.run(task) is None

    assert len(users.mailbox.mails) == 1


async def test_mail_that_nobody_waits_for_any_more_is_not_sent(shop: Door, users: Users) -> None:
    user_id = await users.add(_EMAIL)
    await users.add("other@fade.example")
    await users.sign_in.request(_EMAIL, client=None)
    (task,) = await users.tasks()

    users.clock.instant += LINK_LIFE + timedelta(minutes=1)
    await users.handler.run(task)
    users.clock.instant -= LINK_LIFE
    await shop.send("DELETE", f"/v1/users/{user_id}", status=204)
    await users.handler.run(task)

    assert users.mailbox.mails == []


async def test_mail_names_the_business_in_text_and_escapes_it_in_html(users: Users, shop: Door) -> None:
    await shop.set_up("barbershop")
    await users.add(_EMAIL)
    await users.sign_in.request(_EMAIL, client=None)
    await users.mail_codes()

    (mail,) = users.mailbox.mails
    assert code_in(mail.html.replace('"', " ")) == code_in(mail.text)
    assert mail.subject.startswith("Sign in to Fade &")
    assert "Fade &amp; Co" in mail.html


@pytest.mark.parametrize(
    ("locale", "subject"),
    [("he", "כניסה אל Fade & Co"), ("de-AT", "Anmelden bei Fade & Co"), ("tlh", "Sign in to Fade & Co")],
)
async def test_mail_is_in_the_language_of_the_user(users: Users, shop: Door, locale: str, subject: str) -> None:
    await shop.set_up("barbershop")
    # An address of its own: attempts are counted by address, in the database of all tests here.
    email = f"{locale}@fade.example"
    await users.add(email, locale=locale)
    await users.sign_in.request(email, client=None)
    await users.mail_codes()

    (mail,) = users.mailbox.mails
    assert mail.subject == subject
    assert code_in(mail.html.replace('"', " ")) == code_in(mail.text)


async def test_link_that_is_opened_by_programs_is_not_spent(
    shop: Door, users: Users, outside: "asyncpg.Connection[Any]"
) -> None:
    link = await users.sign_in.make_link(shop.tenant_id, await users.add(_EMAIL))
    assert link is not None

    async def state() -> list[Any]:
        tables = ("sign_in_links", "user_sessions", "secrets", "audit_entries")
        return [
            await outside.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1 ORDER BY 1, 2", shop.tenant_id)  # noqa: S608
            for table in tables
        ]

    before = await state()
    opened = [
        await shop.http.request(method, link.removeprefix("https://book.example")) for method in ("GET", "HEAD") * 5
    ]
    after = await state()

    assert {answer.status_code for answer in opened} == {200}
    assert before == after
    assert (await users.sessions.open(code_in(link))).tenant_id == shop.tenant_id


async def test_page_runs_nothing_but_its_own_files(shop: Door) -> None:
    page = await shop.http.get("/sign-in")
    files = [await shop.http.get(f"/sign-in/{name}") for name in ("page.js", "words.js", "page.css")]

    for answer in [page, *files]:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status_code == 200
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "<style" not in page.text
    assert page.text.count("<script") == page.text.count('<script type="module" src=') == 1
