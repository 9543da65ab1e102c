"""`python -m loadtests.fuzz`: all checks of Schemathesis, with each kind of credential, on an engine of its own."""

import argparse
import asyncio
import base64
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmark.engines import served
from benchmark.servers import await_ready
from bootstrap.embedded import kept_stores
from bootstrap.processes import die_with_parent
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from loadtests.fuzz.credentials import CredentialKind, open_credential
from persistence.schema import upgrade

_ROOT: Final = Path(__file__).resolve().parents[2]
_RESULTS: Final = Path(".data/fuzz")
_MINUTES: Final = 10.0
_MASTER_KEY_BYTES: Final = 32
_UNAUTHORIZED: Final = 401
_OWN_END: Final = ("deleteCurrentSession",)
"""Operations that end the credential itself: it would be refused from then on."""
_REQUEST_SECONDS: Final = 30.0
"""Far longer than any answer takes: a request that waits so long is a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An engine, and how to open a business of its own for each run."""

    url: str
    settings: Settings


def main() -> None:
    """Fuzz with each kind of credential; the status says whether every answer was as documented."""
    options = _parser().parse_args()
    folder = _RESULTS.resolve() / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    print(f"{options.minutes:g} minutes with each kind of credential; everything is kept in {folder}.", flush=True)
    with _engine(folder) as target:
        statuses = {kind: _fuzz(target, kind, options, folder) for kind in options.credentials}
    for kind, status in statuses.items():
        print(f"{kind}: {'clean' if status == 0 else f'findings, status {status}'}")
    sys.exit(0 if not any(statuses.values()) else 1)


def _fuzz(target: Target, kind: str, options: argparse.Namespace, folder: Path) -> int:
    """Run Schemathesis with a credential of that kind, of a fresh business."""
    credential = asyncio.run(open_credential(target.settings, CredentialKind(kind)))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        *("--config-file", str(_ROOT / "loadtests" / "fuzz" / "schemathesis.toml"), "run"),
        *("--checks", "all", "--max-time", str(round(options.minutes * 60)), "--continue-on-failure"),
        *("--request-timeout", str(_REQUEST_SECONDS)),
        *(part for name in _OWN_END for part in ("--exclude-operation-id", name)),
        *("--report", "junit,ndjson", "--report-dir", str(folder / kind)),
        *(() if options.seed is None else ("--seed", str(options.seed))),
        f"{target.url}/openapi.json",
    ]
    print(f"\nWith the credential of kind {kind}:", flush=True)
    process = subprocess.Popen(
        command,
        # The credential is not for the list of processes.
        env={**os.environ, "HOLDFAST_FUZZ_KEY": credential, "PYTHONPATH": str(_ROOT)},
        # It leaves files of its own where it runs.
        cwd=folder,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - we have no threads
    )
    status = process.wait()
    if _is_refused(target, credential):
        print(f"The credential of kind {kind} was ended by the run: what came after says little.", flush=True)
        return status or 1
    return status


def _is_refused(target: Target, credential: str) -> bool:
    headers = {"Authorization": f"Bearer {credential}"}
    paths = ("/v1/me", "/operator/v1/businesses")
    statuses = {httpx.get(f"{target.url}{path}", headers=headers, timeout=10).status_code for path in paths}
    return statuses == {_UNAUTHORIZED}


@contextmanager
def _engine(folder: Path) -> Iterator[Target]:
    """Stores and a server with its loops; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="holdfast-fuzz-") as made:
        # The account of the stores has to pass through it.
        Path(made).chmod(0o711)
        with kept_stores(Specification(data_dir=made), announce=lambda _sentence: None) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            master_key = base64.b64encode(os.urandom(_MASTER_KEY_BYTES)).decode()
            settings = Settings(
                _env_file=None,
                database_url=urls.database_url,
                redis_url=urls.redis_url,
                data_dir=folder,
                master_key=master_key,
                operator_key=secrets.token_hex(),
            )
            more = {"HOLDFAST_MASTER_KEY": master_key, "HOLDFAST_OPERATOR_KEY": settings.operator_key or ""}
            with served(settings, name="fuzz", log_requests=False, more=more) as child:
                asyncio.run(await_ready(child))
                yield Target(url=child.server.url, settings=settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.fuzz", description="Requests made from the OpenAPI document, and all checks on them."
    )
    parser.add_argument("--minutes", type=float, default=_MINUTES, help=f"with each credential; default: {_MINUTES:g}")
    kinds = [kind.value for kind in CredentialKind]
    parser.add_argument("--credentials", nargs="+", choices=kinds, default=kinds, help="default: all of them")
    parser.add_argument("--seed", type=int, help="of an earlier run, for the same requests")
    return parser


if __name__ == "__main__":
    main()
