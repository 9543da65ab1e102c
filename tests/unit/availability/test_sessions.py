"""Sessions of exclusive resources, and the starts that join or avoid them."""

import pytest

from availability.rules.bitmaps import to_spans
from availability.rules.requirements import PartOffsets
from availability.rules.sessions import Session, SessionMinutes, joinable
from kernel.ids import ServiceId
from kernel.spans import Minute, Span

_YOGA, _PILATES = ServiceId("svc_yoga"), ServiceId("svc_pilates")
_WINDOW = Span(1000, 1200)


def _part(length: int, *, before: int = 0, after: int = 0) -> PartOffsets:
    return PartOffsets(start=0, end=length, blocked_start=-before, blocked_end=length + after)


def _taken(service_id: ServiceId, start: Minute, minutes: Span) -> SessionMinutes:
    return SessionMinutes(Session(service_id, start), minutes)


def _starts(taken: list[SessionMinutes], part: PartOffsets) -> list[tuple[Minute, Minute]]:
    return [(span.start, span.end) for span in to_spans(joinable(taken, _YOGA, part, _WINDOW), _WINDOW)]


def test_session_comes_back_from_its_name() -> None:
    session = Session(_YOGA, 29_000_000)

    assert Session.from_name(session.name) == session


@pytest.mark.parametrize("other", [Session(_PILATES, 10), Session(_YOGA, 11)])
def test_another_service_or_start_has_another_token(other: Session) -> None:
    assert other.token != Session(_YOGA, 10).token


def test_every_start_is_free_without_sessions() -> None:
    assert _starts([], _part(60)) == [(1000, 1200)]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        # From 1050 to 1110: what ends by then or begins after it, and the session itself.
        (_YOGA, [(1000, 1001), (1060, 1061), (1120, 1200)]),
        (_PILATES, [(1000, 1001), (1120, 1200)]),
    ],
)
def test_start_joins_the_session_of_its_service_alone(
    service: ServiceId, expected: list[tuple[Minute, Minute]]
) -> None:
    part = _part(50, before=10)

    assert _starts([_taken(service, 1060, Span(1050, 1110))], part) == expected


def test_longer_and_shorter_visits_of_the_service_begin_together() -> None:
    taken = [_taken(_YOGA, 1050, Span(1050, 1110)), _taken(_YOGA, 1050, Span(1050, 1080))]

    assert _starts(taken, _part(45)) == [(1000, 1006), (1050, 1051), (1110, 1200)]


def test_longer_visit_does_not_reach_into_the_next_session() -> None:
    taken = [_taken(_YOGA, 1050, Span(1050, 1080)), _taken(_YOGA, 1100, Span(1100, 1130))]

    assert _starts(taken, _part(60)) == [(1100, 1101), (1130, 1200)]


def test_nobody_joins_minutes_of_no_session() -> None:
    assert _starts([SessionMinutes(None, Span(1050, 1110))], _part(45)) == [(1000, 1006), (1110, 1200)]


def test_sessions_outside_of_the_window_keep_their_minutes() -> None:
    taken = [_taken(_PILATES, 990, Span(990, 1010)), _taken(_PILATES, 1190, Span(1190, 1290))]

    assert _starts(taken, _part(10)) == [(1010, 1181)]
