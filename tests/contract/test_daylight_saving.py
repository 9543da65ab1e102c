"""The engine's rules answer every published case of daylight saving as it says, and the cases tell right from wrong."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from availability.rules.bitmaps import every_minute
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.eligibility import ResourceState, StartQuery
from availability.rules.search import search
from availability.rules.working_time import working_spans
from catalogue.model.catalogue import Catalogue
from kernel.spans import MINUTES_PER_DAY, Span, to_datetime
from kernel.zones import local_date, local_now, wall_span, zone
from tests.support.conformance import FOLDER, Case, cases_of, document_for, files
from tests.support.documents import catalogue_of

_GENERATOR: Final = FOLDER / "generate.py"
_BERLIN: Final = FOLDER / "europe-berlin.json"
_KATHMANDU: Final = FOLDER / "asia-kathmandu.json"


def _working_time(catalogue: Catalogue, case: Case) -> list[dict[str, Any]]:
    resource = catalogue.find_resource(case.key)
    assert resource is not None
    found = []
    for day in _dates(case):
        spans = working_spans(resource.schedule, day)
        found.append(
            {
                "date": day.isoformat(),
                "minutes": sum(span.minutes for span in spans),
                "spans": [[_utc(to_datetime(span.start)), _utc(to_datetime(span.end))] for span in spans],
            }
        )
    return found


def _starts(index: CatalogueIndex, case: Case) -> list[dict[str, str]]:
    """The starts on the dates of the case; those of a stay with their ends."""
    service = index.catalogue.find_service(case.key)
    assert service is not None
    # No wider than the listing asks: what is before must be found by the rules.
    asked_for = wall_span(case.zone, case.first, 0, len(_dates(case)) * MINUTES_PER_DAY)
    starts = Span(asked_for[0].start, asked_for[-1].end)
    window = index.listing_window(service, starts)
    free = every_minute(window)
    states = {r: ResourceState(time_off_free=free, lanes=(free,)) for r in index.requirements(service).resource_ids}
    question = StartQuery(service=service, now=case.asked_at, starts=starts, window=window)
    return [
        {
            "utc": _utc(to_datetime(offer.start)),
            "local": _local(case, offer.start),
            **({} if service.duration is None else {"end": _local(case, offer.end)}),
        }
        for offer in search(index, question, states).slots()
        if case.first <= local_date(case.zone, offer.start) <= case.last
    ]


def _local(case: Case, minute: int) -> str:
    return local_now(case.zone, to_datetime(minute)).isoformat(timespec="seconds")


def _dates(case: Case) -> list[date]:
    return [case.first + timedelta(days=number) for number in range((case.last - case.first).days + 1)]


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_engine_answers_every_case(file: Path) -> None:
    cases = cases_of(file)
    index = CatalogueIndex(catalogue_of(document_for(cases)))

    wrong_hours = [case.id for case in cases if _working_time(index.catalogue, case) != case.asked["working_time"]]
    wrong_starts = [case.id for case in cases if _starts(index, case) != case.asked["starts"]]

    assert cases
    assert (wrong_hours, wrong_starts) == ([], [])


def test_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, _GENERATOR, tmp_path], check=True)

    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    # make conformance writes them anew.
    assert {file.name: file.read_bytes() for file in files()} == written


def test_generator_shares_no_code_with_the_engine() -> None:
    nodes = list(ast.walk(ast.parse(_GENERATOR.read_text())))

    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]

    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"tzdata"}


def test_case_ids_are_unique() -> None:
    keys = [case.key for file in files() for case in cases_of(file)]

    assert len(set(keys)) == len(keys)


def _counted_from_midnight(case: Case, day: date, minutes: int) -> datetime:
    """Wrong: elapsed minutes since midnight are taken for a reading."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone(case.zone)).astimezone(UTC)
    return midnight + timedelta(minutes=minutes)


def _taken_for_an_instant(case: Case, day: date, minutes: int) -> datetime:
    """Wrong: a reading that is skipped or shown twice is taken for one instant."""
    reading = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - of no zone yet
    return reading.replace(tzinfo=zone(case.zone)).astimezone(UTC)


def _failed(file: Path, instant_of: Callable[[Case, date, int], datetime]) -> set[str]:
    """The cases with nothing but weekly hours that are failed by a scheduler that turns hours into two instants."""
    failed = set()
    for case in cases_of(file):
        if case.asked["service"].keys() & {"duration", "rules"}:
            continue
        grid, length = case.asked["service"]["grid"], case.asked["service"]["duration_minutes"]
        hours, *more = case.asked["hours"]
        special = case.asked.keys() & {"breaks", "overrides", "closures"} or hours.keys() & {"every_weeks", "nth"}
        if special or more or grid.keys() & {"at", "last_start_minutes"} or grid["align"] == "clock":
            continue
        opening, closing = (int(hours[end][:2]) * 60 + int(hours[end][3:]) for end in ("start", "end"))
        closing += MINUTES_PER_DAY if closing <= opening else 0
        starts = set()
        for day in [case.first - timedelta(days=1), *_dates(case)]:
            start, end = instant_of(case, day, opening), instant_of(case, day, closing)
            while start + timedelta(minutes=length) <= end:
                if case.first <= start.astimezone(zone(case.zone)).date() <= case.last:
                    starts.add(start)
                start += timedelta(minutes=grid["step_minutes"])
        if starts != set(case.starts):
            failed.add(case.id)
    return failed


def test_cases_fail_who_counts_minutes_from_midnight() -> None:
    failed = _failed(_BERLIN, _counted_from_midnight)

    assert {"2026-03-29-day-shift", "2026-10-25-day-shift", "2026-10-25-over-it"} <= failed
    assert _failed(_KATHMANDU, _counted_from_midnight) == set()


def test_cases_fail_who_takes_each_reading_for_one_instant() -> None:
    failed = _failed(_BERLIN, _taken_for_an_instant)

    assert {"2026-03-29-opens-inside", "2026-10-25-closes-inside", "2026-10-25-all-inside"} <= failed
    assert not {"2026-03-29-day-shift", "2026-10-25-day-shift"} & failed
    assert _failed(_KATHMANDU, _taken_for_an_instant) == set()


def test_cases_fail_who_counts_a_night_as_a_day_of_24_hours() -> None:
    def failed(file: Path) -> set[str]:
        return {case.id for case in cases_of(file) if set(_lengths(case)) - {_length_without_a_change(case)}}

    assert {"2026-03-29-three-nights", "2026-10-25-three-nights"} <= failed(_BERLIN)
    assert failed(_KATHMANDU) == set()


def _lengths(case: Case) -> Iterator[timedelta]:
    """How long each stay of a case lasts; of other visits, nothing."""
    if "duration" in case.asked["service"]:
        for start in case.asked["starts"]:
            yield datetime.fromisoformat(start["end"]) - datetime.fromisoformat(start["utc"])


def _length_without_a_change(case: Case) -> timedelta | None:
    stay = case.asked["service"].get("duration")
    if stay is None:
        return None
    check_in, check_out = (datetime.strptime(stay[end], "%H:%M") for end in ("check_in", "check_out"))  # noqa: DTZ007 - readings
    return timedelta(days=stay["nights"]) + (check_out - check_in)
