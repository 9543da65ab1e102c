"""The HTTP application over stand-ins for the services, for tests of the HTTP layer alone."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import UUID

import httpx
from fastapi import FastAPI

from access.rates.counts import RateCounts
from access.subject import Subject
from api.app import create_app
from bootstrap.settings import Settings
from catalogue.tenants import Credential, KeyKind
from kernel.ids import ApiKeyId, AppointmentId, TenantId
from telemetry.metrics import Metrics
from tests.support.shared_routes import app_with_shared_routes

if TYPE_CHECKING:
    from bootstrap.context import Context
    from bootstrap.services import Services

TENANT = TenantId(UUID(int=1))
APPOINTMENT = AppointmentId("apt_01kbc9x3v4h5m6n7p8q9r0s1t2")
SECRET = {"Authorization": "Bearer hfs_secret"}
PUBLISHABLE = {"Authorization": "Bearer hfp_publishable"}
TOKEN = {"Authorization": "Bearer hft_token"}


class Keys:
    """Knows the secret and the publishable key above."""

    async def authenticate(self, raw_key: str) -> Credential | None:
        """What TenantService.authenticate answers."""
        kinds = {"hfs_secret": KeyKind.SECRET, "hfp_publishable": KeyKind.PUBLISHABLE}
        kind = kinds.get(raw_key)
        return None if kind is None else Credential(tenant_id=TENANT, kind=kind, key_id=ApiKeyId("key_1"))

    async def find_revoked_lately(self) -> Collection[str]:
        """What TenantService.find_revoked_lately answers."""
        return ()


class Tokens:
    """Knows the token above."""

    async def verify(self, text: str) -> tuple[TenantId, AppointmentId] | None:
        """What TokenService.verify answers."""
        return (TENANT, APPOINTMENT) if text == "hft_token" else None


class WebTokens:
    """Knows no JSON web token."""

    async def verify(self, _raw: str) -> Subject | None:
        """What TokenVerifier.verify answers."""
        return None


class NoStandings:
    """Knows no suspended business."""

    async def check(self, _tenant_id: TenantId) -> None:
        """What Standings.check does."""


def application(settings: Settings | None = None, /, **services: object) -> FastAPI:
    """The application; only the services that a test uses need to be there."""
    return app_with_shared_routes(*_stand_ins(settings, services))


def application_with_own_routes() -> FastAPI:
    """The application for a test that changes what its routes depend on."""
    return create_app(*_stand_ins(None, {}))


def client(app: FastAPI) -> httpx.AsyncClient:
    """A client of the application, without a network between them."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")


def _stand_ins(settings: Settings | None, services: Mapping[str, object]) -> "tuple[Context, Services]":
    context = SimpleNamespace(settings=settings or Settings(_env_file=None), metrics=Metrics())
    all_services: dict[str, object] = {
        "tenants": Keys(),
        "tokens": Tokens(),
        "web_tokens": WebTokens(),
        "rate_counts": RateCounts(),
        "challenge": None,
        "unit_of_work": None,
        "standings": NoStandings(),
        **services,
    }
    return cast("Context", context), cast("Services", SimpleNamespace(**all_services))
