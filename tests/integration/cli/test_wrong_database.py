"""What commands say of a database that the settings name wrongly, or that is not there."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from cli.main import application
from persistence.postgres_fault import PostgresFault, check_postgres
from tests.support.logins import Login, login

pytestmark = pytest.mark.own_database

_TENANT: Final = ("tenant", "create", "Fade & Co")
_COMMANDS: Final = [("serve",), ("migrate",), ("worker",), _TENANT]
_SECRET: Final = "s3cr3t"


@pytest.fixture
def account(database_url: str) -> Iterator[Login]:
    with login(database_url) as made:
        yield made


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str) -> None:
    """Commands find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)
    monkeypatch.setenv("HOLDFAST_PORT", "0")


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda command: command[0])
def test_wrong_password_is_one_line_with_host_user_and_cause(
    monkeypatch: pytest.MonkeyPatch, account: Login, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", account.with_parts(password=_SECRET))

    result = _holdfast(*command)

    assert result.exit_code == 2
    assert result.stderr == (
        f"holdfast: Postgres at {account.host} refuses the user {account.user}: "
        f'password authentication failed for user "{account.user}"\n'
    )


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda command: command[0])
def test_missing_database_is_one_line_with_host_user_and_cause(
    monkeypatch: pytest.MonkeyPatch, account: Login, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", account.with_parts(database="no_such_shop"))

    result = _holdfast(*command)

    assert result.exit_code == 2
    assert result.stderr == (
        f"holdfast: Postgres at {account.host} refuses the user {account.user}: "
        'database "no_such_shop" does not exist\n'
    )


@pytest.mark.parametrize("command", [("migrate",), _TENANT], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("host", "cause"),
    [
        ("127.0.0.1:1", "nothing accepts connections there"),
        ("no-such-host.invalid", "the name of the host is not known"),
    ],
)
def test_wrong_host_is_one_line_with_host_user_and_cause(
    monkeypatch: pytest.MonkeyPatch, account: Login, command: tuple[str, ...], host: str, cause: str
) -> None:
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", account.with_parts(password=_SECRET, host=host))

    result = _holdfast(*command)

    assert result.exit_code == 2
    assert result.stderr == (f"holdfast: Postgres at {host} cannot be reached for the user {account.user}: {cause}\n")


def test_address_past_the_pooler_is_looked_at_too(monkeypatch: pytest.MonkeyPatch, account: Login) -> None:
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", account.url)
    monkeypatch.setenv("HOLDFAST_DATABASE_DIRECT_URL", account.with_parts(password=_SECRET))

    result = _holdfast(*_TENANT)

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "refuses the user" in result.stderr


@pytest.mark.parametrize("major", [13, 14])
async def test_old_postgres_is_named_with_its_version(major: int) -> None:
    async with _postgres_of_version(f"{major}.4") as host:
        with pytest.raises(PostgresFault) as fault:
            await check_postgres(f"postgresql://ada:{_SECRET}@{host}/shop")

    assert fault.value.is_answer
    assert str(fault.value) == (f"Postgres at {host} is version {major} for the user ada: Holdfast needs 15 or later")


async def test_oldest_postgres_that_works_is_no_fault() -> None:
    async with _postgres_of_version("15.0") as host:
        await check_postgres(f"postgresql://ada:{_SECRET}@{host}/shop")


@pytest.mark.parametrize("sqlstate", ["57P03", "53300"])
async def test_postgres_that_is_starting_or_full_is_no_fault(sqlstate: str) -> None:
    async with _postgres_that_refuses(sqlstate) as host:
        await check_postgres(f"postgresql://ada:{_SECRET}@{host}/shop")


async def test_silent_host_is_given_up_within_seconds() -> None:
    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    ended = asyncio.Event()
    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    began = time.monotonic()

    with pytest.raises(PostgresFault, match="no answer within 5 seconds") as fault:
        await check_postgres(f"postgresql://ada:{_SECRET}@{host}/shop")

    assert time.monotonic() - began < 10
    assert not fault.value.is_answer
    ended.set()
    server.close()


def _holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(application, arguments)


@asynccontextmanager
async def _postgres_of_version(version: str) -> AsyncIterator[str]:
    """The beginning of the conversation with a Postgres of that version, which lets everybody in."""
    hello = [
        (b"R", struct.pack("!i", 0)),
        (b"S", b"server_version\0" + version.encode() + b"\0"),
        (b"S", b"client_encoding\0UTF8\0"),
        (b"K", struct.pack("!ii", 1, 1)),
        (b"Z", b"I"),
    ]
    async with _server(b"".join(_message(kind, body) for kind, body in hello)) as host:
        yield host


@asynccontextmanager
async def _postgres_that_refuses(sqlstate: str) -> AsyncIterator[str]:
    body = b"SFATAL\0VFATAL\0C" + sqlstate.encode() + b"\0Mnot now\0\0"
    async with _server(_message(b"E", body)) as host:
        yield host


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@asynccontextmanager
async def _server(answer: bytes) -> AsyncIterator[str]:
    """A server that has this answer to every log-in, and does without TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!i", await reader.readexactly(4))
                (code,) = struct.unpack("!i", (await reader.readexactly(length - 4))[:4])
                if code != _TLS:
                    break
                writer.write(b"N")
            writer.write(answer)
            # Its leave-taking.
            await reader.read(1)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


_TLS: Final = 80877103
