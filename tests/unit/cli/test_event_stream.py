import io

from cli.event_stream import StreamEvent, read_messages

_STREAM = (
    b"retry: 2000\n: the stream begins\n\n"
    b'id: evt_1\ndata: {"id": "evt_1", "name": "\xd7\x93\xd7\xa0\xd7\x94"}\n\n'
    b": the stream is silent\n\n"
    b"id: evt_2\r\ndata: a\r\ndata: b\r\n\r\n"
    b"id: evt_3\ndata: cut off"
)


def test_messages_are_read_and_comments_and_what_is_cut_off_are_none() -> None:
    assert list(read_messages(io.BytesIO(_STREAM))) == [
        StreamEvent(id="evt_1", data='{"id": "evt_1", "name": "דנה"}'),
        StreamEvent(id="evt_2", data="a\nb"),
    ]
