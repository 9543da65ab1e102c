"""What a caller may do, judged by its role."""

from dataclasses import replace

import pytest

from access.permissions import PERMISSIONS, Reach
from access.roles import USER_ROLES, Role
from api.authentication import Caller, CallerKind
from kernel.errors import Forbidden
from kernel.ids import ResourceId
from kernel.operation import Actor, ActorKind, Operation, Own
from tests.support.application import APPOINTMENT, TENANT

_OWN = Own(resource_id=ResourceId("res_1"))
_USER = Caller(
    operation=Operation(TENANT, Actor(ActorKind.BUSINESS, "usr_1"), None),
    kind=CallerKind.ACCESS_TOKEN,
    role=Role.STAFF,
    own=_OWN,
)
_HOLDER = Caller(
    operation=Operation(TENANT, Actor(ActorKind.CUSTOMER, APPOINTMENT), None),
    kind=CallerKind.TOKEN,
    role=Role.HOLDER,
    appointment_id=APPOINTMENT,
)


@pytest.mark.parametrize("operation_id", PERMISSIONS)
@pytest.mark.parametrize("role", [*USER_ROLES, Role.CUSTOMER])
def test_role_is_admitted_limited_or_refused_as_the_table_says(operation_id: str, role: Role) -> None:
    caller = replace(_USER, role=role)

    match PERMISSIONS[operation_id][role]:
        case Reach.ALL:
            assert caller.permitted(operation_id, {}).operation.own is None
        case Reach.OWN:
            assert caller.permitted(operation_id, {}).operation.own == _OWN
        case Reach.NO:
            with pytest.raises(Forbidden) as refused:
                caller.permitted(operation_id, {})
            assert refused.value.facts["roles"]
            assert role not in str(refused.value.facts["roles"])


def test_refusal_names_the_roles_that_may() -> None:
    with pytest.raises(Forbidden, match=r"^This requires the role owner or manager\.$") as refused:
        _USER.permitted("applyBusiness", {})

    assert refused.value.facts == {"roles": ["owner", "manager"]}


@pytest.mark.parametrize("operation_id", PERMISSIONS)
def test_token_opens_what_belongs_to_its_appointment_alone(operation_id: str) -> None:
    reach = PERMISSIONS[operation_id][Role.HOLDER]

    for path, is_own in (({"appointment_id": APPOINTMENT}, True), ({"appointment_id": "apt_2"}, False), ({}, False)):
        if reach is Reach.ALL or (reach is Reach.OWN and is_own):
            assert _HOLDER.permitted(operation_id, path) is _HOLDER
        else:
            with pytest.raises(Forbidden):
                _HOLDER.permitted(operation_id, path)
