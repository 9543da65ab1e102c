"""HAProxy with the configuration of docs/how-to/run-several-nodes.md, in front of two servers."""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.engine import NO_REDIS
from tests.support.server import ServerProcess, running_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

_PAGE: Final = Path(__file__).resolve().parents[2] / "docs/how-to/run-several-nodes.md"
_NODES: Final = ("10.0.0.1:8080", "10.0.0.2:8080")


def _haproxy() -> str:
    found = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin")
    if found is None:
        pytest.fail("This test needs HAProxy: make haproxy.", pytrace=False)
    return found


def _configuration(folder: Path, port: int, nodes: tuple[str, str]) -> Path:
    """The one of the page, with the addresses of this test."""
    found = re.search(r"^```haproxy\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    text = found[1].replace("/etc/haproxy/site.pem", str(_certificate(folder))).replace(":443", f"127.0.0.1:{port}")
    text = text.replace("/run/haproxy/admin.sock", str(folder / "admin.sock"))
    for documented, node in zip(_NODES, nodes, strict=True):
        assert text.count(documented) == 2
        text = text.replace(documented, node)
    file = folder / "haproxy.cfg"
    file.write_text(text)
    return file


def _certificate(folder: Path) -> Path:
    key, certificate, both = folder / "site.key", folder / "site.crt", folder / "site.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    return both


def _check(file: Path) -> None:
    checked = subprocess.run([_haproxy(), "-c", "-f", file], capture_output=True, text=True, check=False)
    assert (checked.returncode, "WARNING" in checked.stderr) == (0, False), checked.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def _balanced(folder: Path, first: ServerProcess, second: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of both servers by HTTPS, once the balancer answers."""
    port = _free_port()
    nodes = (first.url.removeprefix("http://"), second.url.removeprefix("http://"))
    file = _configuration(folder, port, nodes)
    await asyncio.to_thread(_check, file)
    process = await asyncio.create_subprocess_exec(_haproxy(), "-db", "-f", file, stderr=asyncio.subprocess.DEVNULL)
    # The certificate is this test's own.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trusting) as http:

            async def answers() -> bool:
                with suppress(httpx.TransportError):
                    return (await http.get("/healthz")).status_code == 200
                return False

            await eventually(answers)
            yield http
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def test_visitors_are_served_on_when_a_node_ends(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with (
        running_server(database_url, redis_url, tmp_path) as first,
        running_server(database_url, redis_url, tmp_path) as second,
        _balanced(tmp_path, first, second) as http,
    ):
        before = [(await http.get("/readyz")).status_code for _ in range(4)]
        first.process.terminate()
        await first.process.wait()
        # Between two checks too: a connection that nobody accepts is tried again elsewhere.
        after = [(await http.get("/readyz")).status_code for _ in range(20)]

    assert before == [200] * 4
    assert after == [200] * 20


async def test_all_nodes_are_used_when_none_is_ready(database_url: str, tmp_path: Path) -> None:
    async with (
        running_server(database_url, NO_REDIS, tmp_path) as first,
        running_server(database_url, NO_REDIS, tmp_path) as second,
        _balanced(tmp_path, first, second) as http,
    ):

        async def are_out() -> bool:
            # Its own answer for want of a server has no request id of the engine.
            answer = await http.get("/readyz")
            return answer.status_code == 503 and "x-request-id" in answer.headers

        await eventually(are_out)
        answers = [await http.get("/v1/business") for _ in range(10)]

    assert {answer.status_code for answer in answers} == {401}
