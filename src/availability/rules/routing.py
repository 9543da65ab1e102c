"""Routing: what the answers to the questions of a service lead to, and whether they are answers to them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from availability.rules.lookup import service_named
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.errors import FieldError, ValidationFailed
from kernel.ids import ResourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Outcome of a route whose conditions are met."""

    asked: Service
    """The service whose questions were answered."""
    answers: Mapping[str, str]
    """Those that the route looks at, by question."""
    service: Service
    """The service to book."""
    resources: tuple[Resource, ...]
    """Those who may serve; empty: any that can."""

    def check_requested(self, names: Iterable[str]) -> None:
        """Raise ValidationFailed unless all requested resources, ids or keys, may serve."""
        allowed = {name for resource in self.resources for name in (resource.id, resource.key)}
        if self.resources and not allowed.issuperset(names):
            keys = ", ".join(f'"{resource.key}"' for resource in self.resources)
            raise ValidationFailed.of("resource", f"must be one of those that the answers lead to: {keys}")

    def admits(self, resource_ids: Iterable[ResourceId]) -> bool:
        """True if one of those that serve a visit may."""
        return not self.resources or not {resource.id for resource in self.resources}.isdisjoint(resource_ids)


def routing_of(catalogue: Catalogue, asked: Service, answers: Mapping[str, str]) -> Routing | None:
    """The outcome of the first route that the answers meet; None if there is none, and the service stays as it is.

    Raises NotFound where a route leads to a service that is no longer offered.
    """
    for route in asked.routes:
        if route.is_met_by(answers):
            members = (catalogue.resource_by_id[resource_id] for resource_id in route.resource_ids)
            return Routing(
                asked=asked,
                answers={question: answers[question] for question, _ in route.conditions},
                # A service for staff can be the aim of a route: visitors come to it by their answers alone.
                service=asked if route.service is None else service_named(catalogue, route.service),
                resources=tuple(resource for resource in members if not resource.archived),
            )
    return None


def answer_faults(service: Service, answers: Mapping[str, str]) -> Iterator[FieldError]:
    """Answers to no question of the service, and those that are not among the options."""
    asked = {question.key: question for question in service.questions}
    for key, answer in answers.items():
        question = asked.get(key)
        if question is None:
            yield FieldError(f"answers.{key}", _unknown(service))
        elif answer and question.options and answer not in question.options:
            options = ", ".join(f'"{option}"' for option in question.options)
            yield FieldError(f"answers.{key}", f"must be one of {options}")


def _unknown(service: Service) -> str:
    if not service.questions:
        return f'the service "{service.key}" asks no questions'
    keys = ", ".join(f'"{question.key}"' for question in service.questions)
    return f'is no question of the service "{service.key}", which asks {keys}'
