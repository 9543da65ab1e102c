"""Invitations as the second reader of the tests understands them."""

import re
from typing import Any
from zlib import crc32

import vobject
from vobject.icalendar import registerTzid


def read_by_vobject(content: bytes) -> Any:
    """The calendar, with the clock of the zone that came along.

    vobject keeps the first clock of each name, also of another calendar; so this one gets a name of its own. And it
    takes a clock that showed UTC in the year 2000 for UTC, and keeps none; so it is told of this one.
    """
    text = re.sub(r"TZID([:=])([\w/]+)", rf"TZID\1\2-{crc32(content)}", content.decode())
    calendar = vobject.readOne(text)
    clocks = calendar.contents.get("vtimezone", [])
    for clock in clocks:
        registerTzid(clock.contents["tzid"][0].value, clock.tzinfo)
    return vobject.readOne(text) if clocks else calendar
