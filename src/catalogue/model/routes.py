"""Routes: answers to questions that choose the service, who serves, or the length."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from catalogue.limits import MAX_QUESTION_OPTIONS, MAX_ROUTE_RESOURCES, MAX_ROUTES
from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import DurationMinutes, Key, Title
from catalogue.model.documents import Document, FaultsError, JsonObject, present, refuse_if
from catalogue.model.questions import QuestionDocument, QuestionKind
from kernel.errors import FieldError
from kernel.ids import ResourceId

if TYPE_CHECKING:
    from catalogue.model.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRoute:
    """A choice that answers make before free times are looked for."""

    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    """Keys of questions, each with the answers that meet the condition. All have to be met."""
    service: str | None = None
    """Key of the service that is booked in place of the one that asks; None: that one."""
    resource_ids: tuple[ResourceId, ...] = ()
    """Resources that may serve; empty: all of the pool."""
    duration_minutes: int | None = None
    """One of the lengths of the service that is booked; None: as the customer chooses."""

    def is_met_by(self, answers: Mapping[str, str]) -> bool:
        """True if each condition is met."""
        return all(answers.get(question) in options for question, options in self.conditions)


NO_ROUTES: Final[tuple[AnswerRoute, ...]] = ()


def _listed(options: object) -> object:
    """One option as a list of it; anything else is for the list to judge."""
    return [options] if isinstance(options, str) else options


_Options = Annotated[
    list[Title],
    Field(min_length=1, max_length=MAX_QUESTION_OPTIONS),
    BeforeValidator(_listed, json_schema_input_type=list[Title] | Title),
]


class RouteOutcomeDocument(Document):
    """The service and resources that a route books."""

    service: Key | None = Field(default=None, description="Key of the service in place of this one.")
    resources: Annotated[list[Title], Field(min_length=1, max_length=MAX_ROUTE_RESOURCES)] | None = Field(
        default=None, description="Ids or keys of those who may serve."
    )
    duration_minutes: DurationMinutes | None = Field(
        default=None, description="One of the `durations` of the service that is booked."
    )

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        chosen = (self.service, self.resources, self.duration_minutes)
        refuse_if((all(each is None for each in chosen), "", "choose a service, resources, a length, or some of them"))
        return self


class RouteDocument(Document):
    """Answers, and what they lead to."""

    conditions: Annotated[
        dict[Key, _Options],
        Field(alias="if", min_length=1, description="Answers by question, or lists of them. All have to be met."),
    ]
    then: RouteOutcomeDocument


Routes = Annotated[list[RouteDocument], Field(max_length=MAX_ROUTES)]
RoutesRecord = Annotated[
    Iterable[Mapping[str, object]],
    ColumnDetails(
        default="'[]'::jsonb",
        comment="[{if: [[question, [answer, …]], …], service, resources: [id, …], duration_minutes}, …]",
    ),
]


def refuse_impossible(
    routes: Iterable[RouteDocument], questions: Iterable[QuestionDocument], *, asker: str = "this service"
) -> None:
    """Raise FaultsError for each condition that no answer to the questions can meet."""
    asked = {question.key: question for question in questions}
    errors = [
        FieldError(f"routes[{index}].if.{key}", fault)
        for index, route in enumerate(routes)
        for key, options in route.conditions.items()
        if (fault := _fault_of(asked.get(key), options, asker)) is not None
    ]
    if errors:
        raise FaultsError(errors)


def refuse_without_service(routes: Iterable[RouteDocument]) -> None:
    """Raise FaultsError for each route of a business that chooses no service: there is none that it could keep."""
    detail = "required: before it, no service is chosen"
    errors = [
        FieldError(f"routes[{index}].then.service", detail)
        for index, route in enumerate(routes)
        if route.then.service is None
    ]
    if errors:
        raise FaultsError(errors)


def desired_routes(entries: Iterable[RouteDocument], resources: Mapping[str, "Resource"]) -> tuple[AnswerRoute, ...]:
    """The routes in a document; `resources` is by id and key."""
    return tuple(
        AnswerRoute(
            conditions=tuple((key, tuple(options)) for key, options in entry.conditions.items()),
            service=entry.then.service,
            resource_ids=tuple(resources[name].id for name in entry.then.resources or ()),
            duration_minutes=entry.then.duration_minutes,
        )
        for entry in entries
    )


def route_documents(routes: Iterable[AnswerRoute], resource_by_id: Mapping[ResourceId, "Resource"]) -> list[JsonObject]:
    """The routes as part of a document."""
    return [
        {
            "if": {
                question: options[0] if len(options) == 1 else list(options) for question, options in route.conditions
            },
            "then": present(
                service=route.service,
                resources=[resource_by_id[resource_id].key for resource_id in route.resource_ids] or None,
                duration_minutes=route.duration_minutes,
            ),
        }
        for route in routes
    ]


def route_records(routes: Iterable[AnswerRoute]) -> list[JsonObject]:
    """The routes as they are stored: by a list, since members of a JSON object have no order in Postgres."""
    return [
        present(
            **{"if": [[question, list(options)] for question, options in route.conditions]},
            service=route.service,
            resources=list(route.resource_ids) or None,
            duration_minutes=route.duration_minutes,
        )
        for route in routes
    ]


def stored_routes(records: Iterable[Mapping[str, Any]]) -> tuple[AnswerRoute, ...]:
    """The routes in a row."""
    return tuple(
        AnswerRoute(
            conditions=tuple((question, tuple(options)) for question, options in record["if"]),
            service=record.get("service"),
            resource_ids=tuple(ResourceId(resource_id) for resource_id in record.get("resources", ())),
            duration_minutes=record.get("duration_minutes"),
        )
        for record in records
    )


def _fault_of(question: QuestionDocument | None, options: Iterable[str], asker: str) -> str | None:
    if question is None:
        return f"is no question of {asker}"
    if question.type is not QuestionKind.CHOICE:
        return "must be a question of the type choice"
    unknown = next(_not_among(options, question.options), None)
    return None if unknown is None else f'"{unknown}" is not among the options of the question'


def _not_among(options: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    return (option for option in options if option not in known)
