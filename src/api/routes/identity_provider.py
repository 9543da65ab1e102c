"""Operations on the identity provider of a business."""

from fastapi import APIRouter
from starlette.responses import Response

from access.providers.model import IdentityProviderTaken
from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.identity_provider import (
    PROVIDER_EXAMPLE,
    IdentityProviderAnswer,
    SetIdentityProvider,
    provider_answer,
)
from kernel.errors import NotFound, VersionConflict

router = APIRouter(tags=["Users"], route_class=RepeatableRoute)


@router.put(
    "/v1/identity-provider",
    operation_id="putIdentityProvider",
    summary="Set the identity provider",
    responses=merge(
        success(200, IdentityProviderAnswer, "The provider as stored.", PROVIDER_EXAMPLE),
        refusals(IdentityProviderTaken, VersionConflict),
    ),
)
async def put_identity_provider(
    services: ServicesOf, caller: Permitted, body: SetIdentityProvider, expected: ExpectedVersion
) -> Response:
    """Accept JSON web tokens of a server of yours (RS256, ES256, EdDSA), in the place of a former one.

    The issuer and the audience of a token tell which business it is for. Its keys are fetched now, and when a token
    names an unknown one, at most once a minute; while they cannot be fetched, known ones are used for 24 hours.
    """
    provider = await services.identity_providers.put(caller.operation, body.details(), expected_version=expected)
    return answer(provider_answer(provider), version=provider.version)


@router.get(
    "/v1/identity-provider",
    operation_id="getIdentityProvider",
    summary="Read the identity provider",
    responses=merge(success(200, IdentityProviderAnswer, "The provider.", PROVIDER_EXAMPLE), refusals(NotFound)),
)
async def get_identity_provider(services: ServicesOf, caller: Permitted) -> Response:
    """Return the provider whose tokens the business accepts."""
    provider = await services.identity_providers.get(caller.operation)
    return answer(provider_answer(provider), version=provider.version)


@router.delete(
    "/v1/identity-provider",
    operation_id="deleteIdentityProvider",
    summary="Remove the identity provider",
    status_code=204,
    responses=refusals(NotFound, VersionConflict),
)
async def delete_identity_provider(services: ServicesOf, caller: Permitted, expected: ExpectedVersion) -> Response:
    """Accept its tokens no more, within a second."""
    await services.identity_providers.delete(caller.operation, expected_version=expected)
    return no_content()
