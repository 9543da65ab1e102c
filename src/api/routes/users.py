"""Operations on users."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator
from starlette.responses import Response

from access.users.model import LastOwner, User
from api.answers import answer, no_content
from api.authentication import Caller
from api.dependencies import ExpectedVersion, Permitted, ServicesOf
from api.idempotency import RepeatableRoute, SealingRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.fields import storable
from api.schemas.users import (
    USER_EXAMPLE,
    ChangeUser,
    CreateUser,
    UserAnswer,
    UsersAnswer,
    user_answer,
)
from bootstrap.services import Services
from catalogue.model.quotas import QuotaExceeded
from kernel.errors import NotFound, VersionConflict
from persistence.sealing import MasterKeyMissing

router = APIRouter(tags=["Users"], route_class=RepeatableRoute)
_sealed_router = APIRouter(route_class=SealingRoute)

UserPath = Annotated[
    str,
    Path(description="The user's id.", max_length=64, examples=["usr_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]


@_sealed_router.post(
    "/v1/users",
    operation_id="createUser",
    summary="Add a user",
    status_code=201,
    responses=merge(success(201, UserAnswer, "The user.", USER_EXAMPLE), refusals(QuotaExceeded, MasterKeyMissing)),
)
async def create_user(services: ServicesOf, caller: Permitted, body: CreateUser) -> Response:
    """Let somebody sign in, by links that are mailed to their address. Nothing is mailed yet: they ask for a link."""
    user = await services.users.create(caller.operation, body.details())
    return await _answer(services, caller, user, status=201)


@router.get(
    "/v1/users",
    operation_id="listUsers",
    summary="List users",
    responses=merge(success(200, UsersAnswer, "All users.", {"data": [USER_EXAMPLE]}), refusals()),
)
async def list_users(services: ServicesOf, caller: Permitted) -> Response:
    """Return all users, of which there are 1,000 at most."""
    users = await services.users.list_users(caller.operation)
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id)
    return answer({"data": [user_answer(user, catalogue) for user in users]})


@router.get(
    "/v1/users/{user_id}",
    operation_id="getUser",
    summary="Read a user",
    responses=merge(success(200, UserAnswer, "The user.", USER_EXAMPLE), refusals(NotFound)),
)
async def get_user(services: ServicesOf, caller: Permitted, user_id: UserPath) -> Response:
    """Return the user."""
    return await _answer(services, caller, await services.users.get(caller.operation, user_id))


@router.patch(
    "/v1/users/{user_id}",
    operation_id="changeUser",
    summary="Change a user",
    responses=merge(
        success(200, UserAnswer, "The user as stored.", USER_EXAMPLE),
        refusals(NotFound, VersionConflict, LastOwner, MasterKeyMissing),
    ),
)
async def change_user(
    services: ServicesOf, caller: Permitted, user_id: UserPath, body: ChangeUser, expected: ExpectedVersion
) -> Response:
    """Replace the members that are sent. What somebody may do changes in all their sessions within a second."""
    user = await services.users.change(caller.operation, user_id, body.change(), expected_version=expected)
    return await _answer(services, caller, user)


@router.delete(
    "/v1/users/{user_id}",
    operation_id="deleteUser",
    summary="Remove a user",
    status_code=204,
    responses=refusals(NotFound, VersionConflict, LastOwner),
)
async def delete_user(
    services: ServicesOf, caller: Permitted, user_id: UserPath, expected: ExpectedVersion
) -> Response:
    """Remove the user with what is stored of them. Their sessions end within a second. The last owner stays."""
    await services.users.delete(caller.operation, user_id, expected_version=expected)
    return no_content()


async def _answer(services: Services, caller: Caller, user: User, status: int = 200) -> Response:
    naming = [] if user.resource_id is None else [user.resource_id]
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=naming)
    return answer(user_answer(user, catalogue), status=status, version=user.version)


router.include_router(_sealed_router)
