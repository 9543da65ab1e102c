"""`holdfast user …`: the people who work with a business."""

from typing import Annotated, Literal
from uuid import UUID

import typer

from access.roles import Role
from access.sessions.model import LINK_LIFE
from access.users.service import UserDetails
from bootstrap.services import Services
from cli.console import load_settings, refusals
from cli.session import run_with_services
from kernel.email_address import email_address
from kernel.errors import NotFound, ValidationFailed
from kernel.ids import TenantId
from kernel.operation import by_system

application = typer.Typer(help="People who work with a business.", no_args_is_help=True)


@application.callback()
def _group() -> None:
    """Keep the name of the one command: there will be more."""


@application.command()
def add(
    email: Annotated[str, typer.Argument(help="The e-mail address that they sign in with.")],
    *,
    role: Annotated[
        Literal["owner", "manager", "staff"], typer.Option(help="What they may do; staff need a resource.")
    ] = "owner",
    name: Annotated[str | None, typer.Option(help="What they are called; if absent, the part before the @.")] = None,
    business: Annotated[UUID | None, typer.Option(help="Id of the business, if there are several.")] = None,
    resource: Annotated[str | None, typer.Option(help="Whose calendar is theirs: id or key of a resource.")] = None,
) -> None:
    """Let somebody sign in, and print a link that signs them in once, within 15 minutes.

    For somebody who is a user already, the link alone is made.
    """

    async def make(services: Services) -> str:
        tenant_id = await _business(services, business)
        details = UserDetails(
            email=_judged(email), name=name or email.partition("@")[0], role=Role(role), resource=resource, locale=None
        )
        user_id = await services.users.find_or_add(by_system(tenant_id, "command-line"), details)
        link = await services.sign_in.make_link(tenant_id, user_id)
        assert link is not None, "the user was just found"
        return link

    with refusals():
        link = run_with_services(load_settings(), make)
    typer.echo(f"{link}\nThe link signs in once, within {int(LINK_LIFE.total_seconds()) // 60} minutes.")


async def _business(services: Services, named: UUID | None) -> TenantId:
    """The business that is meant. Raises NotFound, ValidationFailed."""
    if named is not None:
        if await services.tenants.name(TenantId(named)) is None:
            raise NotFound(f"There is no business {named}.")
        return TenantId(named)
    names = await services.tenants.names()
    if len(names) == 1:
        return next(iter(names))
    if not names:
        raise NotFound("There is no business yet: make one with holdfast tenant create.")
    listed = ", ".join(f"{tenant_id} ({name})" for tenant_id, name in names.items())
    raise ValidationFailed.of("--business", f"must name one of {listed}")


def _judged(email: str) -> str:
    try:
        return email_address(email)
    except ValueError as error:
        raise ValidationFailed.of("EMAIL", str(error)) from None
