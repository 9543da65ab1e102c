"""What is special about the example clinic, booked over HTTP: visits that need several resources, for parts of them."""

from datetime import datetime

import pytest

from tests.support.door import Door, who

# The doctor is needed until 09:10 and again from 09:40, the laser from 09:40; the room from 08:55 until 10:15.
_LASER = "2026-12-07T09:00:00+01:00"
# A consultation of twenty minutes, and five to tidy up: just until 09:40.
_IN_BETWEEN = "2026-12-07T09:15:00+01:00"


@pytest.fixture
async def clinic(door: Door) -> Door:
    await door.set_up("clinic")
    return door


async def test_doctor_sees_somebody_else_while_the_cream_works(clinic: Door) -> None:
    laser = await clinic.book("laser-treatment", _LASER, resource="dr-adler")
    before = await clinic.slots("consultation", "2026-12-07", resource="dr-adler")

    between = await clinic.book("consultation", _IN_BETWEEN, resource="dr-adler")
    after = await clinic.slots("consultation", "2026-12-07", resource="dr-adler")

    assert who(laser) == [("doctor", "dr-adler"), ("device", "laser"), ("room", "room-1")]
    assert who(between) == [("doctor", "dr-adler"), ("room", "room-2")]
    # 08:30 and not 08:45: the doctor gets ready for five minutes. 10:15: the last part has a buffer after it.
    times = [start[11:16] for start in before]
    assert [time for time in times if "08:15" <= time <= "10:30"] == ["08:15", "08:30", "09:15", "10:15", "10:30"]
    assert _IN_BETWEEN in before
    assert _IN_BETWEEN not in after


async def test_device_is_busy_for_its_part_and_cools_down_after_it(clinic: Door) -> None:
    await clinic.book("laser-treatment", "2026-12-07T10:00:00+01:00", resource="dr-adler")

    slots = await clinic.slots("laser-treatment", "2026-12-07", resource="dr-brandt")

    # The laser is taken from 10:40 to 11:15; a treatment wants it 40 minutes after it has begun, for 35.
    times = [start[11:16] for start in slots]
    assert [time for time in times if "09:00" <= time <= "11:30"] == ["09:00", "11:00", "11:30"]


async def test_visit_is_refused_whole_when_one_of_three_is_missing(clinic: Door) -> None:
    await clinic.hold("laser-treatment", _LASER, resource="dr-adler")

    refused = await clinic.hold("laser-treatment", _LASER, resource="dr-brandt", status=409)
    consultations = await clinic.slots("consultation", "2026-12-07", resource="dr-brandt")
    instead = await clinic.book("consultation", _LASER, resource="dr-brandt")

    # Only the laser was not to be had; the refusal keeps neither the doctor nor the other room.
    assert refused["code"] == "slot_held"
    assert _LASER in consultations
    assert who(instead) == [("doctor", "dr-brandt"), ("room", "room-2")]


async def test_hold_that_is_given_up_frees_all_three(clinic: Door) -> None:
    before = await clinic.slots("laser-treatment", "2026-12-07")
    hold = await clinic.hold("laser-treatment", _LASER)
    meanwhile = await clinic.slots("laser-treatment", "2026-12-07")

    await clinic.send("DELETE", f"/v1/holds/{hold['id']}", headers=clinic.publishable, status=204)

    assert _LASER in before
    assert _LASER not in meanwhile
    assert await clinic.slots("laser-treatment", "2026-12-07") == before


async def test_patients_without_a_room_are_refused_though_doctors_are_free(clinic: Door) -> None:
    await clinic.book("laser-treatment", _LASER, resource="dr-adler")
    await clinic.book("consultation", _LASER, resource="dr-brandt")

    third = await clinic.hold("consultation", _LASER, resource="dr-cerny", status=409)

    assert third["code"] == "slot_taken"


async def test_surgery_takes_two_nurses_and_leaves_one(clinic: Door) -> None:
    start = "2026-12-07T10:00:00+01:00"

    surgery = await clinic.book("minor-surgery", start)
    therapy = await clinic.slots("light-therapy", "2026-12-07")
    last_nurse = await clinic.book("light-therapy", start)
    nobody = await clinic.hold("light-therapy", start, status=409)

    nurses = [resource for role, resource in who(surgery) if role == "nurse"]
    assert who(surgery) == [("surgeon", "dr-adler"), ("nurse", "ida"), ("nurse", "jon"), ("theatre", "theatre")]
    assert therapy[start]["remaining"] == 1
    # Preparing takes fifteen minutes, cleaning up thirty.
    assert therapy["2026-12-07T09:00:00+01:00"]["remaining"] == 3
    assert therapy["2026-12-07T09:30:00+01:00"]["remaining"] == 1
    assert therapy["2026-12-07T11:00:00+01:00"]["remaining"] == 1
    assert therapy["2026-12-07T11:30:00+01:00"]["remaining"] == 3
    assert last_nurse["resources"][0]["resource"] not in nurses
    assert nobody["code"] == "slot_taken"


async def test_surgery_with_its_buffers_is_inside_the_hours(clinic: Door) -> None:
    slots = await clinic.slots("minor-surgery", "2026-12-07", resource="dr-brandt")

    times = [start[11:16] for start in slots]
    assert (times[0], times[-1]) == ("08:15", "12:45")


async def test_overlapping_pools_are_met_where_the_first_choice_would_fail(clinic: Door) -> None:
    monday, tuesday = "2026-12-07T09:00:00+01:00", "2026-12-08T09:00:00+01:00"
    slots = await clinic.slots("ultrasound", "2026-12-07", "2026-12-08")

    with_all = await clinic.book("ultrasound", monday)
    without_cerny = await clinic.book("ultrasound", tuesday)
    alone = await clinic.hold("ultrasound", "2026-12-08T10:00:00+01:00", resource="dr-cerny", status=422)

    assert who(with_all) == [("lead", "dr-adler"), ("scan", "dr-cerny"), ("device", "scanner")]
    assert who(without_cerny) == [("lead", "dr-brandt"), ("scan", "dr-adler"), ("device", "scanner")]
    assert slots[monday]["resources"] == ["dr-adler", "dr-brandt"]
    assert slots[tuesday]["resources"] == ["dr-brandt"]
    assert alone["reason"] == "closed"


async def test_overlapping_pools_change_over_when_somebody_is_booked(clinic: Door) -> None:
    start = "2026-12-07T09:00:00+01:00"
    await clinic.book("consultation", start, resource="dr-cerny")

    booked = await clinic.book("ultrasound", start)

    assert who(booked) == [("lead", "dr-brandt"), ("scan", "dr-adler"), ("device", "scanner")]


async def test_who_serves_decides_how_long_it_takes_and_what_it_costs(clinic: Door) -> None:
    start = "2026-12-07T09:00:00+01:00"

    usual = await clinic.book("consultation", start, resource="dr-brandt")
    in_training = await clinic.book("consultation", start, resource="dr-cerny")

    def minutes(booked: dict[str, str]) -> float:
        return (datetime.fromisoformat(booked["end"]) - datetime.fromisoformat(booked["start"])).total_seconds() / 60

    assert (minutes(usual), usual["price"]["amount_minor"]) == (20, 9000)
    assert (minutes(in_training), in_training["price"]["amount_minor"]) == (35, 6000)
