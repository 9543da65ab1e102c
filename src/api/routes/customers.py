"""Operations on customers."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import ExpectedVersion, Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import Responses, merge, refusals, success
from api.parameters import Cursor, PageLimit, Timezone
from api.schemas.appointment_requests import PhoneNumber
from api.schemas.appointments import APPOINTMENT_EXAMPLE, AppointmentsAnswer, appointment_answer
from api.schemas.customers import (
    CUSTOMER_EXAMPLE,
    EXPORT_EXAMPLE,
    ChangeCustomer,
    CustomersAnswer,
    MergeCustomer,
    PersonalExportAnswer,
    SetConsent,
    StoredCustomerAnswer,
    customer_answer,
    export_answer,
)
from api.schemas.fields import Text, storable
from bookings.model import AppointmentFilter
from catalogue.model.document_fields import EmailAddress
from customers.model import CustomerExists, CustomerQuery
from kernel.errors import NotFound, VersionConflict
from kernel.ids import KEY_PATTERN, CustomerId

router = APIRouter(tags=["Customers"], route_class=RepeatableRoute)
_MOST_NAME_CHARACTERS: Final = 200
CustomerPath = Annotated[
    CustomerId,
    Path(description="The customer's id.", max_length=64, examples=["cus_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]
PurposePath = Annotated[
    str,
    Path(
        description="What the consent is for, by a name of yours.",
        pattern=KEY_PATTERN,
        max_length=63,
        examples=["reminders"],
    ),
]


def _customer() -> Responses:
    return success(200, StoredCustomerAnswer, "The customer as stored; the version is the ETag.", CUSTOMER_EXAMPLE)


@router.get(
    "/v1/customers",
    operation_id="listCustomers",
    summary="Look customers up",
    responses=merge(
        success(200, CustomersAnswer, "A page of customers.", {"data": [CUSTOMER_EXAMPLE], "next_cursor": None}),
        refusals(),
    ),
)
async def list_customers(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    email: Annotated[EmailAddress | None, Query(description="Exactly that address, in any case.")] = None,
    phone: Annotated[
        PhoneNumber | None,
        Query(description="Exactly that number; without a country code, one of the business's countries."),
    ] = None,
    q: Annotated[
        Text | None,
        Query(min_length=1, max_length=_MOST_NAME_CHARACTERS, description="Part of the name, in any case."),
    ] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """List the customers who match all parameters, those who were added last first.

    Names are sealed, so no index finds a part of one: each request with `q` opens up to 2,000 names, and a page may
    have fewer customers than `limit`, or none, while `next_cursor` still leads on. Go on until it is null.
    """
    page = await services.customers.find(
        caller.operation, CustomerQuery(email=email, phone=phone, name_part=q), limit=limit, cursor=cursor
    )
    return answer({"data": [customer_answer(one) for one in page.data], "next_cursor": page.next_cursor})


@router.get(
    "/v1/customers/{customer_id}",
    operation_id="getCustomer",
    summary="Read a customer",
    responses=merge(_customer(), refusals(NotFound)),
)
async def get_customer(services: ServicesOf, caller: Permitted, customer_id: CustomerPath) -> Response:
    """Return the customer; of one who was merged, the one they are now, by another id."""
    found = await services.customers.get(caller.operation, customer_id)
    return answer(customer_answer(found), version=found.version)


@router.patch(
    "/v1/customers/{customer_id}",
    operation_id="changeCustomer",
    summary="Change the contact details of a customer",
    responses=merge(_customer(), refusals(NotFound, VersionConflict, CustomerExists)),
)
async def change_customer(
    services: ServicesOf, caller: Permitted, customer_id: CustomerPath, body: ChangeCustomer, expected: ExpectedVersion
) -> Response:
    """Replace members. Appointments keep the details that were given when they were booked.

    Whoever books by the new address is this customer from now on, and by the old one somebody else.
    """
    changed = await services.customers.change(caller.operation, customer_id, body.change(), expected_version=expected)
    return answer(customer_answer(changed), version=changed.version)


@router.get(
    "/v1/customers/{customer_id}/appointments",
    operation_id="listCustomerAppointments",
    summary="List the appointments of a customer",
    responses=merge(
        success(
            200, AppointmentsAnswer, "A page of appointments.", {"data": [APPOINTMENT_EXAMPLE], "next_cursor": None}
        ),
        refusals(NotFound),
    ),
)
async def list_customer_appointments(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    customer_id: CustomerPath,
    timezone: Timezone = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """List the appointments of the customer in order of their starts, whatever their status."""
    found = await services.customers.find_id(caller.operation, customer_id)
    appointments, next_cursor = await services.appointments.find(
        caller.operation, AppointmentFilter(customer_id=found), after=cursor, limit=limit
    )
    names = frozenset[str]().union(*(appointment.names for appointment in appointments))
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=names)
    page = [appointment_answer(appointment, catalogue, timezone) for appointment in appointments]
    return answer({"data": page, "next_cursor": next_cursor})


@router.put(
    "/v1/customers/{customer_id}/consents/{purpose}",
    operation_id="setConsent",
    summary="Note what a customer consents to",
    responses=merge(_customer(), refusals(NotFound)),
)
async def set_consent(
    services: ServicesOf, caller: Permitted, customer_id: CustomerPath, purpose: PurposePath, body: SetConsent
) -> Response:
    """Note that the customer grants or refuses something. Each change is kept, and is in the export."""
    changed = await services.customers.set_consent(
        caller.operation, customer_id, purpose=purpose, granted=body.granted, source=body.source
    )
    return answer(customer_answer(changed), version=changed.version)


@router.get(
    "/v1/customers/{customer_id}/export",
    operation_id="exportCustomer",
    summary="Export everything about a customer",
    responses=merge(
        success(200, PersonalExportAnswer, "Everything that is stored about the person.", EXPORT_EXAMPLE),
        refusals(NotFound),
    ),
)
async def export_customer(services: ServicesOf, caller: Permitted, customer_id: CustomerPath) -> Response:
    """Return everything about the person: details, consents, appointments. For staff, their own appointments alone."""
    export, appointments = await services.customers.export(caller.operation, customer_id)
    names = frozenset[str]().union(*(appointment.names for appointment in appointments))
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=names)
    return answer(export_answer(export, appointments, catalogue))


@router.delete(
    "/v1/customers/{customer_id}",
    operation_id="eraseCustomer",
    summary="Erase a customer",
    status_code=204,
    responses=refusals(NotFound),
)
async def erase_customer(services: ServicesOf, caller: Permitted, customer_id: CustomerPath) -> Response:
    """Erase everything personal of the customer, in what is stored and in old backups; appointments keep their times.

    Whoever was merged into the customer is erased too. It cannot be undone. If the request is interrupted, the engine
    finishes what it has begun; erasing again succeeds.
    """
    await services.erasures.erase(caller.operation, customer_id)
    return no_content()


@router.post(
    "/v1/customers/{customer_id}/merge",
    operation_id="mergeCustomer",
    summary="Merge a customer into another",
    responses=merge(_customer(), refusals(NotFound)),
)
async def merge_customer(
    services: ServicesOf, caller: Permitted, customer_id: CustomerPath, body: MergeCustomer
) -> Response:
    """Let two customers be one. Appointments, consents and addresses of the first belong to `into` from now on.

    The details of `into` stay. It cannot be undone.
    """
    merged = await services.customers.merge(caller.operation, customer_id, body.into_id)
    return answer(customer_answer(merged), version=merged.version)
