"""Operations by which users sign in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from access.sessions.model import SignInRateLimited
from api.answers import answer, no_content
from api.dependencies import Permitted, ServicesOf
from api.engine import engine_of
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, refusals_without_caller, success
from api.schemas.users import (
    SESSION_EXAMPLE,
    CreateSession,
    RefreshSession,
    RequestSignIn,
    SessionAnswer,
    session_answer,
)
from businesses.model import BusinessSuspended
from kernel.errors import NotFound, Unauthorized
from persistence.sealing import MasterKeyMissing

router = APIRouter(tags=["Users"])
_with_caller = APIRouter(route_class=RepeatableRoute)


async def _client(request: Request) -> bytes | None:
    """The network address of the sender, where it is known."""
    return engine_of(request).visitors.visitor(request.scope).address


async def _request_id(request: Request) -> str | None:
    """The id of the request, for the audit log."""
    request_id: str | None = request.scope["state"].get("request_id")
    return request_id


@router.post(
    "/v1/sign-in",
    operation_id="requestSignIn",
    summary="Ask for a sign-in link",
    status_code=202,
    response_class=Response,
    responses=merge(
        {202: {"description": "If a user has this address, a link is on its way to it."}},
        refusals_without_caller(SignInRateLimited, MasterKeyMissing),
    ),
)
async def request_sign_in(
    services: ServicesOf, body: RequestSignIn, client: Annotated[bytes | None, Depends(_client)]
) -> Response:
    """Have a link mailed that works once, for 15 minutes. The answer is the same whether somebody has the address.

    Needs no credential. No more than three links are mailed to one address in 15 minutes.
    """
    await services.sign_in.request(body.email, client=client)
    return Response(status_code=202)


@router.post(
    "/v1/sessions",
    operation_id="createSession",
    summary="Sign in",
    status_code=201,
    responses=merge(
        success(201, SessionAnswer, "The tokens of the session.", SESSION_EXAMPLE),
        refusals_without_caller(Unauthorized, BusinessSuspended, MasterKeyMissing),
    ),
)
async def create_session(
    services: ServicesOf, body: CreateSession, request_id: Annotated[str | None, Depends(_request_id)]
) -> Response:
    """Use up the code of a sign-in link. Needs no other credential."""
    return answer(session_answer(await services.user_sessions.open(body.code, request_id=request_id)), status=201)


@router.post(
    "/v1/sessions/refresh",
    operation_id="refreshSession",
    summary="Refresh a session",
    responses=merge(
        success(200, SessionAnswer, "The next tokens of the session.", SESSION_EXAMPLE),
        refusals_without_caller(Unauthorized, BusinessSuspended, MasterKeyMissing),
    ),
)
async def refresh_session(services: ServicesOf, body: RefreshSession) -> Response:
    """Use up a refresh token, and get the next one. Needs no other credential.

    The same token again gets the same next one for 20 seconds, as when several windows refresh at once. After that it
    ends the session, since somebody else may have it. A session that is not refreshed for 30 days ends.
    """
    return answer(session_answer(await services.user_sessions.refresh(body.refresh_token)))


@_with_caller.delete(
    "/v1/sessions/current",
    operation_id="deleteCurrentSession",
    summary="Sign out",
    status_code=204,
    responses=refusals(NotFound),
)
async def delete_current_session(services: ServicesOf, caller: Permitted) -> Response:
    """End the session of the access token. It opens nothing any more, within a second everywhere."""
    session_id = None if caller.subject is None else caller.subject.session_id
    await services.user_sessions.end(caller.operation, session_id)
    return no_content()


router.include_router(_with_caller)
