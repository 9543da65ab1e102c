"""Warnings about a set-up that is accepted, but is hardly meant so."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, islice
from typing import Final

from catalogue.desired import DesiredCatalogue
from catalogue.limits import MAX_SEARCH_STEPS
from catalogue.model.grid import Align
from catalogue.model.locations import Location
from catalogue.model.objects import CatalogueObject
from catalogue.model.requirements import Requirement
from catalogue.model.resources import Resource
from catalogue.model.rules.effective import effective_rules
from catalogue.model.rules.level import Rules
from catalogue.model.rules.reschedule import FeeAfterMove
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.model.schedules import Schedule, WeeklySpan
from catalogue.model.services import Service
from catalogue.model.wall_clock import WallSpan, Weekday
from catalogue.service_cost import ServiceCosts
from kernel.spans import MINUTES_PER_DAY, Span, merged, without

_MOST_WARNINGS: Final = 100
"""Warnings beyond these are left out: somebody who has more reads the first of them anyway."""
_LONG_NIGHT_MINUTES: Final = 16 * 60
"""Longer than any shift: the end was rather meant on the same date."""
_WEEK: Final = 7 * MINUTES_PER_DAY
_DATES_OF_A_CALENDAR: Final = 7
"""Dates that a calendar asks for at once, at least."""
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CatalogueWarning:
    """One part of a set-up that is hardly meant so, and where."""

    pointer: str
    """A path in the business document, such as `services[2].grid.offset_minutes`."""
    detail: str


def warnings_of(desired: DesiredCatalogue) -> tuple[CatalogueWarning, ...]:
    """All warnings in the order of the document, up to a hundred."""
    return tuple(islice(_warnings(desired), _MOST_WARNINGS))


def warnings_about(item: CatalogueObject, desired: DesiredCatalogue) -> tuple[CatalogueWarning, ...]:
    """The warnings about one object, up to a hundred; their pointers are paths in the object, empty for all of it."""
    found: Iterator[CatalogueWarning] = iter(())
    match item:
        case Location():
            pass
        case Resource():
            found = chain(_of_resource("", item, desired), _of_served(item, desired))
        case Service():
            found = _of_service("", item, desired, ServiceCosts(desired.resources), _LongestRuns(desired.resources))
    return tuple(replace(one, pointer=one.pointer.removeprefix(".")) for one in islice(found, _MOST_WARNINGS))


def _warnings(desired: DesiredCatalogue) -> Iterator[CatalogueWarning]:
    yield from _of_policies("business.rules", Rules(), desired.business.rules, desired)
    yield from _of_release("business.rules", desired.business.rules, desired.business.rules)
    for place, resource in enumerate(desired.resources):
        yield from _of_resource(f"resources[{place}]", resource, desired)
    costs, longest = ServiceCosts(desired.resources), _LongestRuns(desired.resources)
    for place, service in enumerate(desired.services):
        yield from _of_service(f"services[{place}]", service, desired, costs, longest)


def _of_resource(pointer: str, resource: Resource, desired: DesiredCatalogue) -> Iterator[CatalogueWarning]:
    yield from _of_schedule(pointer, resource.schedule)
    if resource.exclusive is not None and resource.capacity == 1:
        yield CatalogueWarning(
            f"{pointer}.exclusive", "changes nothing with a capacity of 1: nobody else could take part in a session"
        )
    if _sets_policies(resource.rules):
        led = (service for service in desired.services if _may_meet(resource, service.requires[0]))
        found = (_of_policies(f"{pointer}.rules", resource.rules, service.rules, desired) for service in led)
        yield from islice(chain.from_iterable(found), 1)
    yield from _of_release(f"{pointer}.rules", resource.rules, desired.business.rules, [resource])


def _of_served(resource: Resource, desired: DesiredCatalogue) -> Iterator[CatalogueWarning]:
    """The services that the resource leads, and that nobody works for long enough."""
    longest = _LongestRuns(desired.resources)
    member = "located" if resource.schedule.located else "hours"
    for service in desired.services:
        if _may_meet(resource, service.requires[0]):
            for one in _of_hours_of_grid("", service, longest.of(service.requires[0])):
                where = one.pointer.removeprefix(".")
                yield CatalogueWarning(member, f'too short for the service "{service.key}": its {where} {one.detail}')


def _of_service(
    pointer: str, service: Service, desired: DesiredCatalogue, costs: ServiceCosts, longest: "_LongestRuns"
) -> Iterator[CatalogueWarning]:
    yield from _of_grid(pointer, service, longest.of(service.requires[0]))
    yield from _of_choices(pointer, service, longest.of(service.requires[0]))
    if _sets_policies(service.rules):
        yield from _of_policies(f"{pointer}.rules", Rules(), service.rules, desired)
    leads = longest.pool(service.requires[0])
    yield from _of_release(f"{pointer}.rules", service.rules, desired.business.rules, leads)
    yield from _of_moves_between_prices(pointer, service, desired.business.rules)
    yield from _of_cost(pointer, costs.listing_steps(service))


def _of_schedule(pointer: str, schedule: Schedule) -> Iterator[CatalogueWarning]:
    yield from _of_hours(f"{pointer}.hours", schedule.hours)
    for place, located in enumerate(schedule.located):
        yield from _of_hours(f"{pointer}.located[{place}].hours", located.hours)
    for place, entry in enumerate(schedule.breaks):
        yield from _of_break(f"{pointer}.breaks[{place}]", entry, schedule)
    for day, spans in sorted(schedule.overrides.items()):
        for span in spans:
            yield from _of_night(f"{pointer}.overrides", span, day)


def _of_hours(pointer: str, hours: Sequence[WeeklySpan]) -> Iterator[CatalogueWarning]:
    for place, entry in enumerate(hours):
        yield from _of_night(f"{pointer}[{place}]", entry.span)
        yield from _of_overlap(pointer, hours[:place], entry)


def _of_night(pointer: str, span: WallSpan, day: date | None = None) -> Iterator[CatalogueWarning]:
    minutes = span.end - span.start
    if span.end > MINUTES_PER_DAY and minutes > _LONG_NIGHT_MINUTES:
        when = "runs" if day is None else f"of {day} runs"
        yield CatalogueWarning(
            pointer,
            f"{when} past midnight for {minutes // 60} h {minutes % 60:02} min, from {_clock(span.start)} to "
            f"{_clock(span.end)} on the next date; should it end before midnight?",
        )


def _of_overlap(pointer: str, earlier: Sequence[WeeklySpan], entry: WeeklySpan) -> Iterator[CatalogueWarning]:
    """An entry of every week that shares minutes with one before it while both are in force."""
    mine = _in_week([entry]) if _is_of_every_week(entry) else ()
    for place, other in enumerate(earlier):
        if not _is_of_every_week(other):
            continue
        in_force = (entry.valid_from or date.min) <= (other.valid_until or date.max) and (
            other.valid_from or date.min
        ) <= (entry.valid_until or date.max)
        if in_force and any(one.overlaps(two) for one in mine for two in _in_week([other])):
            yield CatalogueWarning(
                f"{pointer}[{len(earlier)}]",
                f"overlaps {pointer.rpartition('.')[2]}[{place}]; the minutes of both are worked once",
            )
            return


def _is_of_every_week(entry: WeeklySpan) -> bool:
    return entry.every_weeks == 1 and entry.nth is None


def _of_break(pointer: str, entry: WeeklySpan, schedule: Schedule) -> Iterator[CatalogueWarning]:
    worked = [span for part in schedule.parts for span in _in_week(part.hours)]
    idle = [
        day.value
        for day in entry.days
        if not any(part.overlaps(one) for part in _on(day, entry.span) for one in worked)
    ]
    if idle and not schedule.overrides:
        yield CatalogueWarning(pointer, f"lies outside of all hours on {', '.join(idle)}, so it has no effect then")


def _of_grid(pointer: str, service: Service, longest: int | None) -> Iterator[CatalogueWarning]:
    grid = service.grid
    if grid.align is Align.CLOCK and not grid.at and grid.offset_minutes >= MINUTES_PER_DAY:
        yield CatalogueWarning(f"{pointer}.grid.offset_minutes", "is a whole day or more, so no slot ever starts")
    yield from _of_hours_of_grid(pointer, service, longest)


def _of_hours_of_grid(pointer: str, service: Service, longest: int | None) -> Iterator[CatalogueWarning]:
    """A length, or a grid, for which the longest hours of those who may lead are too short."""
    grid = service.grid
    if longest is None or service.duration is not None:
        return
    shortest = _shortest_visit(service)
    if shortest > longest:
        yield CatalogueWarning(
            f"{pointer}.duration_minutes",
            f"is {shortest}, but nobody who could serve works for more than {longest} minutes at a stretch, so no slot "
            "is ever offered",
        )
    elif grid.align is Align.OPENING and grid.offset_minutes > longest - shortest:
        yield CatalogueWarning(
            f"{pointer}.grid.offset_minutes",
            f"leaves no room for a visit in the longest hours of those who could serve, {longest} minutes, so no slot "
            "is ever offered",
        )
    elif (grid.last_start_minutes or 0) > longest:
        yield CatalogueWarning(
            f"{pointer}.grid.last_start_minutes",
            f"is more than the longest hours of those who could serve, {longest} minutes, so no slot is ever offered",
        )


def _of_choices(pointer: str, service: Service, longest: int | None) -> Iterator[CatalogueWarning]:
    """Choices by which even the shortest visit is longer than any working time, where the usual one is not."""
    shortest = _shortest_visit(service)
    if longest is None or shortest > longest or service.requires[0].duration_minutes is not None:
        return
    names = [(f"durations[{place}]", option.minutes) for place, option in enumerate(service.durations)]
    shortest = min([shortest, *(minutes for _, minutes in names)])
    names += [(f"add_ons[{place}]", shortest + add_on.minutes) for place, add_on in enumerate(service.add_ons)]
    for name, minutes in names:
        if minutes > longest:
            yield CatalogueWarning(
                f"{pointer}.{name}",
                f"makes the visit {minutes} minutes long, but nobody who could serve works for more than {longest} at "
                "a stretch, so no slot is ever offered with it",
            )


def _sets_policies(rules: Rules) -> bool:
    return not (rules.cancellation is UNSET and rules.reschedule is UNSET)


def _of_policies(
    pointer: str, resource: Rules, service: Rules, desired: DesiredCatalogue
) -> Iterator[CatalogueWarning]:
    """A move that is possible when a cancellation costs already, by the rules of these levels together."""
    rules = effective_rules(resource=resource, service=service, business=desired.business.rules)
    free, until = rules.cancellation.free_until_minutes, rules.reschedule.until_minutes
    if free > until and (rules.cancellation.fee_percent or rules.cancellation.tiers):
        costs = "keeps" if rules.reschedule.fee is FeeAfterMove.KEEP else "loses"
        if rules.cancellation.is_ever_free:
            but, moved = f"cancel free of charge only until {free} minutes before it", "is moved in between"
        else:
            but, moved = "never cancel free of charge", "is moved"
        last = f"{until} minutes before the start" if until else "the start"
        yield CatalogueWarning(
            f"{pointer}.reschedule",
            f"customers may move until {last}, but {but}; a visit that {moved} {costs} the fee of its old start",
        )


def _of_release(
    pointer: str, own: Rules, business: Rules, leads: Sequence[Resource] = ()
) -> Iterator[CatalogueWarning]:
    """Release that this level sets, and that is never met: by the notice, or by the hours of those who may lead."""
    if own.release is None or isinstance(own.release, Unset):
        return
    release, order = own.release, own.release.fill_earlier_first
    notice = effective_rules(resource=Rules(), service=own, business=business).lead_time_minutes
    if release.rolling_hours is not None and release.rolling_hours * 60 < notice:
        detail = f"are fewer than the notice, {notice} minutes, so no slot is ever offered"
        yield CatalogueWarning(f"{pointer}.release.rolling_hours", detail)
    for place, entry in enumerate(release.off_peak):
        if entry.within_hours is not None and entry.within_hours * 60 < notice:
            detail = f"are fewer than the notice, {notice} minutes, so no slot is ever cheaper"
            yield CatalogueWarning(f"{pointer}.release.off_peak[{place}].within_hours", detail)
        elif _is_never_worked(entry.days or tuple(Weekday), entry.span, leads):
            detail = "lies outside of all hours of those who could serve, so no slot is ever cheaper"
            yield CatalogueWarning(f"{pointer}.release.off_peak[{place}]", detail)
    for place, part in enumerate(order.parts[:-1] if order else ()):
        if _is_never_worked(tuple(Weekday), part, leads):
            detail = "lies outside of all hours of those who could serve, so it keeps no later part closed"
            yield CatalogueWarning(f"{pointer}.release.fill_earlier_first.parts[{place}]", detail)


def _is_never_worked(days: Sequence[Weekday], span: WallSpan, resources: Sequence[Resource]) -> bool:
    """True if no resource has hours between these times of the week; never where dates have hours of their own."""
    if not resources or any(resource.schedule.overrides for resource in resources):
        return False
    parts = [part for day in days for part in _on(day, span)]
    schedules = [part for resource in resources for part in resource.schedule.parts]
    worked = merged(span for schedule in schedules for span in _in_week(schedule.hours))
    return not any(part.overlaps(one) for part in parts for one in worked)


def _of_moves_between_prices(pointer: str, service: Service, business: Rules) -> Iterator[CatalogueWarning]:
    rules = effective_rules(resource=Rules(), service=service.rules, business=business)
    if service.prices and rules.reschedule.price is None:
        yield CatalogueWarning(
            f"{pointer}.prices",
            "depend on the time, but a move that asks for no resource keeps its price, also to a dearer time; set "
            '"new" or "keep" as rules.reschedule.price',
        )


def _of_cost(pointer: str, steps: int) -> Iterator[CatalogueWarning]:
    dates = MAX_SEARCH_STEPS // max(steps, 1)
    if dates < _DATES_OF_A_CALENDAR:
        yield CatalogueWarning(
            pointer,
            f"costs about {-(-steps // _MILLION)} of {MAX_SEARCH_STEPS // _MILLION} million steps for a day, so a "
            f"listing of more than {dates} dates may be refused: use fewer roles, smaller pools, or a wider grid",
        )


def _shortest_visit(service: Service) -> int:
    lead = service.requires[0]
    own = [terms.duration_minutes for terms in lead.terms.values() if terms.duration_minutes is not None]
    minutes = min([service.duration_minutes, *own])
    return minutes if lead.duration_minutes is None else min(minutes, lead.duration_minutes)


def _may_meet(resource: Resource, entry: Requirement) -> bool:
    return resource.id in entry.any_of or (entry.kind is not None and resource.kind == entry.kind)


class _LongestRuns:
    """The longest times that resources work without a pause."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = tuple(resources)
        self._longest = {resource.id: _longest_run_of(resource.schedule) for resource in self._resources}

    def pool(self, entry: Requirement) -> list[Resource]:
        """Those who may meet an entry."""
        return [resource for resource in self._resources if _may_meet(resource, entry)]

    def of(self, entry: Requirement) -> int | None:
        """The longest of those who may meet an entry, in minutes; None if they work around the clock or are none."""
        found = [self._longest[resource.id] for resource in self.pool(entry)]
        known = [minutes for minutes in found if minutes is not None]
        return max(known) if known and len(known) == len(found) else None


