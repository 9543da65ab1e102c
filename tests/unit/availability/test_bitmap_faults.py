import pytest

from availability.rules.sessions import Session, SessionMinutes
from availability.state.bitmap_faults import BitmapFault, BitmapShape, bitmap_faults, bitmap_shape
from availability.state.encoding import DAY_BYTES, encode_day
from kernel.ids import ServiceId
from kernel.spans import MINUTES_PER_DAY, Span

_DAY = 3
_MIDNIGHT = _DAY * MINUTES_PER_DAY
_LUNCH = Span(_MIDNIGHT + 720, _MIDNIGHT + 780)
_NIGHT = Span(_MIDNIGHT - 30, _MIDNIGHT + 30)
_VISIT = Span(_MIDNIGHT + 540, _MIDNIGHT + 575)
_RIGHT = encode_day(_DAY, [_LUNCH], [[_VISIT, _NIGHT], []])


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (3 * DAY_BYTES, BitmapShape.WHOLE),
        (2 * DAY_BYTES, BitmapShape.SHORT),
        (4 * DAY_BYTES, BitmapShape.BROKEN),
        (3 * DAY_BYTES - 1, BitmapShape.BROKEN),
        (0, BitmapShape.BROKEN),
    ],
)
def test_length_tells_what_a_value_can_be(length: int, expected: BitmapShape) -> None:
    assert bitmap_shape(bytes(length), lane_count=2) is expected


def test_value_as_postgres_has_it_is_right() -> None:
    assert bitmap_faults(_DAY, _RIGHT, time_off=[_LUNCH], claims_by_lane=[[_NIGHT, _VISIT], []]) == []


def test_claim_that_is_not_shown_would_be_sold() -> None:
    faults = bitmap_faults(_DAY, _RIGHT, time_off=[_LUNCH], claims_by_lane=[[_NIGHT, _VISIT], [_VISIT]])

    assert faults == [BitmapFault(lane=2, span=_VISIT, shown_clear=True)]


def test_claim_that_is_shown_and_gone_is_kept_from_sale() -> None:
    faults = bitmap_faults(_DAY, _RIGHT, time_off=[_LUNCH], claims_by_lane=[[_VISIT], []])

    assert faults == [BitmapFault(lane=1, span=Span(_MIDNIGHT, _MIDNIGHT + 30), shown_clear=False)]


def test_time_off_is_a_fault_of_its_own_and_of_each_lane() -> None:
    faults = bitmap_faults(_DAY, _RIGHT, time_off=[], claims_by_lane=[[_NIGHT, _VISIT], []])

    assert faults == [BitmapFault(lane=lane, span=_LUNCH, shown_clear=False) for lane in (None, 1, 2)]


@pytest.mark.parametrize(
    ("length", "text", "exclusive", "expected"),
    [
        (3, b"[", True, BitmapShape.WHOLE),
        (3, b"[svc_1@1:1:2 ", True, BitmapShape.WHOLE),
        (2, b"[" + b" " * 2 * DAY_BYTES, True, BitmapShape.SHORT),
        (3, b"", True, BitmapShape.SHORT),
        (3, b"[", False, BitmapShape.SHORT),
        (3, b"?", True, BitmapShape.BROKEN),
    ],
)
def test_value_of_an_exclusive_resource_has_sessions(
    length: int, text: bytes, *, exclusive: bool, expected: BitmapShape
) -> None:
    assert bitmap_shape(bytes(length * DAY_BYTES) + text, lane_count=2, exclusive=exclusive) is expected


def test_session_that_is_not_shown_would_be_met() -> None:
    yoga, pilates = (Session(ServiceId(f"svc_{name}"), _VISIT.start) for name in ("yoga", "pilates"))
    value = encode_day(_DAY, [], [[_VISIT]], [SessionMinutes(yoga, _VISIT)])

    right = bitmap_faults(_DAY, value, time_off=[], claims_by_lane=[[_VISIT]], sessions=[SessionMinutes(yoga, _VISIT)])
    wrong = bitmap_faults(
        _DAY, value, time_off=[], claims_by_lane=[[_VISIT]], sessions=[SessionMinutes(pilates, _VISIT)]
    )

    assert right == []
    assert wrong == [
        BitmapFault(lane=None, span=_VISIT, shown_clear=shown_clear, session=session.name)
        for session, shown_clear in ((pilates, True), (yoga, False))
    ]


def test_runs_are_told_one_by_one() -> None:
    faults = bitmap_faults(_DAY, _RIGHT, time_off=[_LUNCH], claims_by_lane=[[], []])

    assert [(fault.lane, fault.span.minutes) for fault in faults] == [(1, 30), (1, 35)]
