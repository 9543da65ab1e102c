"""The published cases of conformance/daylight-saving, and a business in which each of them is set up."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "conformance" / "daylight-saving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: what is asked, and what the answer is."""

    key: str
    """Of its resource and its service."""
    id: str
    zone: str
    asked: Mapping[str, Any]

    @property
    def first(self) -> date:
        """The first local date that is asked for."""
        return date.fromisoformat(self.asked["from"])

    @property
    def asked_at(self) -> datetime:
        """A time before it: no start of the case is past, and none is too far ahead."""
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC) - timedelta(days=30)

    @property
    def last(self) -> date:
        """The last local date that is asked for."""
        return date.fromisoformat(self.asked["until"])

    @property
    def closures(self) -> list[dict[str, Any]]:
        """The dates on which its location is closed."""
        return list(self.asked.get("closures", ()))

    @property
    def starts(self) -> list[datetime]:
        """The answer."""
        return [datetime.fromisoformat(start["utc"]) for start in self.asked["starts"]]


def files() -> list[Path]:
    """One for each zone."""
    return sorted(FOLDER.glob("*.json"))


def cases_of(file: Path) -> list[Case]:
    """The cases of a zone."""
    content = json.loads(file.read_text())
    return [
        Case(key=f"{file.stem}-{asked['id']}", id=asked["id"], zone=content["zone"], asked=asked)
        for asked in content["cases"]
    ]


def document_for(cases: Iterable[Case]) -> dict[str, Any]:
    """A business with a location for each zone, and a resource and a service for each case."""
    cases = list(cases)
    # A location is closed as a whole: a case with closures has one to itself.
    zones = {_place(case): f"zone-{number}" for number, case in enumerate(cases)}
    return {
        "business": {"name": "Conformance", "timezone": "UTC", "currency": "EUR"},
        "locations": [
            {"key": zones[_place(case)], "name": case.zone, "timezone": case.zone, "closures": case.closures}
            for case in {_place(case): case for case in cases}.values()
        ],
        "resources": [
            {
                "key": case.key,
                "kind": "staff",
                "name": case.asked["about"],
                "location": zones[_place(case)],
                **{name: case.asked[name] for name in ("hours", "breaks", "overrides") if name in case.asked},
            }
            for case in cases
        ],
        "services": [
            {
                "key": case.key,
                "name": case.asked["about"],
                "requires": [{"role": "staff", "any_of": [case.key]}],
                **case.asked["service"],
            }
            for case in cases
        ],
    }


def _place(case: Case) -> str:
    """The cases at one location have the same."""
    return case.key if case.closures else case.zone
