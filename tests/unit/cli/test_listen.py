import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.event_stream import StreamEvent, StreamRefusal
from cli.listen import event_line

_EVENT = {"timestamp": "2026-11-30T15:01:12Z", "type": "appointment.confirmed", "subject": "apt_1", "id": "evt_1"}


def test_line_tells_an_event() -> None:
    line = event_line(StreamEvent(id="evt_1", data=orjson.dumps(_EVENT).decode()))

    assert line.split() == ["2026-11-30T15:01:12Z", "appointment.confirmed", "apt_1", "evt_1"]


@pytest.mark.parametrize("data", ["{nope", "[]", "{}", "5", orjson.dumps({**_EVENT, "id": 5}).decode()])
def test_what_is_no_event_is_refused(data: str) -> None:
    with pytest.raises(StreamRefusal, match="no events"):
        event_line(StreamEvent(id="evt_1", data=data))


@pytest.mark.parametrize("event_id", ["☃", "a b", "x" * 65])
def test_id_that_no_header_can_carry_is_refused(event_id: str) -> None:
    with pytest.raises(StreamRefusal, match="no events"):
        event_line(StreamEvent(id=event_id, data=orjson.dumps(_EVENT).decode()))


@given(st.text())
def test_no_word_of_a_server_commands_the_terminal(word: str) -> None:
    data = orjson.dumps({**_EVENT, "subject": word.encode(errors="replace").decode()}).decode()

    assert event_line(StreamEvent(id=None, data=data)).isprintable()
