"""Routing: what the answers to the questions of a service or the business lead to, and whether they answer them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from availability.rules.choices import RequestedChoices
from availability.rules.lookup import service_named
from catalogue.model.business import Business
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from catalogue.model.routes import AnswerRoute
from catalogue.model.services import Service
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import ResourceId, ServiceId

Asker: TypeAlias = Service | Business
"""A service that was named; the business where none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Outcome of a route whose conditions are met."""

    asked: Asker
    """The service, or the business, whose questions were answered."""
    answers: Mapping[str, str]
    """Those that the route looks at, by question."""
    service: Service
    """The service to book."""
    resources: tuple[Resource, ...]
    """Those who may serve; empty: any that can."""
    duration_minutes: int | None = None
    """The length of the visit; None: as the customer chooses."""

    @property
    def is_by_business(self) -> bool:
        """True if the questions are those of the business."""
        return isinstance(self.asked, Business)

    @property
    def asking_service_id(self) -> ServiceId | None:
        """The service that asked, where it is another one than that which is booked."""
        return self.asked.id if isinstance(self.asked, Service) and self.asked is not self.service else None

    def choices(self, requested: RequestedChoices) -> RequestedChoices:
        """The choices with the length that the answers choose. Raises ValidationFailed where another one is requested.

        A length that the service no longer offers is refused when the choices are looked up.
        """
        if self.duration_minutes is None:
            return requested
        if requested.duration_minutes not in {None, self.duration_minutes}:
            raise ValidationFailed.of(
                "duration_minutes", f"must be {self.duration_minutes}, or absent: the answers choose the length"
            )
        return replace(requested, duration_minutes=self.duration_minutes)

    @property
    def resource_ids(self) -> tuple[ResourceId, ...]:
        """The ids of those who may serve."""
        return tuple(resource.id for resource in self.resources)

    def admits(self, resource_ids: Iterable[ResourceId]) -> bool:
        """True if one of those that serve a visit may."""
        return not self.resources or not {resource.id for resource in self.resources}.isdisjoint(resource_ids)


def routing_of(catalogue: Catalogue, asked: Asker, answers: Mapping[str, str]) -> Routing | None:
    """The outcome of the first route that the answers meet; None if there is none: a service then stays as it is.

    Raises NotFound where a route leads to a service that is no longer offered.
    """
    for route in asked.routes:
        if route.is_met_by(answers):
            members = (catalogue.resource_by_id[resource_id] for resource_id in route.resource_ids)
            return Routing(
                asked=asked,
                answers={question: answers[question] for question, _ in route.conditions},
                # A service for staff can be the aim of a route: visitors come to it by their answers alone.
                service=_service(catalogue, asked, route),
                resources=tuple(resource for resource in members if not resource.archived),
                duration_minutes=route.duration_minutes,
            )
    return None


def _service(catalogue: Catalogue, asked: Asker, route: AnswerRoute) -> Service:
    if route.service is not None:
        return service_named(catalogue, route.service)
    assert isinstance(asked, Service), "each route of a business chooses a service"
    return asked


def answer_faults(asker: Asker, answers: Mapping[str, str]) -> Iterator[FieldError]:
    """Answers to no question of the asker, and those that are not among the options."""
    asked = {question.key: question for question in asker.questions}
    for key, answer in answers.items():
        question = asked.get(key)
        if question is None:
            yield FieldError(f"answers.{key}", _unknown(asker))
        elif answer and question.options and answer not in question.options:
            options = ", ".join(f'"{option}"' for option in question.options)
            yield FieldError(f"answers.{key}", f"must be one of {options}")


def _unknown(asker: Asker) -> str:
    name = f'the service "{asker.key}"' if isinstance(asker, Service) else "the business"
    if not asker.questions:
        return f"{name} asks no questions"
    keys = ", ".join(f'"{question.key}"' for question in asker.questions)
    return f"is no question of {name}, which asks {keys}"
