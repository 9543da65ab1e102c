"""Identity providers in requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from access.providers.model import MOST_KEYS, IdentityProvider, ProviderClaims, ProviderDetails
from api.schemas.fields import RequestModel, storable
from outbound.targets import MAX_URL_CHARACTERS

_ISSUER: Final = "https://id.fade.example/"
_KEYS_URL: Final = "https://id.fade.example/.well-known/jwks.json"
PROVIDER_EXAMPLE: Final[JsonDict] = {
    "issuer": _ISSUER,
    "audience": "holdfast-fade",
    "jwks_url": _KEYS_URL,
    "public_keys": None,
    "claims": {"role": "role", "resource": "resource", "customer": None},
    "fetched_at": "2026-11-30T15:01:12Z",
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
_KEY_EXAMPLE: Final[JsonDict] = {
    "kid": "2026-11",
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
_MOST_MEMBERS: Final = 20

_Named = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(storable)]
_Key = Annotated[
    dict[str, Any],
    Field(
        max_length=_MOST_MEMBERS,
        description="A public key of RSA (2048 bits or more), P-256 or Ed25519, by RFC 7517.",
        examples=[_KEY_EXAMPLE],
    ),
]


class ClaimNames(RequestModel):
    """Names of the claims that say what somebody may do."""

    role: Annotated[
        _Named | None,
        Field(description="Claim with `owner`, `manager`, `staff` or `customer`, or a list with one of them."),
    ] = None
    resource: Annotated[_Named | None, Field(description="Claim with the id or key of a resource. Staff need it.")] = (
        None
    )
    customer: Annotated[
        _Named | None, Field(description="Claim with the id of a customer (`cus_…`). Customers need it.")
    ] = None


class SetIdentityProvider(RequestModel):
    """A server whose tokens are accepted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": _ISSUER,
                    "audience": "holdfast-fade",
                    "jwks_url": _KEYS_URL,
                    "claims": {"role": "role", "resource": "resource"},
                }
            ]
        }
    )

    issuer: Annotated[_Named, Field(description="The claim `iss` of its tokens, letter by letter.")]
    audience: Annotated[
        _Named, Field(description="What the claim `aud` names for this business. No other one has it of this issuer.")
    ]
    jwks_url: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS), AfterValidator(storable)] | None,
        Field(description="Where its keys are (RFC 7517), with https. Or `public_keys`."),
    ] = None
    public_keys: Annotated[
        list[_Key] | None, Field(max_length=MOST_KEYS, description="Its keys, where they have no address.")
    ] = None
    claims: ClaimNames

    def details(self) -> ProviderDetails:
        """The provider as the use case takes it."""
        return ProviderDetails(
            issuer=self.issuer,
            audience=self.audience,
            jwks_url=self.jwks_url,
            public_keys=self.public_keys,
            claims=ProviderClaims(
                role=self.claims.role, resource=self.claims.resource, customer_id=self.claims.customer
            ),
        )


class ClaimNamesAnswer(TypedDict):
    """Names of claims; null: its tokens do not say it."""

    role: str | None
    resource: str | None
    customer: str | None


@with_config(ConfigDict(json_schema_extra={"examples": [PROVIDER_EXAMPLE]}))
class IdentityProviderAnswer(TypedDict):
    """The server whose tokens the business accepts."""

    issuer: str
    audience: str
    jwks_url: str | None
    public_keys: list[dict[str, Any]] | None
    claims: ClaimNamesAnswer
    fetched_at: Annotated[datetime | None, Field(description="When its keys were last fetched.")]
    version: Annotated[int, Field(description="Counts the changes; the ETag.")]
    created_at: datetime
    updated_at: datetime


def provider_answer(provider: IdentityProvider) -> IdentityProviderAnswer:
    """The answer that describes the provider."""
    details = provider.details
    return {
        "issuer": details.issuer,
        "audience": details.audience,
        "jwks_url": details.jwks_url,
        "public_keys": None if details.public_keys is None else [dict(key) for key in details.public_keys],
        "claims": {
            "role": details.claims.role,
            "resource": details.claims.resource,
            "customer": details.claims.customer_id,
        },
        "fetched_at": provider.fetched_at,
        "version": provider.version,
        "created_at": provider.created_at,
        "updated_at": provider.updated_at,
    }
