"""Answers lead to what an oracle finds by reading the routes, and to the times of a request that asks for that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from availability.rules.choices import RequestedChoices, choices_of
from availability.rules.route_pool import route_pool
from availability.rules.routing import Asker, answer_faults, routing_of
from catalogue.model.choices import AddOn, DurationOption
from catalogue.model.questions import Question, QuestionKind
from catalogue.model.routes import AnswerRoute
from catalogue.model.services import Service
from kernel.errors import ValidationFailed
from kernel.ids import ResourceId, ServiceId
from tests.property.test_search_oracle import Situation, compare_search, situations
from tests.support.oracle import route_followed

_OPTIONS: Final = ("Short", "Long")
_QUESTIONS: Final = tuple(
    Question(key=key, label=key, type=QuestionKind.CHOICE, options=_OPTIONS) for key in ("hair", "colour")
)
# Mostly each question has one of its answers: without, few routes are followed.
_ANSWER: Final = st.sampled_from([*_OPTIONS, *_OPTIONS, *_OPTIONS, ""])
_ANSWERS: Final = st.fixed_dictionaries({"hair": _ANSWER}, optional={"colour": _ANSWER})
_CONDITIONS: Final = st.dictionaries(
    st.sampled_from([question.key for question in _QUESTIONS]),
    st.sets(st.sampled_from(_OPTIONS), min_size=1).map(lambda options: tuple(sorted(options))),
    min_size=1,
).map(lambda conditions: tuple(sorted(conditions.items())))
_ASKERS: Final = ("itself", "other", "business")


@dataclass(frozen=True, kw_only=True)
class RoutedSituation:
    """A situation that is reached by answers to one of three askers: its own service, another one, the business."""

    situation: Situation
    asker: str
    routes: tuple[AnswerRoute, ...]
    answers: Mapping[str, str]
    minutes: int | None
    """The length that is asked for beside the answers."""


@st.composite
def _routes(draw: st.DrawFn, service: Service, asker: str, resource_ids: list[ResourceId]) -> AnswerRoute:
    return AnswerRoute(
        conditions=draw(_CONDITIONS),
        service=None if asker == "itself" else service.key,
        resource_ids=tuple(draw(st.lists(st.sampled_from(resource_ids), unique=True))),
        duration_minutes=draw(st.none() | st.sampled_from([option.minutes for option in service.durations])),
    )


@st.composite
def routed_situations(draw: st.DrawFn) -> RoutedSituation:
    """Situations with routes that lead to the service, and answers that may meet some of them."""
    drawn = draw(situations())
    # Chosen lengths go with no lengths of those who serve.
    service = replace(
        drawn.service,
        requires=tuple(
            replace(entry, terms={who: replace(terms, duration_minutes=None) for who, terms in entry.terms.items()})
            for entry in drawn.service.requires
        ),
        durations=tuple(DurationOption(minutes=drawn.service.duration_minutes + more) for more in (0, 25)),
        add_ons=(AddOn(key="wash", name="Wash", minutes=10),),
    )
    asker = draw(st.sampled_from(_ASKERS))
    resource_ids = [resource.id for resource in drawn.catalogue.resources]
    routes = tuple(draw(st.lists(_routes(service, asker, resource_ids), min_size=1, max_size=3)))
    other = replace(service, id=ServiceId("svc_2"), key="other", routes=())
    business = drawn.catalogue.business
    match asker:
        case "itself":
            service = replace(service, questions=_QUESTIONS, routes=routes)
        case "other":
            other = replace(other, questions=_QUESTIONS, routes=routes)
        case _:
            business = replace(business, questions=_QUESTIONS, routes=routes)
    catalogue = replace(drawn.catalogue, business=business, services=(service, other))
    return RoutedSituation(
        situation=replace(drawn, catalogue=catalogue, pinned=frozenset()),
        asker=asker,
        routes=routes,
        answers=draw(_ANSWERS),
        minutes=draw(st.sampled_from([None, None, *(option.minutes for option in service.durations)])),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(routed_situations())
def test_answers_lead_where_the_oracle_says(routed: RoutedSituation) -> None:
    catalogue, service = routed.situation.catalogue, routed.situation.service
    askers: dict[str, Asker] = dict(zip(_ASKERS, (*catalogue.services, catalogue.business), strict=True))
    asked = askers[routed.asker]
    expected = route_followed(routed.routes, routed.answers)
    event(f"{routed.asker} leads on: {expected is not None}")

    routing = routing_of(catalogue, asked, routed.answers)

    assert list(answer_faults(asked, routed.answers)) == []
    if expected is None or routing is None:
        assert expected is None
        assert routing is None
        return
    assert routing.service is service
    requested = RequestedChoices(duration_minutes=routed.minutes, add_ons=("wash",))
    if expected.duration_minutes is not None and routed.minutes not in {None, expected.duration_minutes}:
        with pytest.raises(ValidationFailed):
            routing.choices(requested)
        requested = replace(requested, duration_minutes=None)
    chosen = choices_of(service, routing.choices(requested))
    wanted = expected.duration_minutes or requested.duration_minutes or service.duration_minutes
    assert (chosen.duration, chosen.add_ons) == (DurationOption(minutes=wanted), service.add_ons)
    assert frozenset(routing.resource_ids) == frozenset(expected.resource_ids)
    able = {resource.id for entry in service.requires for resource in catalogue.pool(entry)}
    assert set(route_pool(catalogue, service, routing.resource_ids)) == able.intersection(expected.resource_ids)
    compare_search(replace(routed.situation, pinned=frozenset(routing.resource_ids), choices=chosen))
