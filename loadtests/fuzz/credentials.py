"""Credentials to fuzz with: each kind that the API knows, of a fresh business with a visit of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
import orjson
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from access.roles import Role
from access.users.service import UserDetails
from api.app import create_app
from bootstrap.context import Context, open_context
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from catalogue.model.business import Mode
from catalogue.tenants import NewTenant
from kernel.clock import SystemClock
from kernel.operation import by_system

_EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "barbershop.yaml"
_ISSUER: Final = "https://id.example/"
_TOKEN_LIFE: Final = timedelta(hours=2)


class CredentialKind(StrEnum):
    """Kinds of credentials: API keys, tokens of users and of a customer, an appointment's token, the operator's key."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PUBLISHABLE = "publishable"
    OWNER = "owner"
    MANAGER = "manager"
    STAFF = "staff"
    CUSTOMER = "customer"
    HOLDER = "holder"
    OPERATOR = "operator"


async def open_credential(settings: Settings, kind: CredentialKind) -> str:
    """A credential of that kind, of a new sandbox with the set-up of an example and one appointment."""
    async with open_context(settings) as context:
        services = build_services(context, SystemClock())
        tenant = await services.tenants.create("Fuzz", mode=Mode.SANDBOX)
        await services.catalogue.apply(by_system(tenant.id, "fuzz"), yaml.safe_load(_EXAMPLE.read_text()))
        return await Shop(context=context, services=services, tenant=tenant).credential(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A business, and the engine in this process that serves it."""

    context: Context
    services: Services
    tenant: NewTenant

    async def credential(self, kind: CredentialKind) -> str:
        """A credential of that kind. A user's token lives for 15 minutes, a customer's for two hours."""
        match kind:
            case CredentialKind.SECRET:
                return self.tenant.secret_key
            case CredentialKind.PUBLISHABLE:
                return self.tenant.publishable_key
            case CredentialKind.OPERATOR:
                assert self.context.settings.operator_key is not None
                return self.context.settings.operator_key
            case CredentialKind.HOLDER:
                return str((await self._appointment())["token"])
            case CredentialKind.CUSTOMER:
                return await self._token_of_customer()
            case CredentialKind.OWNER | CredentialKind.MANAGER | CredentialKind.STAFF:
                return await self._token_of_user(Role(kind))

    async def _token_of_user(self, role: Role) -> str:
        """The access token of somebody who followed a sign-in link."""
        resource = "noa" if role is Role.STAFF else None
        details = UserDetails(
            email=f"{role}@fade.example", name=role.title(), role=role, resource=resource, locale="en"
        )
        user = await self.services.users.create(by_system(self.tenant.id, "fuzz"), details)
        link = await self.services.sign_in.make_link(self.tenant.id, user.id)
        assert link is not None
        return (await self.services.user_sessions.open(link.partition("#")[2])).access_token

    async def _token_of_customer(self) -> str:
        """The token of a provider whose keys the business knows, for the customer of an appointment."""
        key = Ed25519PrivateKey.generate()
        public = {**orjson.loads(OKPAlgorithm.to_jwk(key.public_key())), "kid": "1"}
        audience = str(self.tenant.id)
        provider = {
            "issuer": _ISSUER,
            "audience": audience,
            "public_keys": [public],
            "claims": {"customer": "customer"},
        }
        await self._send("PUT", "/v1/identity-provider", json=provider)
        now = datetime.now(UTC)
        claims = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": "dana",
            "iat": now,
            "exp": now + _TOKEN_LIFE,
            "customer": (await self._appointment())["customer"]["id"],
        }
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "1"})

    async def _appointment(self) -> dict[str, Any]:
        found = await self._send("GET", "/v1/availability/next", params={"service": "haircut"})
        body = {
            "service": "haircut",
            "start": found["slots"][0]["start"],
            "customer": {"name": "Dana Levi", "email": "dana@example.com"},
        }
        return await self._send("POST", "/v1/appointments", json=body)

    async def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - of httpx
        transport = httpx.ASGITransport(create_app(self.context, self.services))
        headers = {"Authorization": f"Bearer {self.tenant.secret_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as client:
            answer = await client.request(method, path, **request)
        read: dict[str, Any] = answer.raise_for_status().json()
        return read
