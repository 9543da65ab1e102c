"""The choices that a request makes for a visit, among those that its service offers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from catalogue.model.choices import NO_CHOICES, AddOn, Choices, DurationOption
from catalogue.model.services import Service
from catalogue.references import hint
from kernel.errors import FieldError, ValidationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedChoices:
    """Choices as a client names them."""

    duration_minutes: int | None = None
    add_ons: tuple[str, ...] = ()
    """Keys."""
    kept: Choices = NO_CHOICES
    """Choices of the appointment that changes: what the service no longer offers stays as it was booked."""

    @property
    def is_made(self) -> bool:
        """True if the client names any."""
        return self.duration_minutes is not None or bool(self.add_ons)

    def __bool__(self) -> bool:
        """True if there is anything to look up."""
        return self.is_made or bool(self.kept)


NONE_REQUESTED: Final = RequestedChoices()


def choices_of(service: Service, requested: RequestedChoices) -> Choices:
    """The choices with what they come to.

    A service with several lengths gives that of its `duration_minutes` to those who choose none. Raises
    ValidationFailed for a length or an add-on that the service does not offer, with the nearest one.
    """
    if not (service.durations or service.add_ons or requested):
        return NO_CHOICES
    if faults := _faults(service, requested):
        raise ValidationFailed(faults)
    return Choices(duration=_duration(service, requested), add_ons=tuple(_add_ons(service, requested)))


def offers(service: Service, requested: RequestedChoices) -> bool:
    """True if the service offers all that the client names."""
    return not (requested.is_made and _faults(service, requested))


def requested_again(choices: Choices) -> RequestedChoices:
    """The request for what was chosen before, of which nothing may have gone from the service since."""
    return RequestedChoices(
        duration_minutes=None if choices.duration is None else choices.duration.minutes,
        add_ons=tuple(add_on.key for add_on in choices.add_ons),
    )


def with_length(service: Service, choices: Choices, minutes: int | None) -> tuple[Choices, int | None]:
    """The choices where the business says the length, and that length again unless it is one that can be chosen."""
    if minutes is None:
        return choices, None
    offered = [*service.durations, *([] if choices.duration is None else [choices.duration])]
    option = next((option for option in offered if option.minutes == minutes), None)
    return replace(choices, duration=option), minutes if option is None else None


def check_kept(requested: RequestedChoices) -> None:
    """Raise ValidationFailed where a move names choices: it keeps those of the appointment."""
    detail = "must be absent: a move keeps what was chosen, which PATCH of the appointment changes"
    faults = [FieldError("duration_minutes", detail)] if requested.duration_minutes is not None else []
    faults += [FieldError("add_ons", detail)] if requested.add_ons else []
    if faults:
        raise ValidationFailed(faults)


def _faults(service: Service, requested: RequestedChoices) -> list[FieldError]:
    return [*_unknown_duration(service, requested), *_unknown_add_ons(service, requested.add_ons)]


def _unknown_duration(service: Service, requested: RequestedChoices) -> Iterator[FieldError]:
    minutes = requested.duration_minutes
    if minutes is None or any(option.minutes == minutes for option in service.durations):
        return
    if service.durations:
        offered = ", ".join([str(option.minutes) for option in service.durations])
        yield FieldError("duration_minutes", f'must be one of the durations of "{service.key}": {offered}')
    else:
        yield FieldError("duration_minutes", f'must be absent: "{service.key}" has no durations to choose from')


def _unknown_add_ons(service: Service, names: Iterable[str]) -> Iterator[FieldError]:
    keys = [add_on.key for add_on in service.add_ons]
    for place, name in enumerate(names):
        if name not in keys:
            yield FieldError(f"add_ons[{place}]", f'"{service.key}" has no add-on "{name}"{hint(name, keys)}')


def _duration(service: Service, requested: RequestedChoices) -> DurationOption | None:
    kept = requested.kept.duration
    minutes = requested.duration_minutes or (service.duration_minutes if kept is None else kept.minutes)
    return next((option for option in service.durations if option.minutes == minutes), kept)


def _add_ons(service: Service, requested: RequestedChoices) -> Iterator[AddOn]:
    """Chosen add-ons, in the order of the service, then those that it no longer has."""
    kept = () if requested.add_ons else requested.kept.add_ons
    names = {*requested.add_ons, *(add_on.key for add_on in kept)}
    yield from (add_on for add_on in service.add_ons if add_on.key in names)
    offered = {add_on.key for add_on in service.add_ons}
    yield from (add_on for add_on in kept if add_on.key not in offered)
