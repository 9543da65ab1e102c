"""Customers are told of their visits by mail: at once, before them, and never of what is not so any more."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from messages.channels.mime import MailSender
from messages.channels.smtp import SmtpMailChannel
from messages.channels.smtp_server import read_smtp_url
from messages.model import SendFailed, SendFault
from tests.support.engine import FixedClock
from tests.support.notifications import Notices
from tests.support.smtp import mail_server

_SHOP = ZoneInfo("Asia/Jerusalem")


def _subjects(notices: Notices) -> list[str]:
    return [mail.subject for mail in notices.mailbox.mails]


async def test_booking_and_cancellation_are_told_by_mail_end_to_end(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    async with mail_server() as server:
        channel = SmtpMailChannel(
            read_smtp_url(f"smtp://127.0.0.1:{server.port}"),
            sender=MailSender(address="shop@example.com", name="Shop"),
            clock=FixedClock(datetime.now(UTC)),
        )
        told = Notices(notices.door, notices.outside, mails=channel)

        booked = await told.book(start)
        await told.run()
        await told.cancel(booked)
        await told.run()

    assert [mail["To"] for mail in server.mails] == ["dana@example.com", "dana@example.com"]
    confirmed, cancelled = server.mails
    assert "Haircut" in confirmed["Subject"]
    assert confirmed["Subject"] != cancelled["Subject"]
    assert await told.statuses(booked) == [
        ("confirmed", "sent"),
        ("reminder:1440", "withdrawn"),
        ("reminder:60", "withdrawn"),
        ("cancelled", "sent"),
    ]


async def test_reminders_come_at_their_times(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    booked = await notices.book(start)
    await notices.run()
    begins = datetime.fromisoformat(start)

    seen = []
    for before in (
        timedelta(hours=24, minutes=1),
        timedelta(hours=24),
        timedelta(hours=1, minutes=1),
        timedelta(hours=1),
    ):
        notices.clock.instant = begins - before
        await notices.run()
        seen.append(len(notices.mailbox.mails))

    assert seen == [1, 2, 2, 3]
    assert [row["due_at"] for row in await notices.rows(booked) if row["rule"]] == [
        begins - timedelta(hours=24),
        begins - timedelta(hours=1),
    ]


async def test_moved_visit_has_the_reminders_of_its_new_time(notices: Notices) -> None:
    first, *_, last = await notices.free_starts()
    booked = await notices.book(first)
    await notices.run()

    await notices.move(booked, last)
    await notices.run()
    notices.clock.instant = datetime.fromisoformat(last) - timedelta(hours=1)
    await notices.run()

    assert [row["status"] for row in await notices.rows(booked) if row["kind"] == "reminder"].count("sent") == 2
    sent = [row["visit_start"] for row in await notices.rows(booked) if row["rule"] and row["status"] == "sent"]
    assert sent == [datetime.fromisoformat(last)] * 2


async def test_visit_moved_back_has_its_reminders_again(notices: Notices) -> None:
    first, *_, last = await notices.free_starts()
    booked = await notices.book(first)
    await notices.run()

    for start in (last, first):
        await notices.move(booked, start)
        await notices.run()

    planned = [row["visit_start"] for row in await notices.rows(booked) if row["rule"] and row["status"] == "planned"]
    assert planned == [datetime.fromisoformat(first)] * 2


async def test_twenty_moves_in_a_minute_are_told_twice_at_most(notices: Notices) -> None:
    starts = await notices.free_starts()
    booked = await notices.book(starts[0])
    await notices.run()
    notices.mailbox.mails.clear()

    for number in range(20):
        await notices.move(booked, starts[number % 2 + 1])
        await notices.run()
    notices.pass_time(seconds=70)
    await notices.run()

    assert len(notices.mailbox.mails) == 2
    final = await notices.door.send("GET", f"/v1/appointments/{booked['id']}", status=200)
    begins = datetime.fromisoformat(final["start"]).astimezone(_SHOP)
    assert f"{begins:%H:%M}" in notices.mailbox.mails[-1].subject


async def test_visits_cancelled_a_minute_before_their_reminders_are_not_reminded(notices: Notices) -> None:
    starts = await notices.free_starts()
    booked = [await notices.book(starts[number], email=f"dana{number}@example.com") for number in (0, 5, 10, 15, 20)]
    await notices.run()
    notices.mailbox.mails.clear()
    first = min(datetime.fromisoformat(one["start"]) for one in booked)
    notices.clock.instant = first - timedelta(hours=24, seconds=60)
    await notices.run()

    for one in booked:
        await notices.cancel(one)
    notices.clock.instant = first + timedelta(hours=1)
    await notices.run()

    assert [row["status"] for row in await notices.rows() if row["kind"] == "reminder"] == ["withdrawn"] * 10
    assert not await notices.outside.fetchval(
        "SELECT count(*) FROM tasks WHERE tenant_id = $1 AND kind = 'notifications.send'", notices.door.tenant_id
    )


async def test_event_makes_one_message_however_often_it_is_planned(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    booked = await notices.book(start)
    await notices.run()

    for _ in range(3):
        await notices.outside.execute(
            "INSERT INTO tasks (tenant_id, kind, subject, key, due_at)"
            " VALUES ($1, 'notifications.plan', $2, $2, now())",
            notices.door.tenant_id,
            booked["id"],
        )
        await notices.run()

    assert _subjects(notices) == [notices.mailbox.mails[0].subject]


async def test_mail_that_is_deferred_is_tried_again(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    notices.mailbox.failure = SendFailed(SendFault.DEFERRED, "The SMTP server takes no mail now (450).")
    booked = await notices.book(start)
    await notices.run()
    assert (await notices.statuses(booked))[0] == ("confirmed", "planned")

    notices.mailbox.failure = None
    notices.pass_time(seconds=90)
    await notices.run()

    assert (await notices.statuses(booked))[0] == ("confirmed", "sent")
    assert len(notices.mailbox.mails) == 1


async def test_nobody_at_the_address_is_a_bounce(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    notices.mailbox.failure = SendFailed(SendFault.GONE, "The SMTP server knows no such receiver (550).")
    booked = await notices.book(start)

    await notices.run()

    assert (await notices.statuses(booked))[0] == ("confirmed", "bounced")
    await notices.cancel(booked)
    await notices.run()
    assert (await notices.statuses(booked))[-1] == ("cancelled", "skipped")


async def test_customer_who_said_no_to_reminders_gets_none(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    booked = await notices.book(start)
    path = f"/v1/customers/{booked['customer']['id']}/consents/reminders"
    await notices.door.send("PUT", path, json={"granted": False, "source": "test"}, status=200)
    await notices.run()

    notices.clock.instant = datetime.fromisoformat(start) - timedelta(minutes=59)
    await notices.run()

    assert await notices.statuses(booked) == [
        ("confirmed", "sent"),
        ("reminder:1440", "skipped"),
        ("reminder:60", "skipped"),
    ]


async def test_erased_customer_gets_nothing(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    booked = await notices.book(start)
    await notices.run()
    await notices.door.send("DELETE", f"/v1/customers/{booked['customer']['id']}", status=204)

    notices.clock.instant = datetime.fromisoformat(start) - timedelta(minutes=59)
    await notices.run()

    assert len(notices.mailbox.mails) == 1
    assert {row["status"] for row in await notices.rows(booked) if row["rule"]} == {"withdrawn"}


async def test_rows_and_tasks_name_nobody(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    await notices.book(start, name="Qzjxw Levi", email="qzjxw@example.com")
    await notices.run()

    kept = [dict(row) for row in await notices.rows()]
    tasks = [dict(row) for row in await notices.outside.fetch("SELECT * FROM tasks")]

    assert kept
    assert "qzjxw" not in repr([*kept, *tasks]).lower()


async def test_notifications_are_listed_a_page_at_a_time(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    booked = await notices.book(start)
    await notices.run()
    path, query = "/v1/notifications", {"appointment": booked["id"], "limit": 2}

    first = await notices.door.send("GET", path, params=query, status=200)
    rest = await notices.door.send("GET", path, params={**query, "cursor": first["next_cursor"]}, status=200)
    sent = await notices.door.send("GET", path, params={"status": "sent"}, status=200)

    assert len(first["data"]) == 2
    assert [one["kind"] for one in [*first["data"], *rest["data"]]].count("reminder") == 2
    assert rest["next_cursor"] is None
    assert [(one["kind"], one["recipient"]["kind"]) for one in sent["data"]] == [("confirmed", "customer")]
    assert "dana" not in repr(first).lower()


async def test_message_is_sent_again_on_request_and_never_what_is_not_so_any_more(notices: Notices) -> None:
    first, *_, last = await notices.free_starts()
    booked = await notices.book(first)
    await notices.run()
    listed = await notices.door.send("GET", "/v1/notifications", params={"status": "sent"}, status=200)
    planned = await notices.door.send("GET", "/v1/notifications", params={"status": "planned"}, status=200)
    path = f"/v1/notifications/{listed['data'][0]['id']}/resend"

    again = await notices.door.send("POST", path, status=202)
    await notices.run()
    told_twice = _subjects(notices)
    waits = await notices.door.send("POST", f"/v1/notifications/{planned['data'][0]['id']}/resend", status=409)
    await notices.move(booked, last)
    await notices.run()
    await notices.door.send("POST", path, status=202)
    await notices.run()

    assert (again["status"], again["kind"]) == ("planned", "confirmed")
    assert len(told_twice) == 2
    assert told_twice[0] == told_twice[1]
    assert (waits["code"], waits["notification_status"]) == ("notification_not_resendable", "planned")
    # The message of the former time is not sent again.
    assert [subject for subject in _subjects(notices) if subject == told_twice[0]] == told_twice
    assert "changed" in {row["reason"] for row in await notices.rows(booked)}


async def test_place_that_is_called_as_its_street_is_told_once_and_in_one_line(notices: Notices) -> None:
    (start, *_) = await notices.free_starts()
    await notices.book(start)
    await notices.run()

    (mail,) = notices.mailbox.mails
    assert "Where: Dizengoff 12, Tel Aviv, The blue door beside the bakery" in mail.text
