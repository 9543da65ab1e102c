"""Clients that generators make of the OpenAPI document: each is compiled, and books a time."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from tests.support.application import application
from tests.support.documents import example
from tests.support.engine import running_engine
from tests.support.server import running_server

pytestmark = pytest.mark.own_database

_ROOT: Final = Path(__file__).resolve().parents[2]
_SOURCES: Final = _ROOT / "tests/generators"
_NODE_MODULES: Final = _SOURCES / "node_modules"
_PYTHON: Final = _ROOT / ".venv/generators/bin"
_SECONDS: Final = 120


def _run(*command: str | Path, folder: Path) -> str:
    # The generator formats what it wrote with the ruff that was installed beside it.
    environment = os.environ | {"PATH": f"{_PYTHON}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # A generator that leaves something out says so and succeeds.
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout
    return done.stdout


def _tool(path: Path) -> Path:
    if not path.exists():
        pytest.fail(f"This test needs {path.name}: make generators.", pytrace=False)
    return path


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    file.write_bytes(orjson.dumps(application().openapi()))
    return file


@pytest.fixture
async def shop(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """The address of a server, and a secret key of the barbershop on it."""
    async with running_engine(database_url, redis_url) as engine:
        key = (await engine.services.tenants.create("Fade & Co", timezone="Asia/Jerusalem", currency="ILS")).secret_key
    async with running_server(database_url, redis_url, tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as http:
            applied = await http.put("/v1/business", content=orjson.dumps(example("barbershop")))
        assert applied.status_code == 200, applied.text
        yield server.url, key


def _assert_booked(printed: str) -> None:
    booked: dict[str, Any] = json.loads(printed.splitlines()[-1])
    assert booked["id"].startswith("apt_")
    assert booked["status"] == "confirmed"


async def test_client_in_typescript_compiles_strictly_and_books(
    document: Path, shop: tuple[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "typescript"
    shutil.copytree(_SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))

    node = shutil.which("node") or pytest.fail("This test needs Node.js.", pytrace=False)
    _run(node, _tool(_NODE_MODULES / "openapi-typescript/bin/cli.js"), document, "-o", "schema.d.ts", folder=folder)
    _run(node, _tool(_NODE_MODULES / "typescript/bin/tsc"), "--project", ".", folder=folder)
    printed = _run(node, "booking.js", *shop, folder=folder)

    _assert_booked(printed)


async def test_client_in_python_is_whole_and_books(document: Path, shop: tuple[str, str], tmp_path: Path) -> None:
    generator = _tool(_PYTHON / "openapi-python-client")

    target = tmp_path / "holdfast_client"
    _run(generator, "generate", "--path", document, "--meta", "none", "--output-path", target, folder=tmp_path)
    python = _PYTHON / "python"
    _run(python, "-m", "compileall", "-q", target, folder=tmp_path)
    shutil.copy(_SOURCES / "booking.py", tmp_path)
    printed = _run(python, "booking.py", *shop, folder=tmp_path)

    _assert_booked(printed)
