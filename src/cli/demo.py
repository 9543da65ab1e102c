"""`holdfast demo`: an example business to play with, in one command."""

import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from bootstrap.embedded import DEMO_DIRECTORY, Use
from bootstrap.services import Services
from bootstrap.settings import Settings
from catalogue.tenants import NewTenant
from cli.apply import read_document
from cli.console import load_settings, refusals
from cli.serve import listening, run_server, stop_on_sigterm, url_of
from cli.session import connected, with_services
from cli.walkthrough import walkthrough
from kernel.clock import SystemClock

_EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "barbershop.yaml"
_SECRET: Final = "secret_key"  # noqa: S105 - the name of a member
_PUBLISHABLE: Final = "publishable_key"


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the data of the last demo.")] = False,
) -> None:
    """Start everything on this machine with an example barbershop, and print requests to paste."""
    settings = load_settings()
    # A demo has stores of its own, whatever stores are set: it starts by throwing its data away.
    own = settings.model_copy(
        update={"database_url": None, "redis_url": None, "data_dir": settings.data_dir / DEMO_DIRECTORY}
    )
    document = read_document(_EXAMPLE)
    stop_on_sigterm()
    with (
        suppress(KeyboardInterrupt),
        refusals(),
        listening(own) as listener,
        connected(own, use=Use.SERVE, clean=not keep) as with_urls,
    ):
        keys = _business(with_urls, document, register=own.data_dir / "demo.json", keep=keep)
        run_server(with_urls, listener, embedded=True, when_up=lambda: _print_walkthrough(keys, document, listener))


def _business(settings: Settings, document: Mapping[str, object], *, register: Path, keep: bool) -> Mapping[str, str]:
    """The keys of the example business: the last demo's, else those of a new one."""
    if keep and register.exists():
        remembered: dict[str, str] = json.loads(register.read_text())
        return remembered

    async def make(services: Services) -> NewTenant:
        tenant = await services.tenants.create("Fade & Co", timezone="Asia/Jerusalem", currency="ILS")
        await services.catalogue.apply(tenant.id, document)
        return tenant

    tenant = with_services(settings, make)
    keys = {_SECRET: tenant.secret_key, _PUBLISHABLE: tenant.publishable_key}
    register.unlink(missing_ok=True)
    # Keys can be read once; a demo that is started again with --keep prints them once more.
    with os.fdopen(os.open(register, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(keys, file)
    return keys


def _print_walkthrough(keys: Mapping[str, str], document: Mapping[str, object], listener: socket.socket) -> None:
    lines = walkthrough(
        document,
        url=url_of(listener),
        secret_key=keys[_SECRET],
        publishable_key=keys[_PUBLISHABLE],
        now=SystemClock().now(),
    )
    typer.echo("\n".join(lines))
