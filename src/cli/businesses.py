"""`holdfast business …`: the businesses of the engine, as its operator sees them."""

import json
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from bookings.token_secrets import MOST_OVERLAP_DAYS
from bootstrap.services import Services
from businesses.model import BusinessAccount
from catalogue.model.quotas import MOST, Quota
from cli.console import load_settings, refusals
from cli.session import run_with_services
from kernel.ids import TenantId
from kernel.operation import by_system

application = typer.Typer(help="The businesses of the engine.", no_args_is_help=True)
_PAGE: Final = 100
_Business = Annotated[UUID, typer.Argument(help="The id of the business.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@application.command("list")
def list_businesses(*, as_json: _AsJson = False) -> None:
    """List all businesses, the oldest first."""

    async def accounts(services: Services) -> list[BusinessAccount]:
        found: list[BusinessAccount] = []
        cursor = None
        while True:
            page = await services.businesses.list_accounts(limit=_PAGE, cursor=cursor)
            found += page.data
            cursor = page.next_cursor
            if cursor is None:
                return found

    with refusals():
        found = run_with_services(load_settings(), accounts)
    if as_json:
        typer.echo(json.dumps([_members(account) for account in found]))
        return
    for account in found:
        state = "suspended" if account.suspended_at is not None else account.mode.value
        typer.echo(f"{account.id}  {state:10}{account.name}")


@application.command()
def suspend(business: _Business, *, as_json: _AsJson = False) -> None:
    """Refuse every credential of a business from now on, until it is resumed."""
    _change(business, suspended=True, as_json=as_json)


@application.command()
def resume(business: _Business, *, as_json: _AsJson = False) -> None:
    """Let a suspended business go on."""
    _change(business, suspended=False, as_json=as_json)


_Most = Annotated[str | None, typer.Option(help="A number, or none for as many as the engine allows.")]


@application.command()
def quota(
    business: _Business,
    *,
    resources: _Most = None,
    users: _Most = None,
    webhook_endpoints: _Most = None,
    api_keys: _Most = None,
    appointments_per_day: _Most = None,
    live_holds: _Most = None,
) -> None:
    """Set how much of a kind a business may have, and print its quotas."""
    given = {
        Quota.RESOURCES: resources,
        Quota.USERS: users,
        Quota.WEBHOOK_ENDPOINTS: webhook_endpoints,
        Quota.API_KEYS: api_keys,
        Quota.APPOINTMENTS_PER_DAY: appointments_per_day,
        Quota.LIVE_HOLDS: live_holds,
    }
    quotas = {kind: _most(text) for kind, text in given.items() if text is not None}
    operation = by_system(TenantId(business), "command-line", "changeBusinessAccount")
    with refusals():
        account = run_with_services(
            load_settings(), lambda services: services.businesses.change(operation, quotas=quotas)
        )
    typer.echo(json.dumps({kind.value: account.quotas.get(kind) for kind in Quota}))


def _most(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or int(text) > MOST:
        message = f"must be a number up to {MOST}, or none"
        raise typer.BadParameter(message)
    return int(text)


@application.command()
def delete(business: _Business) -> None:
    """Delete a suspended business for good; a worker removes all of it soon after."""
    operation = by_system(TenantId(business), "command-line", "deleteBusiness")
    with refusals():
        run_with_services(load_settings(), lambda services: services.deletions.delete(operation))
    typer.echo(f"{business} is deleted.")


@application.command()
def rotate_tokens(
    business: _Business,
    *,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=MOST_OVERLAP_DAYS, help="For so long tokens that were made before go on to work.")
    ] = 30,
) -> None:
    """Sign the tokens of a business's appointments by a new secret; 0 days end all that were made before."""
    operation = by_system(TenantId(business), "command-line", "rotateAppointmentTokens")
    with refusals():
        until = run_with_services(
            load_settings(), lambda services: services.token_rotation.rotate(operation, overlap_days=overlap_days)
        )
    typer.echo(f"Tokens that were made before work until {until.isoformat(timespec='seconds')}.")


def _change(business: UUID, *, suspended: bool, as_json: bool) -> None:
    operation = by_system(TenantId(business), "command-line", "changeBusinessAccount")
    with refusals():
        account = run_with_services(
            load_settings(), lambda services: services.businesses.change(operation, suspended=suspended)
        )
    if as_json:
        typer.echo(json.dumps(_members(account)))
    else:
        typer.echo(f"{account.name} is {'suspended' if suspended else 'not suspended'}.")


def _members(account: BusinessAccount) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "name": account.name,
        "timezone": account.timezone,
        "currency": account.currency,
        "mode": account.mode.value,
        "created_at": account.created_at.isoformat(),
        "suspended_at": None if account.suspended_at is None else account.suspended_at.isoformat(),
    }
