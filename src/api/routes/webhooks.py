"""Operations on webhook endpoints and their deliveries."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, Permitted, ServicesOf
from api.idempotency import IdempotencyAnswerLost, RepeatableRoute, SealingRoute
from api.openapi_responses import merge, refusals, success
from api.parameters import Cursor, PageLimit
from api.schemas.fields import storable
from api.schemas.webhooks import (
    DELIVERY_EXAMPLE,
    ENDPOINT_EXAMPLE,
    NEW_ENDPOINT_EXAMPLE,
    REPLAY_EXAMPLE,
    ChangeWebhookEndpoint,
    CreateWebhookEndpoint,
    NewWebhookEndpointAnswer,
    ReplayAnswer,
    ReplayEvents,
    RotateSecret,
    WebhookDeliveriesAnswer,
    WebhookDeliveryAnswer,
    WebhookEndpointAnswer,
    WebhookEndpointsAnswer,
    delivery_answer,
    endpoint_answer,
    new_endpoint_answer,
    replay_answer,
)
from catalogue.model.quotas import QuotaExceeded
from kernel.errors import NotFound, VersionConflict
from outbound.client import TargetNotAllowed
from persistence.sealing import MasterKeyMissing
from webhooks.model import DeliveryStatus, EndpointDisabled, SecretRotating

router = APIRouter(tags=["Webhooks"], route_class=RepeatableRoute)
_sealed_router = APIRouter(route_class=SealingRoute)

EndpointPath = Annotated[
    str,
    Path(description="The endpoint's id.", max_length=64, examples=["whe_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]
DeliveryPath = Annotated[
    str,
    Path(description="The delivery's id.", max_length=64, examples=["whd_019ad4b2e1c000001a1b2c3d4e"]),
    AfterValidator(storable),
]


@_sealed_router.post(
    "/v1/webhook-endpoints",
    operation_id="createWebhookEndpoint",
    summary="Add a webhook endpoint",
    status_code=201,
    responses=merge(
        success(201, NewWebhookEndpointAnswer, "The endpoint, with its secret.", NEW_ENDPOINT_EXAMPLE),
        refusals(QuotaExceeded, TargetNotAllowed, MasterKeyMissing, IdempotencyAnswerLost),
    ),
)
async def create_endpoint(services: ServicesOf, caller: Permitted, body: CreateWebhookEndpoint) -> Response:
    """Have events sent to a URL from now on. `secret` is shown this once: verify each delivery with it."""
    new = await services.webhook_endpoints.create(caller.operation, body.details())
    return answer(new_endpoint_answer(new), status=201, version=new.endpoint.version)


@router.get(
    "/v1/webhook-endpoints",
    operation_id="listWebhookEndpoints",
    summary="List webhook endpoints",
    responses=merge(
        success(200, WebhookEndpointsAnswer, "All endpoints.", {"data": [ENDPOINT_EXAMPLE]}),
        refusals(),
    ),
)
async def list_endpoints(services: ServicesOf, caller: Permitted) -> Response:
    """Return all endpoints, of which there are 16 at most."""
    endpoints = await services.webhook_endpoints.list_endpoints(caller.operation)
    return answer({"data": [endpoint_answer(endpoint) for endpoint in endpoints]})


@router.get(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="getWebhookEndpoint",
    summary="Read a webhook endpoint",
    responses=merge(success(200, WebhookEndpointAnswer, "The endpoint.", ENDPOINT_EXAMPLE), refusals(NotFound)),
)
async def get_endpoint(services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath) -> Response:
    """Return the endpoint, without its secret."""
    endpoint = await services.webhook_endpoints.get(caller.operation, endpoint_id)
    return answer(endpoint_answer(endpoint), version=endpoint.version)


@router.patch(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="changeWebhookEndpoint",
    summary="Change, disable or enable a webhook endpoint",
    responses=merge(
        success(200, WebhookEndpointAnswer, "The endpoint as stored.", ENDPOINT_EXAMPLE),
        refusals(NotFound, VersionConflict, TargetNotAllowed),
    ),
)
async def change_endpoint(
    services: ServicesOf,
    caller: Permitted,
    endpoint_id: EndpointPath,
    body: ChangeWebhookEndpoint,
    expected: ExpectedVersion,
) -> Response:
    """Replace the members that are sent. What happens while it is disabled is held, not sent later by itself."""
    endpoint = await services.webhook_endpoints.change(
        caller.operation, endpoint_id, body.change(), expected_version=expected
    )
    return answer(endpoint_answer(endpoint), version=endpoint.version)


@router.delete(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="deleteWebhookEndpoint",
    summary="Delete a webhook endpoint",
    status_code=204,
    responses=refusals(NotFound, VersionConflict),
)
async def delete_endpoint(
    services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath, expected: ExpectedVersion
) -> Response:
    """Delete the endpoint with its secret and the log of its deliveries."""
    await services.webhook_endpoints.delete(caller.operation, endpoint_id, expected_version=expected)
    return no_content()


@_sealed_router.post(
    "/v1/webhook-endpoints/{endpoint_id}/rotate-secret",
    operation_id="rotateWebhookSecret",
    summary="Rotate the secret of a webhook endpoint",
    responses=merge(
        success(200, NewWebhookEndpointAnswer, "The endpoint, with its new secret.", NEW_ENDPOINT_EXAMPLE),
        refusals(NotFound, SecretRotating, MasterKeyMissing, IdempotencyAnswerLost),
    ),
)
async def rotate_secret(
    services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath, body: RotateSecret
) -> Response:
    """Make a new secret, which is shown this once. Until the overlap ends, deliveries carry both signatures."""
    new = await services.webhook_endpoints.rotate_secret(
        caller.operation, endpoint_id, overlap_minutes=body.overlap_minutes
    )
    return answer(new_endpoint_answer(new), version=new.endpoint.version)


@router.delete(
    "/v1/webhook-endpoints/{endpoint_id}/previous-secret",
    operation_id="revokePreviousWebhookSecret",
    summary="End the rotation of a secret early",
    status_code=204,
    responses=refusals(NotFound),
)
async def revoke_previous_secret(services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath) -> Response:
    """Let the old secret sign no more. Succeeds also if there is none."""
    await services.webhook_endpoints.revoke_previous_secret(caller.operation, endpoint_id)
    return no_content()


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/ping",
    operation_id="pingWebhookEndpoint",
    summary="Send a test to a webhook endpoint",
    status_code=202,
    responses=merge(
        success(
            202,
            WebhookDeliveryAnswer,
            "The delivery, which is sent at once.",
            {
                **DELIVERY_EXAMPLE,
                "type": "webhook_endpoint.ping",
                "attempts": 0,
                "last_attempt_at": None,
                "duration_ms": None,
                "response": None,
            },
        ),
        refusals(NotFound),
    ),
)
async def ping_endpoint(services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath) -> Response:
    """Send `webhook_endpoint.ping` once, also to a disabled endpoint; its deliveries tell what came of it."""
    return answer(delivery_answer(await services.webhook_deliveries.ping(caller.operation, endpoint_id)), status=202)


@router.get(
    "/v1/webhook-endpoints/{endpoint_id}/deliveries",
    operation_id="listWebhookDeliveries",
    summary="List the deliveries to a webhook endpoint",
    responses=merge(
        success(200, WebhookDeliveriesAnswer, "A page.", {"data": [DELIVERY_EXAMPLE], "next_cursor": None}),
        refusals(NotFound),
    ),
)
async def list_deliveries(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    endpoint_id: EndpointPath,
    status: Annotated[DeliveryStatus | None, Query(description="Only those in this state.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the deliveries of the last 30 days, the latest first, each with the outcome of its last attempt."""
    page = await services.webhook_deliveries.list_deliveries(
        caller.operation, endpoint_id, status=status, limit=limit, cursor=cursor
    )
    return answer({"data": [delivery_answer(one) for one in page.data], "next_cursor": page.next_cursor})


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/replay",
    operation_id="replayWebhookEvents",
    summary="Send the events of a stretch of time again",
    status_code=202,
    responses=merge(
        success(202, ReplayAnswer, "What will be sent.", REPLAY_EXAMPLE), refusals(NotFound, EndpointDisabled)
    ),
)
async def replay_events(
    services: ServicesOf, caller: Permitted, endpoint_id: EndpointPath, body: ReplayEvents
) -> Response:
    """Send again what happened in the stretch and is of the endpoint's types, held or delivered or never sent.

    Each keeps its `webhook-id`, so a receiver that remembers ids does nothing twice.
    """
    replay = await services.webhook_deliveries.replay(
        caller.operation, endpoint_id, body.since, body.until, undelivered_only=body.undelivered_only
    )
    return answer(replay_answer(replay), status=202)


@router.post(
    "/v1/webhook-deliveries/{delivery_id}/resend",
    operation_id="resendWebhookDelivery",
    summary="Send a delivery again",
    status_code=202,
    responses=merge(
        success(202, WebhookDeliveryAnswer, "The delivery, which is sent at once.", DELIVERY_EXAMPLE),
        refusals(NotFound, EndpointDisabled),
    ),
)
async def resend_delivery(services: ServicesOf, caller: Permitted, delivery_id: DeliveryPath) -> Response:
    """Send the delivery again, whatever became of it, with all attempts of a new one."""
    return answer(delivery_answer(await services.webhook_deliveries.resend(caller.operation, delivery_id)), status=202)


router.include_router(_sealed_router)
