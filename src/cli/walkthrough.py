"""The requests that `holdfast demo` prints: a booking from the first look to the cancellation, each to be pasted."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from kernel.zones import zone

# The examples' days off are nowhere near as long.
_DAYS_AHEAD: Final = 60
_GET: Final = 'curl -s -H "Authorization: Bearer $KEY"'
_POST: Final = 'curl -s -X POST -H "Authorization: Bearer $KEY" -H "Content-Type: application/json"'
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def walkthrough(
    document: Mapping[str, Any],
    *,
    url: str,
    secret_key: str,
    publishable_key: str,
    operator_key: str,
    now: datetime,
) -> Iterator[str]:
    """The lines to print about the business of the document."""
    service, resources = _booked(document)
    lead = resources[0]
    timezone = _timezone_of(lead, document)
    today = now.astimezone(zone(timezone)).date()
    day = next_open_day(resources, timezone=timezone, today=today)
    body = f'\\"service\\":\\"{service}\\",\\"resource\\":\\"{lead["key"]}\\",\\"start\\":\\"$START\\"'
    listing = f'"$URL/v1/availability?service={service}&resource={lead["key"]}&from={day}&to={day}"'
    customer = r'"{\"customer\":{\"name\":\"Ann\",\"email\":\"ann@example.com\"}}"'
    yield ""
    yield f"{document['business']['name']} is open at {url} - the API is described at {url}/docs"
    yield f"  secret key       {secret_key}"
    yield f"  publishable key  {publishable_key}"
    yield f"  try it           {url}/ in a browser; better, in two"
    yield f"  watch it         {url}/ops with the operator key {operator_key}"
    yield f"  its mails        {url}/mail#{operator_key}"
    yield ""
    yield "Paste these into another terminal, one after the other:"
    yield ""
    yield f"URL={url} KEY={secret_key}"
    yield f"# the free times of {lead['name']} on the next open day, and the first of them"
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


def next_open_day(resources: Sequence[Mapping[str, Any]], *, timezone: str, today: date) -> date:
    """The first date after today on which all the resources work, and none has time off."""
    for ahead in range(1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        if all(_is_there(resource, timezone, day) for resource in resources):
            return day
    keys = ", ".join(resource["key"] for resource in resources)
    message = f"{keys} are not there together in the next {_DAYS_AHEAD} days"
    raise AssertionError(message)


def _booked(document: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """The first service that one booking fills up, with the resources that serve first: the leading one in front."""
    for service in document["services"]:
        firsts = [_pool(entry, document)[0] for entry in service["requires"]]
        if firsts[0].get("capacity", 1) == 1:
            return service["key"], firsts
    message = "Bob could book every service beside Ann"
    raise AssertionError(message)


def _pool(entry: Mapping[str, Any], document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    resources = {resource["key"]: resource for resource in document["resources"]}
    if "any_of" in entry:
        return [resources[key] for key in entry["any_of"]]
    return [resource for resource in resources.values() if resource["kind"] == entry["kind"]]


def _timezone_of(resource: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The zone of the resource's location, which need not be named where there is only one."""
    locations = document["locations"]
    location = next((place for place in locations if place["key"] == resource.get("location")), locations[0])
    timezone: str = location.get("timezone", document["business"]["timezone"])
    return timezone


def _is_there(resource: Mapping[str, Any], timezone: str, day: date) -> bool:
    overrides = {_date(override["date"]): override["spans"] for override in resource.get("overrides", [])}
    weekdays = {weekday for hours in resource["hours"] for weekday in hours["days"]}
    works = bool(overrides[day]) if day in overrides else _WEEKDAYS[day.weekday()] in weekdays
    absent = (
        tuple(datetime.fromisoformat(str(entry[end])).astimezone(zone(timezone)).date() for end in ("start", "end"))
        for entry in resource.get("time_off", [])
    )
    return works and not any(first <= day <= last for first, last in absent)


def _first(member: str) -> str:
    """A pipe that picks the first string member of that name out of JSON, with what every machine has."""
    return f"""grep -o '"{member}": *"[^"]*"' | head -n 1 | cut -d '"' -f 4"""


def _date(written: object) -> date:
    return written if isinstance(written, date) else date.fromisoformat(str(written))
