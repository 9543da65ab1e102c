"""Operations of the operator on businesses."""

import hashlib
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Path, Query, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import AfterValidator
from starlette.responses import Response

from access.api_keys.model import LastKey
from access.roles import Role
from api.answers import answer, no_content
from api.authentication import Caller, CallerKind
from api.dependencies import CallerDependency, ServicesOf
from api.engine import engine_of
from api.idempotency import (
    HEADER,
    MAX_KEY_CHARACTERS,
    Handler,
    IdempotencyAnswerLost,
    IdempotencyMismatch,
    RepeatableRoute,
    SealingRoute,
)
from api.openapi_responses import merge, refusals_of_operator, success
from api.operator_access import admit_operator
from api.parameters import Cursor
from api.routes.api_keys import KeyPath
from api.schemas.api_keys import (
    KEY_EXAMPLE,
    NEW_KEY_EXAMPLE,
    ApiKeysAnswer,
    CreateApiKey,
    NewApiKeyAnswer,
    key_answer,
    new_key_answer,
)
from api.schemas.businesses import (
    ACCOUNT_EXAMPLE,
    NEW_ACCOUNT_EXAMPLE,
    BusinessAccountAnswer,
    BusinessAccountsAnswer,
    ChangeBusiness,
    CreateBusiness,
    NewAccountAnswer,
    account_answer,
    new_account_answer,
)
from api.schemas.fields import Digits, storable
from businesses.model import AnswerUnreadable, BusinessNotSuspended, OperatorRequest, RequestMismatch
from businesses.service import by_operator, unknown_business
from catalogue.model.quotas import Quota, QuotaExceeded
from kernel.errors import NotFound
from kernel.ids import TenantId
from persistence.sealing import MasterKeyMissing

PREFIX: Final = "/operator/v1/businesses"
MOST_LISTED: Final = 100
"""Businesses of a page: each is read by itself, since none is visible from outside."""
_CREATED: Final = 201


class OperatorDependency(SecurityBase):
    """Admits requests with an operator key."""

    def __init__(self) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "operator"

    async def __call__(self, request: Request) -> str | None:
        """Return the id of the request. Raises NotFound where no key is set, Unauthorized, RateLimited."""
        admit_operator(request)
        return _request_id(request)


class BusinessDependency(CallerDependency):
    """Admits requests with an operator key on behalf of the business in the path."""

    async def __call__(self, request: Request) -> Caller:
        """Return the operator as a caller of the business.

        Raises NotFound, also where no key is set, Unauthorized, RateLimited.
        """
        admit_operator(request)
        tenant_id = _tenant_id(request.path_params["business_id"])
        await engine_of(request).services.businesses.check_exists(tenant_id)
        operation = by_operator(tenant_id, request.scope["route"].operation_id, _request_id(request))
        return Caller(operation=operation, kind=CallerKind.SECRET, role=Role.OWNER)


class OperatorRoute(APIRoute):
    """A route that judges the operator key before it reads the body."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with the key judged before it."""
        handle = super().get_route_handler()

        async def handle_admitted(request: Request) -> Response:
            admit_operator(request)
            return await handle(request)

        return handle_admitted


BusinessPath = Annotated[
    str,
    Path(description="The id of the business.", max_length=64, examples=["5b6b5d0c-5f0e-4b7e-9d0f-6b0f3f0c7a11"]),
    AfterValidator(storable),
]
Operator = Annotated[str | None, Security(OperatorDependency())]
"""The id of a request that has an operator key."""
OperatorOf = Annotated[Caller, Security(BusinessDependency("operator"))]
"""The operator, acting on the business in the path."""
PageLimit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="Maximum number of entries to return."), Digits]

router = APIRouter(tags=["Operator"], route_class=OperatorRoute)
_on_business = APIRouter(route_class=RepeatableRoute)
_sealed = APIRouter(route_class=SealingRoute)


@router.post(
    PREFIX,
    operation_id="createBusiness",
    summary="Make a business",
    status_code=_CREATED,
    responses=merge(
        success(_CREATED, NewAccountAnswer, "The business, with its first keys.", NEW_ACCOUNT_EXAMPLE),
        refusals_of_operator(NotFound, MasterKeyMissing),
    ),
)
async def create_business(
    request: Request,
    services: ServicesOf,
    request_id: Operator,
    body: CreateBusiness,
    key: Annotated[
        str | None, Header(alias=HEADER, min_length=1, max_length=MAX_KEY_CHARACTERS, include_in_schema=False)
    ] = None,
) -> Response:
    """Make an empty business, a secret key and a publishable key. The keys are shown this once.

    With an `Idempotency-Key`, a repetition within 24 hours gets the same business and the same keys.
    """
    repeatable = None if key is None else _repeatable(key, await request.body())
    try:
        opened = await services.businesses.open(
            name=body.name,
            timezone=body.timezone,
            currency=body.currency,
            mode=body.mode,
            repeatable=repeatable,
            request_id=request_id,
        )
    except RequestMismatch:
        detail = "This Idempotency-Key belongs to another request. Use a new key for each operation."
        raise IdempotencyMismatch(detail) from None
    except AnswerUnreadable as error:
        raise IdempotencyAnswerLost from error
    response = answer(new_account_answer(opened), status=_CREATED)
    if opened.is_repeated:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@router.get(
    PREFIX,
    operation_id="listBusinesses",
    summary="List businesses",
    responses=merge(
        success(200, BusinessAccountsAnswer, "A page of businesses.", {"data": [ACCOUNT_EXAMPLE], "next_cursor": None}),
        refusals_of_operator(NotFound),
    ),
)
async def list_businesses(
    services: ServicesOf, _operator: Operator, limit: PageLimit = 50, cursor: Cursor = None
) -> Response:
    """List the businesses of the engine, the oldest first."""
    page = await services.businesses.list_accounts(limit=limit, cursor=cursor)
    return answer({"data": [account_answer(one) for one in page.data], "next_cursor": page.next_cursor})


