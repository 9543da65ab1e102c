"""The page on events, from the table of their types: `python -m tests.support.events_page` writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from events.event_types import EVENT_TYPES, EventField, EventType

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "events.md"
_SECTION: Final = "\n## `"


def page() -> str:
    """The page as it is down to the first type, then a section for each."""
    beginning = PAGE.read_text().partition(_SECTION)[0].rstrip()
    lines = [beginning, "", *(line for event_type in EVENT_TYPES for line in _section(event_type))]
    return "\n".join(lines).rstrip() + "\n"


def _section(event_type: EventType) -> Iterator[str]:
    yield f"## `{event_type.name}`"
    yield ""
    yield event_type.when if event_type.version == 1 else f"{event_type.when} Version {event_type.version}."
    yield ""
    yield "| Member | Type | Meaning |"
    yield "| --- | --- | --- |"
    for field in event_type.fields:
        yield f"| `{field.name}` | {_kind(field)} | {field.meaning} |"
    yield ""
    yield "```json"
    yield json.dumps(event_type.example)
    yield "```"
    yield ""


def _kind(field: EventField) -> str:
    kinds = [kind for part in field.schema.get("anyOf", [field.schema]) for kind in _kinds(part)]
    return " or ".join(kinds) + (", where there is one" if field.is_optional else "")


def _kinds(schema: dict[str, object]) -> list[str]:
    values = schema.get("enum")
    if isinstance(values, list):
        return [", ".join(f"`{value}`" for value in values)]
    return ["instant" if schema.get("format") == "date-time" else str(schema["type"])]


if __name__ == "__main__":
    PAGE.write_text(page())