def _longest_run_of(schedule: Schedule) -> int | None:
    """The longest run at any of the locations."""
    runs = [_longest_run(part) for part in schedule.parts]
    known = [minutes for minutes in runs if minutes is not None]
    return max(known) if len(known) == len(runs) else None


def _longest_run(schedule: Schedule) -> int | None:
    """The longest run of worked minutes of a week or an override; None if it has no end."""
    # Twice, so that a run over the end of the week is found whole.
    week = [*_in_week(schedule.hours), *(_later(span, _WEEK) for span in _in_week(schedule.hours))]
    pauses = [*_in_week(schedule.breaks), *(_later(span, _WEEK) for span in _in_week(schedule.breaks))]
    runs = [span.minutes for span in without(week, pauses)]
    if any(minutes >= _WEEK for minutes in runs):
        return None
    return max([*runs, *(span.end - span.start for spans in schedule.overrides.values() for span in spans)], default=0)


def _in_week(entries: Iterable[WeeklySpan]) -> tuple[Span, ...]:
    """The minutes of entries since Monday 00:00; what runs into the next week is at the beginning of this one."""
    return merged(part for entry in entries for day in entry.days for part in _on(day, entry.span))


def _on(day: Weekday, span: WallSpan) -> Iterator[Span]:
    start, end = day.number * MINUTES_PER_DAY + span.start, day.number * MINUTES_PER_DAY + span.end
    yield Span(start, min(end, _WEEK))
    if end > _WEEK:
        yield Span(0, end - _WEEK)


def _later(span: Span, minutes: int) -> Span:
    return Span(span.start + minutes, span.end + minutes)


def _clock(minute: int) -> str:
    return f"{minute % MINUTES_PER_DAY // 60:02}:{minute % 60:02}"
