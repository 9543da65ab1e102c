"""Answers to the questions of a service, in requests, and what they lead to."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticKnownError
from typing_extensions import TypedDict

from api.schemas.cancellation_terms import CancellationTerms, cancellation_terms
from api.schemas.fields import Reference
from availability.model import RoutingOutcome
from catalogue.limits import MAX_QUESTIONS
from kernel import text
from kernel.ids import KEY_PATTERN

MAX_ANSWER_CHARACTERS: Final = 2000
"""As for notes."""
_SEPARATOR: Final = ":"

_Answer = Annotated[
    str,
    StringConstraints(max_length=MAX_ANSWER_CHARACTERS),
    AfterValidator(text.remarks),
    AfterValidator(text.within(MAX_ANSWER_CHARACTERS)),
]
Answers = Annotated[
    dict[Annotated[str, StringConstraints(pattern=KEY_PATTERN)], _Answer],
    Field(
        max_length=MAX_QUESTIONS,
        description="To the questions of the service, by the key of each.",
        json_schema_extra={"additionalProperties": False},
    ),
]


def _question_and_answer(sent: str) -> str:
    if not sent.partition(_SEPARATOR)[1]:
        detail = "must be a question's key and the answer, as in hair:Long"
        raise ValueError(detail)
    return sent


QueryAnswers = Annotated[
    list[Annotated[_Answer, AfterValidator(_question_and_answer)]],
    Field(
        max_length=MAX_QUESTIONS,
        description="An answer to a question of the service, as `key:answer`; repeat it for several. They may lead to "
        "another service or to certain resources: see `route` in the answer.",
        examples=[["hair:Long"]],
    ),
]


def answers_of(sent: Iterable[str]) -> dict[str, str]:
    """The answers of a query by question; of several to one question the last counts."""
    return {question: answer for question, _, answer in (each.partition(_SEPARATOR) for each in sent)}


_UNNAMED: Final = object()


def _named(sent: object) -> object:
    if sent is _UNNAMED:
        raise PydanticKnownError("missing")
    return sent


OptionalService = Annotated[Reference | None, BeforeValidator(_named)]
"""Id or key of a service; absent where answers choose it (`unless_answers_choose`)."""


def unless_answers_choose(sent: object, answers: str) -> object:
    """Body as it was sent; without a service and those answers, the service counts as missing, beside other faults."""
    if isinstance(sent, Mapping) and sent.get("service") is None and not sent.get(answers):
        return {**sent, "service": _UNNAMED}
    return sent


class RouteAnswer(TypedDict):
    """Service or resources that the answers led to."""

    asked: Annotated[
        str | None,
        Field(description="The service whose questions were answered; null: they were those of the business."),
    ]
    answers: Annotated[dict[str, str], Field(description="Answers that decided, by question.")]
    service: Annotated[str, Field(description="The service to book.")]
    resources: NotRequired[Annotated[list[str], Field(description="Those who may serve. Absent: any that can.")]]
    duration_minutes: NotRequired[
        Annotated[int, Field(description="The length of the visit. Absent: as `duration_minutes` of the query says.")]
    ]
    name: NotRequired[
        Annotated[
            str,
            Field(
                description="Of the service; with `approval` and `cancellation` where it is another one than that "
                "which asked: the storefront may not have it."
            ),
        ]
    ]
    approval: NotRequired[Annotated[bool, Field(description="As of a service in the storefront.")]]
    cancellation: NotRequired[Annotated[CancellationTerms, Field(description="As of a service in the storefront.")]]


class RouteMember(TypedDict):
    """Member of an answer about free times."""

    route: NotRequired[
        Annotated[RouteAnswer, Field(description="Where answers led to another service, or to certain resources.")]
    ]


def route_answer(routing: RoutingOutcome) -> RouteAnswer:
    """The outcome of a route, for answers about free times."""
    route: RouteAnswer = {"asked": routing.asked, "answers": dict(routing.answers), "service": routing.service}
    if routing.resources:
        route["resources"] = list(routing.resources)
    if routing.duration_minutes is not None:
        route["duration_minutes"] = routing.duration_minutes
    if routing.terms is not None:
        route["name"] = routing.terms.name
        route["approval"] = routing.terms.needs_approval
        route["cancellation"] = cancellation_terms(routing.terms.cancellation)
    return route
