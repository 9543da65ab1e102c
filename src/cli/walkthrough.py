"""The requests that `holdfast demo` prints: a booking from the first look to the cancellation, each to be pasted."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from kernel.zones import zone

_SERVICE: Final = "haircut"
# The example's days off are nowhere near as long.
_DAYS_AHEAD: Final = 60
_GET: Final = 'curl -s -H "Authorization: Bearer $KEY"'
_POST: Final = 'curl -s -X POST -H "Authorization: Bearer $KEY" -H "Content-Type: application/json"'
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def walkthrough(
    document: Mapping[str, Any], *, url: str, secret_key: str, publishable_key: str, now: datetime
) -> Iterator[str]:
    """What to print about the business of the document, line by line."""
    timezone = document["locations"][0]["timezone"]
    service = next(service for service in document["services"] if service["key"] == _SERVICE)
    name = service["requires"][0]["any_of"][0]
    resource = next(resource for resource in document["resources"] if resource["key"] == name)
    day = next_open_day(resource, timezone=timezone, today=now.astimezone(zone(timezone)).date())
    body = f'\\"service\\":\\"{_SERVICE}\\",\\"resource\\":\\"{name}\\",\\"start\\":\\"$START\\"'
    listing = f'"$URL/v1/availability?service={_SERVICE}&resource={name}&from={day}&to={day}"'
    customer = r'"{\"customer\":{\"name\":\"Ann\",\"email\":\"ann@example.com\"}}"'
    yield ""
    yield f"{document['business']['name']} is open at {url} - the API is described at {url}/docs"
    yield f"  secret key       {secret_key}"
    yield f"  publishable key  {publishable_key}"
    yield ""
    yield "Paste these into another terminal, one after the other:"
    yield ""
    yield f"URL={url} KEY={secret_key}"
    yield "# the free times of one barber on the next open day, and the first of them"
    yield f"{_GET} {listing}; echo"
    yield f"START=$({_GET} {listing} | {_first('start')}); echo $START"
    yield "# Ann holds it"
    yield f'HOLD=$({_POST} "$URL/v1/holds" -d "{{{body},\\"client\\":\\"ann\\"}}" | {_first("id")}); echo $HOLD'
    yield "# Bob wants it too: 409 slot_held"
    yield f'{_POST} -i "$URL/v1/holds" -d "{{{body},\\"client\\":\\"bob\\"}}"; echo'
    yield "# Ann confirms: 201, an appointment"
    yield f'APPOINTMENT=$({_POST} "$URL/v1/holds/$HOLD/confirm" -d {customer} | {_first("id")}); echo $APPOINTMENT'
    yield "# the list no longer has it: 0"
    yield f'{_GET} {listing} | grep -c "\\"start\\": *\\"$START\\""'
    yield "# Ann cancels"
    yield f'{_POST} "$URL/v1/appointments/$APPOINTMENT/cancel" -d "{{}}"; echo'
    yield "# the list has it again: 1"
    yield f'{_GET} {listing} | grep -c "\\"start\\": *\\"$START\\""'
    yield ""


def next_open_day(resource: Mapping[str, Any], *, timezone: str, today: date) -> date:
    """The first date after today on which the resource works and has no time off."""
    weekdays = {day for hours in resource["hours"] for day in hours["days"]}
    overrides = {_date(override["date"]): override["spans"] for override in resource.get("overrides", [])}
    absent = [
        tuple(datetime.fromisoformat(str(entry[end])).astimezone(zone(timezone)).date() for end in ("start", "end"))
        for entry in resource.get("time_off", [])
    ]
    for ahead in range(1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        works = bool(overrides[day]) if day in overrides else _WEEKDAYS[day.weekday()] in weekdays
        if works and not any(first <= day <= last for first, last in absent):
            return day
    message = f"{resource['key']} does not work in the next {_DAYS_AHEAD} days"
    raise AssertionError(message)


def _first(member: str) -> str:
    """A pipe that picks the first string member of that name out of JSON, with what every machine has."""
    return f"""grep -o '"{member}": *"[^"]*"' | head -n 1 | cut -d '"' -f 4"""


def _date(written: object) -> date:
    return written if isinstance(written, date) else date.fromisoformat(str(written))
