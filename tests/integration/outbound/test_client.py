"""The guarded client against real peers and a real name server: nothing reaches what is denied, and all of it ends."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest
import uvloop

from outbound.client import OutboundClient, OutboundFailed, OutboundFault, TargetNotAllowed
from outbound.connection import MAX_ANSWER_BYTES
from outbound.targets import read_target
from tests.support.certificates import client_context, server_context
from tests.support.dns import running_name_server
from tests.support.peers import PeerRequest, Respond, answering, running_peer

_LOOPBACK: Final = (ip_network("127.0.0.0/8"),)
_PUBLIC: Final = "93.184.215.14"
# Far below the client's own limit, so that no test waits for long; far above what a busy machine takes.
_SECONDS: Final = 2.0


async def _failure(respond: Respond) -> OutboundFailed:
    """The failure of a request to a peer that behaves like this."""
    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    async with running_peer(respond) as peer:
        began = time.monotonic()
        with pytest.raises(OutboundFailed) as failed:
            await client.send("POST", read_target(f"http://127.0.0.1:{peer.port}/"), headers={}, body=b"{}")
        assert time.monotonic() - began < _SECONDS + 1
    await client.aclose()
    return failed.value


async def test_request_and_answer_come_over_as_they_are() -> None:
    client = OutboundClient(_LOOPBACK)
    async with running_peer(answering(201, b"thanks", x_hint="1")) as peer:
        answer = await client.send(
            "POST", read_target(f"http://localhost:{peer.port}/in?a=1"), headers={"X-A": "b"}, body=b"{}"
        )
    await client.aclose()

    (request,) = peer.requests
    assert (answer.status, answer.body, answer.headers["x-hint"]) == (201, b"thanks", "1")
    assert request.line == "POST /in?a=1 HTTP/1.1"
    assert request.headers["host"] == f"localhost:{peer.port}"
    assert (request.headers["x-a"], request.body) == ("b", b"{}")


async def test_connections_are_used_again() -> None:
    client = OutboundClient(_LOOPBACK)
    async with running_peer(answering()) as peer:
        for _ in range(3):
            await client.send("POST", read_target(f"http://127.0.0.1:{peer.port}/"), headers={})
    await client.aclose()

    assert (peer.connections, len(peer.requests)) == (1, 3)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_loopback_is_refused_however_it_is_spelled(host: str) -> None:
    client = OutboundClient()
    async with running_peer(answering()) as peer:
        with pytest.raises(TargetNotAllowed, match="HOLDFAST_OUTBOUND_ALLOW") as refused:
            await client.send("POST", read_target(f"http://{host}:{peer.port}/"), headers={})
    await client.aclose()

    assert refused.value.facts == {"setting": "HOLDFAST_OUTBOUND_ALLOW"}
    assert peer.connections == 0


async def test_refusal_names_no_address_that_the_name_stands_for() -> None:
    async with running_name_server(lambda _name, _number: ["10.20.30.40"]) as names:
        client = OutboundClient(resolve=names.resolve)
        with pytest.raises(TargetNotAllowed) as refused:
            await client.check(read_target("https://inside.example/"))
        await client.aclose()

    assert "10.20.30.40" not in str(refused.value)


async def test_one_denied_address_among_many_is_enough() -> None:
    async with running_name_server(lambda _name, _number: [_PUBLIC, "127.0.0.1"]) as names:
        client = OutboundClient(resolve=names.resolve)
        with pytest.raises(TargetNotAllowed):
            await client.send("POST", read_target("http://mixed.example/"), headers={})
        await client.aclose()


async def test_name_that_changes_its_address_between_look_ups_reaches_nothing() -> None:
    """DNS rebinding: what was judged is what is connected to, and each connection is judged anew."""

    def answers(_name: str, number: int) -> Sequence[str]:
        return [_PUBLIC] if number == 1 else ["127.0.0.1"]

    async with running_name_server(answers) as names, running_peer(answering()) as peer:
        client = OutboundClient(resolve=names.resolve, total_seconds=_SECONDS)
        target = read_target(f"http://rebind.example:{peer.port}/")
        # Judged as public when it was registered; by now it is the loopback.
        await client.check(target)
        with pytest.raises(TargetNotAllowed):
            await client.send("POST", target, headers={})
        await client.aclose()

    assert (peer.connections, names.asked["rebind.example"]) == (0, 2)


async def test_connection_goes_to_the_address_that_was_judged_after_one_look_up() -> None:
    def answers(_name: str, number: int) -> Sequence[str]:
        # Whoever looked it up again to connect would go astray.
        return ["127.0.0.1"] if number == 1 else [_PUBLIC]

    async with running_name_server(answers) as names, running_peer(answering()) as peer:
        client = OutboundClient(_LOOPBACK, resolve=names.resolve, total_seconds=_SECONDS)
        answer = await client.send("POST", read_target(f"http://once.example:{peer.port}/"), headers={})
        await client.aclose()

    assert (answer.status, names.asked["once.example"]) == (200, 1)
    assert peer.requests[0].headers["host"] == f"once.example:{peer.port}"


async def test_address_that_accepts_nothing_is_passed_over() -> None:
    async with running_name_server(lambda _name, _number: ["127.0.0.2", "127.0.0.1"]) as names:
        async with running_peer(answering()) as peer:
            client = OutboundClient(_LOOPBACK, resolve=names.resolve)
            answer = await client.send("POST", read_target(f"http://two.example:{peer.port}/"), headers={})
        await client.aclose()

    assert answer.status == 200


async def test_unknown_host_is_told() -> None:
    async with running_name_server(lambda _name, _number: []) as names:
        client = OutboundClient(resolve=names.resolve)
        with pytest.raises(OutboundFailed) as failed:
            await client.send("POST", read_target("https://nowhere.example/"), headers={})
        await client.aclose()

    assert failed.value.fault is OutboundFault.UNKNOWN_HOST


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    client = OutboundClient(_LOOPBACK)
    async with (
        running_peer(answering()) as inside,
        running_peer(answering(status, location=f"http://127.0.0.1:{inside.port}/")) as peer,
    ):
        answer = await client.send("POST", read_target(f"http://127.0.0.1:{peer.port}/"), headers={})
    await client.aclose()

    assert (answer.status, inside.connections) == (status, 0)


async def test_huge_body_is_read_up_to_the_limit_and_its_connection_closed() -> None:
    async def flood(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    async with running_peer(flood) as peer:
        target = read_target(f"http://127.0.0.1:{peer.port}/")
        answers = [await client.send("POST", target, headers={}) for _ in range(2)]
    await client.aclose()

    assert [(answer.status, len(answer.body)) for answer in answers] == [(200, MAX_ANSWER_BYTES)] * 2
    assert peer.connections == 2


async def test_compressed_body_stays_compressed() -> None:
    client = OutboundClient(_LOOPBACK)
    async with running_peer(answering(200, b"\x1f\x8b bomb", content_encoding="gzip")) as peer:
        answer = await client.send("POST", read_target(f"http://127.0.0.1:{peer.port}/"), headers={})
    await client.aclose()

    assert answer.body == b"\x1f\x8b bomb"


async def test_silent_peer_ends_by_the_limit() -> None:
    async def say_nothing(_request: PeerRequest, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert (await _failure(say_nothing)).fault is OutboundFault.TIMEOUT


async def test_body_that_drips_ends_by_the_limit() -> None:
    async def drip(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.05)

    assert (await _failure(drip)).fault is OutboundFault.TIMEOUT


async def test_headers_without_end_are_refused() -> None:
    async def never_end(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: yes\r\n" * 1000)
            await writer.drain()

    assert (await _failure(never_end)).fault is OutboundFault.NO_ANSWER


@pytest.mark.parametrize(
    ("beginning", "rest"),
    [(b"1;", b"a" * 10_000), (b"", b"1;" + b"a" * 10_000 + b"\r\na\r\n"), (b"0\r\n", b"x: y\r\n" * 1000)],
    ids=["one extension", "extensions", "trailers"],
)
async def test_answer_without_end_beside_its_body_is_refused(beginning: bytes, rest: bytes) -> None:
    written = 0

    async def respond(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + beginning)
        while True:
            writer.write(rest)
            await writer.drain()
            written += len(rest)

    assert (await _failure(respond)).fault is OutboundFault.NO_ANSWER
    # What the sockets hold comes on top.
    assert written < 20_000_000


async def test_headers_that_drip_end_by_the_limit() -> None:
    async def drip(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: yes\r\n")
            await asyncio.sleep(0.05)

    assert (await _failure(drip)).fault is OutboundFault.TIMEOUT


async def test_interim_answers_without_end_stop_at_the_limit() -> None:
    async def hint(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.01)

    assert (await _failure(hint)).fault is OutboundFault.TIMEOUT


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b""])
async def test_answer_that_is_no_http_is_told(answer: bytes) -> None:
    async def respond(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    assert (await _failure(respond)).fault is OutboundFault.NO_ANSWER


async def test_refused_connection_is_told() -> None:
    async with running_peer(answering()) as peer:
        pass
    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    with pytest.raises(OutboundFailed) as failed:
        await client.send("POST", read_target(f"http://127.0.0.1:{peer.port}/"), headers={})
    await client.aclose()

    assert failed.value.fault is OutboundFault.NO_CONNECTION


@pytest.mark.parametrize(
    ("host", "reason"),
    [("hooks.example", None), ("other.example", "Hostname mismatch")],
)
async def test_certificate_must_be_of_the_host_that_the_url_names(
    tmp_path: Path, host: str, reason: str | None
) -> None:
    """The connection goes to an address; the certificate is still compared with the name."""
    context = server_context(tmp_path, ["hooks.example"])
    named: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    async with (
        running_name_server(lambda _name, _number: ["127.0.0.1"]) as names,
        running_peer(answering(), tls=context) as peer,
    ):
        client = OutboundClient(_LOOPBACK, resolve=names.resolve, tls=client_context(tmp_path))
        target = read_target(f"https://{host}:{peer.port}/")
        if reason is None:
            assert (await client.send("POST", target, headers={})).status == 200
        else:
            with pytest.raises(OutboundFailed, match=reason) as failed:
                await client.send("POST", target, headers={})
            assert failed.value.fault is OutboundFault.TLS
        await client.aclose()

    assert named == [host]


async def test_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with (
        running_name_server(lambda _name, _number: ["127.0.0.1"]) as names,
        running_peer(answering(), tls=server_context(tmp_path, ["hooks.example"])) as peer,
    ):
        client = OutboundClient(_LOOPBACK, resolve=names.resolve)
        with pytest.raises(OutboundFailed) as failed:
            await client.send("POST", read_target(f"https://hooks.example:{peer.port}/"), headers={})
        await client.aclose()

    assert failed.value.fault is OutboundFault.TLS


async def test_peer_that_speaks_no_tls_is_told() -> None:
    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS, tls=ssl.create_default_context())
    async with running_peer(answering()) as peer:
        with pytest.raises(OutboundFailed) as failed:
            await client.send("POST", read_target(f"https://localhost:{peer.port}/"), headers={})
    await client.aclose()

    assert failed.value.fault in {OutboundFault.TLS, OutboundFault.TIMEOUT, OutboundFault.NO_CONNECTION}


async def test_slow_look_ups_of_one_host_hold_up_no_other() -> None:
    waiting = asyncio.Event()

    async def resolve(host: str) -> Sequence[str]:
        if host == "slow.example":
            waiting.set()
            await asyncio.Event().wait()
        return ["127.0.0.1"]

    client = OutboundClient(_LOOPBACK, resolve=resolve, total_seconds=_SECONDS)
    async with running_peer(answering()) as peer:
        slow = asyncio.create_task(client.check(read_target("https://slow.example/")))
        await waiting.wait()
        answer = await client.send("POST", read_target(f"http://fast.example:{peer.port}/"), headers={})
        assert not slow.done()
        with pytest.raises(OutboundFailed) as failed:
            await slow
    await client.aclose()

    assert (answer.status, failed.value.fault) == (200, OutboundFault.TIMEOUT)


async def test_connection_in_constant_use_gives_way_to_one_whose_host_was_looked_up_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answers(_name: str, _number: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with running_name_server(answers) as names, running_peer(answering()) as peer:
        client = OutboundClient(_LOOPBACK, resolve=names.resolve, total_seconds=_SECONDS)
        target = read_target(f"http://busy.example:{peer.port}/")
        for _ in range(3):
            await client.send("POST", target, headers={})
        before = peer.connections, names.asked["busy.example"]
        monkeypatch.setattr("outbound.client.LIFE_SECONDS", 0.0)
        await client.send("POST", target, headers={})
        await client.aclose()

    assert before == (1, 1)
    assert (peer.connections, names.asked["busy.example"]) == (2, 2)


async def test_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def answer_once(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        await answering()(request, writer)
        writer.close()

    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    async with running_peer(answer_once) as peer:
        target = read_target(f"http://127.0.0.1:{peer.port}/")
        answers = [await client.send("POST", target, headers={}) for _ in range(3)]
    await client.aclose()

    assert [answer.status for answer in answers] == [200] * 3


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end", b"until the end"),
    ],
)
async def test_answer_is_read_in_each_form_that_a_body_may_have(answer: bytes, body: bytes) -> None:
    async def respond(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if answer.endswith(b"end"):
            writer.close()

    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    async with running_peer(respond) as peer:
        target = read_target(f"http://127.0.0.1:{peer.port}/")
        answers = [await client.send("POST", target, headers={}) for _ in range(2)]
    await client.aclose()

    assert [one.body for one in answers] == [body] * 2
    assert "link" not in answers[0].headers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut",
    ],
)
async def test_answer_that_could_be_read_in_two_ways_is_none(answer: bytes) -> None:
    async def respond(_request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    assert (await _failure(respond)).fault is OutboundFault.NO_ANSWER


async def test_answer_that_nobody_asked_for_reaches_no_later_request() -> None:
    async def respond_twice(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        await answering(200, b"first")(request, writer)
        await writer.drain()
        await answering(201, b"second")(request, writer)

    client = OutboundClient(_LOOPBACK, total_seconds=_SECONDS)
    async with running_peer(respond_twice) as peer:
        target = read_target(f"http://127.0.0.1:{peer.port}/")
        answers = [await client.send("POST", target, headers={}) for _ in range(3)]
    await client.aclose()

    assert [answer.body for answer in answers] == [b"first"] * 3


def test_client_works_on_the_event_loop_of_the_server(tmp_path: Path) -> None:
    """uvloop's transports and errors are of classes of its own."""

    async def ask() -> None:
        context = server_context(tmp_path, ["localhost"])
        async with running_peer(answering(200, b"plain")) as plain, running_peer(answering(), tls=context) as secure:
            client = OutboundClient(_LOOPBACK, tls=client_context(tmp_path), total_seconds=_SECONDS)
            answer = await client.send("POST", read_target(f"http://127.0.0.1:{plain.port}/"), headers={})
            assert answer.body == b"plain"
            assert (
                await client.send("POST", read_target(f"https://localhost:{secure.port}/"), headers={})
            ).status == 200
            with pytest.raises(OutboundFailed) as failed:
                await client.send("POST", read_target(f"https://127.0.0.1:{secure.port}/"), headers={})
            assert failed.value.fault is OutboundFault.TLS
        with pytest.raises(OutboundFailed) as failed:
            await client.send("POST", read_target(f"http://127.0.0.1:{plain.port}/"), headers={})
        await client.aclose()
        assert failed.value.fault is OutboundFault.NO_CONNECTION

    uvloop.run(ask())
