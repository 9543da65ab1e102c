"""The parts of libraries that their documentation does not promise are as the code needs them."""

import inspect
import re
import tomllib
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from packaging.requirements import Requirement
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio import cluster as redis_cluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.cluster import get_node_name
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn.supervisors import Multiprocess

_ROOT: Final = Path(__file__).resolve().parents[2]
# The libraries of which the code uses more than their documentation promises: a release may break it.
_BOUNDED: Final = ("fastapi", "hiredis", "httptools", "redis", "uvicorn")

_Part = tuple[Callable[..., Any] | type, str, tuple[str, ...]]
_REDIS: Final[tuple[_Part, ...]] = (
    (RedisCluster, "_execute_command", ("target_node",)),
    (RedisCluster, "initialize", ()),
    (RedisCluster, "get_nodes", ()),
    (RedisCluster, "get_primaries", ()),
    (RedisCluster, "aclose", ()),
    (redis_cluster.NodesManager, "move_slot", ("e",)),
    (redis_cluster.NodesManager, "get_node_from_slot", ("slot",)),
    (redis_cluster.NodesManager, "initialize", ("last_failed_node_name",)),
    (ClusterNode, "acquire_connection", ()),
    (ClusterNode, "release", ("connection",)),
    (ClusterNode, "disconnect", ()),
    (ClusterNode, "disconnect_if_needed", ("connection",)),
    (ClusterNode, "disconnect_free_connections", ()),
    (ClusterNode, "parse_response", ("connection", "command")),
    (AbstractConnection, "can_read", ()),
    (AbstractConnection, "disconnect", ("nowait",)),
    (AbstractConnection, "pack_command", ()),
    (AbstractConnection, "read_response", ("timeout",)),
    (AbstractConnection, "send_packed_command", ("command",)),
    (BlockingConnectionPool, "get_connection", ()),
    (BlockingConnectionPool, "get_connection_count", ()),
    (BlockingConnectionPool, "release", ("connection",)),
    (Redis, "evalsha", ("sha", "numkeys", "keys_and_args")),
)
_UVICORN: Final[tuple[_Part, ...]] = (
    (uvicorn.Config, "load", ()),
    (uvicorn.Server, "startup", ("sockets",)),
    (uvicorn.Server, "run", ("sockets",)),
    (Multiprocess, "run", ()),
    (HttpToolsProtocol, "__init__", ("config", "server_state", "app_state", "_loop")),
    (HttpToolsProtocol, "connection_made", ("transport",)),
    (HttpToolsProtocol, "connection_lost", ("exc",)),
    (HttpToolsProtocol, "data_received", ("data",)),
    (HttpToolsProtocol, "pause_writing", ()),
    (HttpToolsProtocol, "resume_writing", ()),
    (HttpToolsProtocol, "on_message_begin", ()),
    (HttpToolsProtocol, "on_url", ("url",)),
    (HttpToolsProtocol, "on_header", ("name", "value")),
    (HttpToolsProtocol, "on_headers_complete", ()),
    (HttpToolsProtocol, "on_body", ("body",)),
    (HttpToolsProtocol, "on_message_complete", ()),
    (HttpToolsProtocol, "on_response_complete", ()),
    (HttpToolsProtocol, "shutdown", ()),
    (HttpToolsProtocol, "_start_asgi_task", ("cycle", "app")),
    (HttpToolsProtocol, "_unsupported_upgrade_warning", ()),
    (
        RequestResponseCycle,
        "__init__",
        (
            "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event",
            "expect_100_continue", "keep_alive", "on_response",
        ),
    ),
    (FlowControl, "pause_reading", ()),
    (FlowControl, "resume_reading", ()),
    (HttpRequestParser, "feed_data", ("data",)),
    (HttpRequestParser, "get_http_version", ()),
    (HttpRequestParser, "get_method", ()),
)  # fmt: skip
# What uvicorn does by itself, and a connection of ours does in another way: a change there is to be looked at.
_REPLACED: Final = {"data_received", "on_response_complete", "_unsupported_upgrade_warning"}
_DIGEST: Final = "0ef92ca8691bd6b1"


def _name(part: _Part) -> str:
    owner, name, _ = part
    return f"{owner.__name__}.{name}"


def _has(part: _Part) -> bool:
    owner, name, parameters = part
    function = getattr(owner, name, None)
    return callable(function) and set(parameters) <= inspect.signature(function).parameters.keys()


@pytest.mark.parametrize("part", _REDIS, ids=_name)
def test_redis_py_has_what_the_clients_call(part: _Part) -> None:
    assert _has(part), f"redis-py changed {_name(part)}"


@pytest.mark.parametrize("part", _UVICORN, ids=_name)
def test_uvicorn_has_what_the_server_overrides(part: _Part) -> None:
    assert _has(part), f"uvicorn changed {_name(part)}"


def test_uvicorn_is_unchanged_where_a_connection_replaces_it() -> None:
    source = "".join(inspect.getsource(getattr(HttpToolsProtocol, name)) for name in sorted(_REPLACED))

    assert sha256(source.encode()).hexdigest()[:16] == _DIGEST, f"uvicorn changed one of {sorted(_REPLACED)}"


