"""A Redis Cluster of a few masters on the loopback interface, which ends with whoever started it."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import redis

SLOTS: Final = 16_384
_MASTERS: Final = 3
# Below those that the system gives to whoever asks for any, so that nobody is given one meanwhile.
_PORTS: Final = range(20_000, 32_000)
# A new master takes no writes for two seconds; far longer than all the rest takes, even on a busy machine.
_DEADLINE_SECONDS: Final = 40.0
_POLL_SECONDS: Final = 0.02
# The server ends when the shell is told to, or finds that whoever would tell it is gone.
_SHELL: Final = '"$0" "$@" & server=$!; read -r _; kill -CONT "$server"; kill -KILL "$server"; wait "$server"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One server."""

    port: int
    bus: int
    """The port by which nodes talk among themselves."""
    shell: "subprocess.Popen[bytes]"

    @property
    def name(self) -> str:
        """As clients call it."""
        return f"127.0.0.1:{self.port}"

    def ask(self, *command: str | int) -> Any:
        """What this server answers to a command, whichever slot it is about."""
        with redis.Redis(port=self.port, socket_timeout=_DEADLINE_SECONDS, protocol=2) as client:
            return client.execute_command(*command)

    @property
    def pid(self) -> int:
        """That of the server."""
        return int(self.ask("INFO", "server")["process_id"])

    @property
    def id(self) -> str:
        """By which other nodes know it."""
        return str(self.ask("CLUSTER", "MYID").decode())

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """It takes connections and commands, and answers none of them."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Some masters, each with its share of the slots."""

    directory: Path
    nodes: list[Node] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What the engine is told."""
        return f"redis+cluster://{','.join(node.name for node in self.nodes)}"

    def empty(self) -> str:
        """Remove all that is in it; the URL."""
        for node in self.nodes:
            node.ask("FLUSHALL")
        return self.url

    def owner(self, slot: int) -> Node:
        """Who has the slot, as the first node sees it."""
        for first, last, master, *_ in self.nodes[0].ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        raise LookupError(slot)

    def begin_to_move(self, slot: int, target: Node) -> list[bytes]:
        """Have both ends know that the slot is on its way; the keys that are in it."""
        source = self.owner(slot)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        found: list[bytes] = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100_000)
        return found

    def move_key(self, slot: int, target: Node, key: bytes) -> None:
        """Move one key of a slot that is on its way."""
        self.owner(slot).ask("MIGRATE", "127.0.0.1", target.port, key.decode(), 0, 10_000)

    def finish_moving(self, slot: int, target: Node) -> None:
        """Have everybody know that the slot is there."""
        for node in [target, *(node for node in self.nodes if node is not target)]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def move(self, slot: int, target: Node) -> None:
        """Move a slot with all that is in it."""
        for key in self.begin_to_move(slot, target):
            self.move_key(slot, target, key)
        self.finish_moving(slot, target)

    def add_replica(self, master: Node) -> Node:
        """One more node, that has what the master has."""
        replica = _start(self.directory)
        self.nodes.append(replica)
        replica.ask("CLUSTER", "MEET", "127.0.0.1", master.port, master.bus)
        _until(lambda: _knows(replica, master.id))
        replica.ask("CLUSTER", "REPLICATE", master.id)
        _until(lambda: replica.ask("INFO", "replication").get("master_link_status") == "up")
        _until(lambda: all(_knows(node, replica.id) for node in self.nodes))
        return replica


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Three masters with an even share of the slots each."""
    if shutil.which("redis-server") is None:
        pytest.fail("These tests need a real Redis: install redis-server.", pytrace=False)
    with tempfile.TemporaryDirectory(prefix="holdfast-cluster-") as directory:
        cluster = Cluster(directory=Path(directory))
        try:
            for _ in range(_MASTERS):
                cluster.nodes.append(_start(cluster.directory))
            _join(cluster.nodes)
            yield cluster
        finally:
            for node in cluster.nodes:
                _end(node)


def _start(directory: Path) -> Node:
    port, bus = _free_port(), _free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "cluster-enabled": "yes",
        "cluster-port": bus,
        "cluster-config-file": f"nodes-{port}.conf",
        # What a busy machine keeps: that a node is silent is what the engine has to find out, not the others.
        "cluster-node-timeout": 60_000,
        "cluster-require-full-coverage": "no",
        # Of a replica that has to wait: not at all.
        "repl-diskless-sync-delay": 0,
        "dir": directory,
        "save": "",
        "appendonly": "no",
        "logfile": f"redis-{port}.log",
    }
    arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    shell = subprocess.Popen(
        ["/bin/sh", "-c", _SHELL, "redis-server", *arguments], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    node = Node(port=port, bus=bus, shell=shell)
    _until(lambda: _answers(node))
    return node


def _join(nodes: list[Node]) -> None:
    share = SLOTS // len(nodes) + 1
    for number, node in enumerate(nodes):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, min((number + 1) * share, SLOTS) - 1)
        node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, nodes[0].bus)
    for node in nodes:
        _until(lambda node=node: _is_whole(node, len(nodes)))  # type: ignore[misc]


def _is_whole(node: Node, masters: int) -> bool:
    told = str(node.ask("CLUSTER", "INFO"))
    snapshot = {owner[1] for _, _, owner, *_ in node.ask("CLUSTER", "SLOTS")}
    return "cluster_state:ok" in told and f"cluster_slots_ok:{SLOTS}" in told and len(snapshot) == masters


def _knows(node: Node, node_id: str) -> bool:
    return node_id in str(node.ask("CLUSTER", "NODES"))


def _answers(node: Node) -> bool:
    try:
        return bool(node.ask("PING"))
    except redis.ConnectionError:
        assert node.shell.poll() is None, "the server lives"
        return False


def _end(node: Node) -> None:
    assert node.shell.stdin is not None
    node.shell.stdin.close()
    node.shell.wait()


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "the cluster is as it should be in time"
        time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    message = "no port is free"
    raise LookupError(message)
