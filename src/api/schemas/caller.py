"""The caller in answers."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from access.permissions import Reach, operations_of
from access.roles import Role
from api.authentication import Caller, CallerKind

CALLER_EXAMPLE: Final[JsonDict] = {
    "business": "7f3c1e9a-0b7d-4a55-9a55-2f4d7c1b9e10",
    "role": "owner",
    "credential": "secret",
    "id": "key_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "resource": None,
    "customer": None,
    "appointment": None,
    "operations": {"getMe": "all", "listAvailability": "all", "placeHold": "all"},
}


@with_config(ConfigDict(json_schema_extra={"examples": [CALLER_EXAMPLE]}))
class CallerAnswer(TypedDict):
    """The caller, and what it may do."""

    business: Annotated[str, Field(description="The id of the business.")]
    role: Role
    credential: Annotated[CallerKind, Field(description="The kind of credential that came with the request.")]
    id: Annotated[str, Field(description="Of the key, the user, the customer or the appointment that the caller is.")]
    resource: Annotated[str | None, Field(description="Of staff: the id of the resource that is its own.")]
    customer: Annotated[str | None, Field(description="Of a customer who signed in: their id.")]
    appointment: Annotated[str | None, Field(description="The id of the appointment whose token was sent.")]
    operations: Annotated[
        dict[str, Reach],
        Field(
            description="The ids of the operations that are permitted; `own`: on what belongs to the caller alone. "
            "Those that are not named are refused."
        ),
    ]


def caller_answer(caller: Caller) -> CallerAnswer:
    """The answer that describes the caller."""
    own = caller.own
    roles = (caller.role,) if caller.appointment_id is None else (caller.role, Role.HOLDER)
    return {
        "business": str(caller.operation.tenant_id),
        "role": caller.role,
        "credential": caller.kind,
        "id": caller.operation.actor.id,
        "resource": None if own is None else own.resource_id,
        "customer": None if own is None else own.customer_id,
        "appointment": caller.appointment_id,
        "operations": dict(operations_of(*roles)),
    }
