"""`holdfast demo`: an example business to play with, in one command."""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bootstrap.embedded import DEMO_DIRECTORY, MAIL_DIRECTORY, Use
from bootstrap.services import Services
from bootstrap.settings import Settings
from catalogue.tenants import NewTenant
from cli.apply import document_of, text_of
from cli.console import MISUSED, load_settings, note, refusals
from cli.serve import listening, run_server, stop_on_sigterm, url_of
from cli.session import connected, with_services
from cli.walkthrough import walkthrough
from kernel.clock import SystemClock
from kernel.operation import by_system
from persistence.files import folder

_OPERATOR_BYTES: Final = 18
_PATIENT_MS: Final = 10_000
_EXAMPLES: Final = folder("examples")


class Example(StrEnum):
    """An example business: the name of its file."""

    BARBERSHOP = "barbershop"
    GYM = "gym"
    CONSULTANT = "consultant"
    CLINIC = "clinic"


def demo(
    *,
    example: Annotated[
        Example | None,
        typer.Option(
            help="Which business; if absent, the barbershop, or with --keep the last one.", show_default=False
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the data of the last demo.")] = False,
) -> None:
    """Start everything on this machine with an example business, and print requests to paste."""
    from bootstrap.mailbox import mailbox  # noqa: PLC0415 - a server that has stores of its own goes without

    settings = load_settings()
    # A demo has stores of its own, whatever stores are set: it starts by throwing its data away.
    own = settings.model_copy(
        update={"database_url": None, "redis_url": None, "data_dir": settings.data_dir / DEMO_DIRECTORY}
    )
    register = own.data_dir / "demo.json"
    last = _remembered(register) if keep else None
    if last is not None and example not in {None, last.example}:
        note(f"The last demo was the {last.example}. Leave out --keep to start anew with the {example}.")
        raise typer.Exit(MISUSED)
    chosen = last.example if last else example or Example.BARBERSHOP
    file = _EXAMPLES / f"{chosen}.yaml"
    document = document_of(file, text_of(file))
    stop_on_sigterm()
    with (
        suppress(KeyboardInterrupt),
        refusals(),
        listening(own) as listener,
        connected(own, use=Use.SERVE, clean=not keep) as with_urls,
        mailbox(own.data_dir / MAIL_DIRECTORY) as smtp_url,
    ):
        business = last or _new_business(with_urls, chosen, document, register)
        operator_key = settings.operator_key or f"hfo_{secrets.token_urlsafe(_OPERATOR_BYTES)}"
        pages = {"booking_page_key": business.publishable_key, "operator_key": operator_key}
        mails = {"mail_dir": own.data_dir / MAIL_DIRECTORY, "smtp_url": settings.smtp_url or smtp_url}
        run_server(
            with_urls.model_copy(update={**pages, **mails}),
            listener,
            embedded=True,
            when_up=lambda: _print_walkthrough(business, document, listener, operator_key),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _DemoBusiness:
    """The keys of the demo business, kept because they can be read only once."""

    example: Example
    secret_key: str
    publishable_key: str


def _remembered(register: Path) -> _DemoBusiness | None:
    """The business of the last demo; None where there was none."""
    if not register.exists():
        return None
    # A demo made before there was a choice does not say which it was.
    members = {"example": Example.BARBERSHOP, **json.loads(register.read_text())}
    return _DemoBusiness(**members | {"example": Example(members["example"])})


def _new_business(settings: Settings, example: Example, document: Mapping[str, Any], register: Path) -> _DemoBusiness:
    """Set the example up, and remember its keys for a demo that is started again with --keep."""

    async def make(services: Services) -> NewTenant:
        tenant = await services.tenants.create(document["business"]["name"])
        await services.catalogue.apply(by_system(tenant.id, "command-line", "applyBusiness"), document)
        return tenant

    # Nobody waits for an answer yet, and a machine may be slow at first.
    patient = {"store_silence_ms": _PATIENT_MS, "postgres_statement_ms": _PATIENT_MS, "postgres_connect_seconds": 10.0}
    tenant = with_services(settings.model_copy(update=patient), make)
    business = _DemoBusiness(example=example, secret_key=tenant.secret_key, publishable_key=tenant.publishable_key)
    register.unlink(missing_ok=True)
    with os.fdopen(os.open(register, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(business), file)
    return business


def _print_walkthrough(
    business: _DemoBusiness, document: Mapping[str, Any], listener: socket.socket, operator_key: str
) -> None:
    lines = walkthrough(
        document,
        url=url_of(listener),
        secret_key=business.secret_key,
        publishable_key=business.publishable_key,
        operator_key=operator_key,
        now=SystemClock().now(),
    )
    typer.echo("\n".join(lines))
