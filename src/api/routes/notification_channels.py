"""Operations on the channels by which a business sends its messages."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import Responses, merge, refusals, success
from api.schemas.notification_channels import (
    EMAIL_EXAMPLE,
    HTTP_EXAMPLE,
    PUSH_EXAMPLE,
    SMS_EXAMPLE,
    NotificationChannelAnswer,
    NotificationChannelsAnswer,
    SetEmailChannel,
    SetHttpChannel,
    SetPushChannel,
    SetSmsChannel,
    channel_answer,
    channels_answer,
)
from kernel.errors import NotFound, VersionConflict
from messages.model import ChannelName
from outbound.client import TargetNotAllowed
from persistence.sealing import MasterKeyMissing

router = APIRouter(tags=["Notifications"], route_class=RepeatableRoute)

ChannelPath = Annotated[ChannelName, Path(description="`email`, `sms`, `push` or `http`.", examples=["email"])]


def _stored(example: object) -> Responses:
    return merge(
        success(200, NotificationChannelAnswer, "The channel as stored.", example),
        refusals(TargetNotAllowed, MasterKeyMissing, VersionConflict),
    )


@router.get(
    "/v1/notification-channels",
    operation_id="listNotificationChannels",
    summary="List the channels",
    responses=merge(
        success(200, NotificationChannelsAnswer, "The channels that are set.", {"data": [EMAIL_EXAMPLE]}), refusals()
    ),
)
async def list_channels(services: ServicesOf, caller: Permitted) -> Response:
    """List the channels of the business's own. Mails and text messages go by those of the engine without one."""
    return answer(channels_answer(await services.notification_channels.list_all(caller.operation)))


@router.get(
    "/v1/notification-channels/{channel}",
    operation_id="getNotificationChannel",
    summary="Read a channel",
    responses=merge(success(200, NotificationChannelAnswer, "The channel.", EMAIL_EXAMPLE), refusals(NotFound)),
)
async def get_channel(services: ServicesOf, caller: Permitted, channel: ChannelPath) -> Response:
    """Return a channel without its secrets."""
    found = await services.notification_channels.get(caller.operation, channel)
    return answer(channel_answer(found), version=found.row.version)


@router.put(
    "/v1/notification-channels/email",
    operation_id="putEmailChannel",
    summary="Send mails by a server of your own",
    responses=_stored(EMAIL_EXAMPLE),
)
async def put_email(
    services: ServicesOf, caller: Permitted, body: SetEmailChannel, expected: ExpectedVersion
) -> Response:
    """Send mails by a server of yours, in the place of a former one, within seconds. Its certificate is checked."""
    stored = await services.notification_channels.put_email(
        caller.operation, body.settings(), expected_version=expected
    )
    return answer(channel_answer(stored), version=stored.row.version)


@router.put(
    "/v1/notification-channels/sms",
    operation_id="putSmsChannel",
    summary="Send text messages by an account of your own",
    responses=_stored(SMS_EXAMPLE),
)
async def put_sms(services: ServicesOf, caller: Permitted, body: SetSmsChannel, expected: ExpectedVersion) -> Response:
    """Send text messages by an account of yours at a service that has the API of Twilio."""
    stored = await services.notification_channels.put_sms(caller.operation, body.settings(), expected_version=expected)
    return answer(channel_answer(stored), version=stored.row.version)


@router.put(
    "/v1/notification-channels/push",
    operation_id="putPushChannel",
    summary="Let browsers subscribe",
    responses=_stored(PUSH_EXAMPLE),
)
async def put_push(
    services: ServicesOf, caller: Permitted, body: SetPushChannel, expected: ExpectedVersion
) -> Response:
    """Make a key pair, with whose public part browsers subscribe. One that there is stays: delete the channel first."""
    stored = await services.notification_channels.put_push(caller.operation, body.subject, expected_version=expected)
    return answer(channel_answer(stored), version=stored.row.version)


@router.put(
    "/v1/notification-channels/http",
    operation_id="putHttpChannel",
    summary="Hand messages to an endpoint of your own",
    responses=_stored(HTTP_EXAMPLE),
)
async def put_http(
    services: ServicesOf, caller: Permitted, body: SetHttpChannel, expected: ExpectedVersion
) -> Response:
    """Have messages sent to a URL, which carries them on. `secret` is new, and shown this once."""
    stored = await services.notification_channels.put_http(caller.operation, body.url, expected_version=expected)
    return answer(channel_answer(stored, shows_secret=True), version=stored.row.version)


@router.delete(
    "/v1/notification-channels/{channel}",
    operation_id="deleteNotificationChannel",
    summary="Remove a channel",
    status_code=204,
    responses=refusals(NotFound, VersionConflict),
)
async def delete_channel(
    services: ServicesOf, caller: Permitted, channel: ChannelPath, expected: ExpectedVersion
) -> Response:
    """Forget a channel and its secrets. Without its key pair, browsers have to subscribe anew."""
    await services.notification_channels.delete(caller.operation, channel, expected_version=expected)
    return no_content()
