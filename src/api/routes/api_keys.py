"""Operations on API keys."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator
from starlette.responses import Response

from access.api_keys.model import LastKey
from api.answers import answer, no_content
from api.dependencies import Permitted, ServicesOf
from api.idempotency import RepeatableRoute, SealingRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.api_keys import (
    KEY_EXAMPLE,
    NEW_KEY_EXAMPLE,
    ApiKeysAnswer,
    CreateApiKey,
    NewApiKeyAnswer,
    RotateApiKey,
    key_answer,
    new_key_answer,
)
from api.schemas.fields import storable
from catalogue.model.quotas import QuotaExceeded
from kernel.errors import NotFound
from persistence.sealing import MasterKeyMissing

router = APIRouter(tags=["Access"], route_class=RepeatableRoute)
_sealed_router = APIRouter(route_class=SealingRoute)

KeyPath = Annotated[
    str,
    Path(description="The key's id, not the key itself.", max_length=64, examples=["key_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]


@router.get(
    "/v1/api-keys",
    operation_id="listApiKeys",
    summary="List API keys",
    responses=merge(success(200, ApiKeysAnswer, "All keys.", {"data": [KEY_EXAMPLE]}), refusals()),
)
async def list_keys(services: ServicesOf, caller: Permitted) -> Response:
    """Return the keys that open the business, of which there are 100 at most, without the keys themselves."""
    return answer({"data": [key_answer(key) for key in await services.api_keys.list_keys(caller.operation)]})


@_sealed_router.post(
    "/v1/api-keys",
    operation_id="createApiKey",
    summary="Make an API key",
    status_code=201,
    responses=merge(
        success(201, NewApiKeyAnswer, "The key, with its text.", NEW_KEY_EXAMPLE),
        refusals(QuotaExceeded, MasterKeyMissing),
    ),
)
async def create_key(services: ServicesOf, caller: Permitted, body: CreateApiKey) -> Response:
    """Make one more key. `key` is shown this once."""
    issued = await services.api_keys.create(caller.operation, body.kind, body.name)
    return answer(new_key_answer(issued), status=201)


@_sealed_router.post(
    "/v1/api-keys/{key_id}/rotate",
    operation_id="rotateApiKey",
    summary="Rotate an API key",
    responses=merge(
        success(200, NewApiKeyAnswer, "The new key, with its text.", NEW_KEY_EXAMPLE),
        refusals(NotFound, MasterKeyMissing),
    ),
)
async def rotate_key(services: ServicesOf, caller: Permitted, key_id: KeyPath, body: RotateApiKey) -> Response:
    """Make a new key of the same kind and name, with an id of its own. `key` is shown this once.

    The old key works until the overlap ends, or until it is revoked.
    """
    issued = await services.api_keys.rotate(caller.operation, key_id, overlap_minutes=body.overlap_minutes)
    return answer(new_key_answer(issued))


@router.delete(
    "/v1/api-keys/{key_id}",
    operation_id="revokeApiKey",
    summary="Revoke an API key",
    status_code=204,
    responses=refusals(NotFound, LastKey),
)
async def revoke_key(services: ServicesOf, caller: Permitted, key_id: KeyPath) -> Response:
    """Let the key open nothing from now on, within a second on every server. Revoking again succeeds.

    The last secret key is refused, unless a user owns the business.
    """
    await services.api_keys.revoke(caller.operation, key_id)
    return no_content()


router.include_router(_sealed_router)
