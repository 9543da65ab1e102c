import io

import pytest

from cli.event_stream import StreamEvent, read_messages, refusal_text

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


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"code": "unauthorized", "detail": "Unknown or revoked API key."}', "Unknown or revoked API key."),
        (b'{"detail": "\\u001b[2J"}', "\ufffd[2J"),
        (b'{"detail": 5}', '{"detail": 5}'),
        (b"[]", "[]"),
        (b"<html>Bad gateway\n", "<html>Bad gateway\ufffd"),
    ],
)
def test_refusal_is_told_in_the_words_of_its_detail(body: bytes, words: str) -> None:
    assert refusal_text(body) == words