async def test_uvicorn_keeps_the_state_of_a_connection_where_ours_reads_it() -> None:
    async def no_application(_scope: object, _receive: object, _send: object) -> None:
        """Nobody asks it."""

    connection = HttpToolsProtocol(uvicorn.Config(no_application, log_config=None, ws="none"), ServerState(), {})

    connection.on_message_begin()

    assert {
        "app", "loop", "logger", "access_logger", "access_log", "parser", "server_state", "transport", "flow",
        "pipeline", "scope", "headers", "cycle", "url", "expect_100_continue",
    } <= vars(connection).keys()  # fmt: skip
    assert connection.headers is connection.scope["headers"]


async def test_uvicorn_keeps_the_state_of_a_request_where_ours_reads_it() -> None:
    named = dict.fromkeys(inspect.signature(RequestResponseCycle.__init__).parameters.keys() - {"self"})

    cycle = RequestResponseCycle(**named)  # type: ignore[arg-type]

    assert {"scope", "transport", "keep_alive", "more_body", "response_started", "response_complete"} <= (
        vars(cycle).keys() | {"message_event"}
    )
    assert cycle.more_body


def test_httptools_names_its_errors_as_the_server_expects() -> None:
    # An upgrade is no error: it is served.
    assert not issubclass(HttpParserUpgrade, HttpParserError)


def test_private_names_of_uvicorn_stand_in_two_files() -> None:
    naming = {
        path.relative_to(_ROOT).as_posix()
        for path in (_ROOT / "src").rglob("*.py")
        if re.search(r"\buvicorn\.(protocols|supervisors|server)\b", path.read_text())
    }

    assert naming == {"src/api/server/http_connection.py", "src/cli/serve.py"}


async def test_redis_py_cluster_keeps_what_it_knows_where_the_client_reads_it() -> None:
    node = ClusterNode("127.0.0.1", 7000)
    client = RedisCluster(startup_nodes=[node], reinitialize_steps=0, socket_timeout=1.0)

    assert client._initialize is True, "redis-py changed RedisCluster._initialize"  # noqa: SLF001 - what is checked
    assert client.nodes_manager.slots_cache == {}, "redis-py changed NodesManager.slots_cache"
    assert client.connection_kwargs["socket_timeout"] == 1.0, "redis-py changed RedisCluster.connection_kwargs"
    assert client.reinitialize_steps == 0, "redis-py changed RedisCluster.reinitialize_steps"
    assert node.name == get_node_name("127.0.0.1", 7000), "redis-py changed get_node_name"


async def test_redis_py_cluster_sends_each_command_by_the_method_that_is_overridden() -> None:
    asked = []

    class Recorder(RedisCluster):
        async def initialize(self, *_arguments: Any, **_options: Any) -> "Recorder":
            return self

        async def _determine_nodes(self, *_arguments: Any, **_options: Any) -> list[ClusterNode]:
            return [ClusterNode("127.0.0.1", 7000)]

        def _execute_command(self, target_node: ClusterNode, *arguments: Any, **_: Any) -> Awaitable[Any]:  # type: ignore[override]
            async def answer() -> str:
                asked.append((target_node.name, arguments))
                return "answer"

            return answer()

    client = Recorder(startup_nodes=[ClusterNode("127.0.0.1", 7000)])

    assert await client.execute_command("GET", "key") == "answer"
    assert asked == [("127.0.0.1:7000", ("GET", "key"))], (
        "redis-py changed how RedisCluster.execute_command asks a node"
    )


def test_redis_py_reads_urls_and_slots_as_the_clients_expect() -> None:
    parsed = parse_url("rediss://user:password@host:7000")

    assert {"host", "port", "username", "password", "connection_class"} <= parsed.keys(), "redis-py changed parse_url"
    assert key_slot(b"{tenant}:a") == key_slot(b"{tenant}:b"), "redis-py changed key_slot"
    assert key_slot(b"123456789") == 12739, "redis-py changed key_slot"
    assert REDIS_CLUSTER_HASH_SLOTS == 16384, "redis-py changed REDIS_CLUSTER_HASH_SLOTS"


def test_private_names_of_redis_py_stand_in_one_file() -> None:
    private = re.compile(r"\bnodes_manager\b|\b_initialize\b|\b_execute_command\b|\bacquire_connection\b")
    naming = {
        path.relative_to(_ROOT).as_posix() for path in (_ROOT / "src").rglob("*.py") if private.search(path.read_text())
    }

    assert naming == {"src/persistence/redis_internals.py"}


@pytest.mark.parametrize("library", _BOUNDED)
def test_versions_of_these_libraries_are_bounded(library: str) -> None:
    specifier = _requirements()[library].specifier

    assert {part.operator for part in specifier} == {">=", "<"}


@pytest.mark.parametrize("file", ["loadtest", "runtime", "server", "test"])
def test_pinned_versions_are_within_the_bounds(file: str) -> None:
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (_ROOT / f"requirements/{file}.txt").read_text(), re.MULTILINE))
    outside = {
        name: pins[name]
        for name, requirement in _requirements().items()
        if name in pins and pins[name] not in requirement.specifier
    }

    assert outside == {}


def _requirements() -> dict[str, Requirement]:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    return {requirement.name: requirement for requirement in map(Requirement, project["dependencies"])}