@router.get(
    PREFIX + "/{business_id}",
    operation_id="getBusinessAccount",
    summary="Read a business",
    responses=merge(
        success(200, BusinessAccountAnswer, "The business.", ACCOUNT_EXAMPLE), refusals_of_operator(NotFound)
    ),
)
async def get_account(services: ServicesOf, _operator: Operator, business_id: BusinessPath) -> Response:
    """Return what the operator knows of a business; the rest is its own."""
    return answer(account_answer(await services.businesses.get(_tenant_id(business_id))))


@router.patch(
    PREFIX + "/{business_id}",
    operation_id="changeBusinessAccount",
    summary="Suspend, resume or rename a business, or set its quotas",
    responses=merge(
        success(200, BusinessAccountAnswer, "The business as it is now.", ACCOUNT_EXAMPLE),
        refusals_of_operator(NotFound),
    ),
)
async def change_account(
    services: ServicesOf, request_id: Operator, business_id: BusinessPath, body: ChangeBusiness
) -> Response:
    """Suspend a business, resume it, name it anew, or limit how many objects of a kind it may have.

    While it is suspended, each of its credentials gets 403 `business_suspended`, within a second on every server. Its
    webhooks and mails wait, its holds expire, and nothing is lost.
    """
    operation = by_operator(_tenant_id(business_id), "changeBusinessAccount", request_id)
    sent = {} if body.quotas is None else body.quotas.model_dump(include=body.quotas.model_fields_set)
    quotas = {Quota(name): most for name, most in sent.items()}
    account = await services.businesses.change(operation, suspended=body.suspended, name=body.name, quotas=quotas)
    return answer(account_answer(account))


@router.delete(
    PREFIX + "/{business_id}",
    operation_id="deleteBusiness",
    summary="Delete a business",
    status_code=202,
    response_class=Response,
    responses=merge(
        {202: {"description": "It is deleted; what is left of it is being removed."}},
        refusals_of_operator(NotFound, BusinessNotSuspended),
    ),
)
async def delete_business(services: ServicesOf, request_id: Operator, business_id: BusinessPath) -> Response:
    """Delete a suspended business for good. Deleting it again succeeds.

    Its keys go at once: nothing that is sealed by them can be read any more, in a backup of the data either. All else
    is removed by a task, in small steps beside the traffic of others. The audit log stays, which names nobody.
    """
    await services.deletions.delete(by_operator(_tenant_id(business_id), "deleteBusiness", request_id))
    return Response(status_code=202)


@_on_business.get(
    PREFIX + "/{business_id}/keys",
    operation_id="listKeysOfBusiness",
    summary="List the API keys of a business",
    responses=merge(success(200, ApiKeysAnswer, "All keys.", {"data": [KEY_EXAMPLE]}), refusals_of_operator(NotFound)),
)
async def list_keys_of_business(services: ServicesOf, operator: OperatorOf, business_id: BusinessPath) -> Response:
    """Return the keys that open the business, as its owner sees them."""
    del business_id
    return answer({"data": [key_answer(key) for key in await services.api_keys.list_keys(operator.operation)]})


@_sealed.post(
    PREFIX + "/{business_id}/keys",
    operation_id="createKeyOfBusiness",
    summary="Make an API key for a business",
    status_code=_CREATED,
    responses=merge(
        success(_CREATED, NewApiKeyAnswer, "The key, with its text.", NEW_KEY_EXAMPLE),
        refusals_of_operator(NotFound, QuotaExceeded, MasterKeyMissing),
    ),
)
async def create_key_of_business(
    services: ServicesOf, operator: OperatorOf, business_id: BusinessPath, body: CreateApiKey
) -> Response:
    """Make one more key, as its owner can. `key` is shown this once."""
    del business_id
    issued = await services.api_keys.create(operator.operation, body.kind, body.name)
    return answer(new_key_answer(issued), status=_CREATED)


@_on_business.delete(
    PREFIX + "/{business_id}/keys/{key_id}",
    operation_id="revokeKeyOfBusiness",
    summary="Revoke an API key of a business",
    status_code=204,
    responses=refusals_of_operator(NotFound, LastKey),
)
async def revoke_key_of_business(
    services: ServicesOf, operator: OperatorOf, business_id: BusinessPath, key_id: KeyPath
) -> Response:
    """Let the key open nothing from now on, within a second on every server. Revoking again succeeds."""
    del business_id
    await services.api_keys.revoke(operator.operation, key_id)
    return no_content()


router.include_router(_on_business)
router.include_router(_sealed)


def _tenant_id(text: str) -> TenantId:
    try:
        return TenantId(UUID(text))
    except ValueError:
        raise unknown_business(text) from None


def _request_id(request: Request) -> str | None:
    request_id: str | None = request.scope["state"].get("request_id")
    return request_id


def _repeatable(key: str, body: bytes) -> OperatorRequest:
    canonical = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return OperatorRequest(key=hashlib.sha256(key.encode()).digest(), digest=hashlib.sha256(canonical).digest())
