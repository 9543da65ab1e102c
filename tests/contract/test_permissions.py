"""The table of permissions, compared with the operations that there are, and with its page."""

import pytest

from access.permissions import PERMISSIONS, Reach
from access.roles import Role
from tests.support.application import application
from tests.support.permissions_page import PAGE, operations, page

_OPERATIONS = {operation["operationId"]: operation for _, _, operation in operations(application().openapi())}


def test_every_operation_with_a_caller_has_its_row_and_every_row_its_operation() -> None:
    assert PERMISSIONS.keys() == _OPERATIONS.keys()


@pytest.mark.parametrize("operation_id", PERMISSIONS)
def test_document_names_the_roles_of_an_operation(operation_id: str) -> None:
    operation, permission = _OPERATIONS[operation_id], PERMISSIONS[operation_id]

    assert operation["x-roles"] == {role: reach for role, reach in permission.items() if reach is not Reach.NO}


def test_owner_may_do_everything_and_nobody_does_more_than_a_role_above() -> None:
    above = {Role.MANAGER: Role.OWNER, Role.STAFF: Role.MANAGER}
    order = [Reach.NO, Reach.OWN, Reach.ALL]

    assert {permission[Role.OWNER] for permission in PERMISSIONS.values()} == {Reach.ALL}
    for operation_id, permission in PERMISSIONS.items():
        for role, more in above.items():
            assert order.index(permission[role]) <= order.index(permission[more]), operation_id


def test_what_belongs_to_an_appointment_is_all_that_its_token_opens() -> None:
    paths = {operation["operationId"]: path for _, path, operation in operations(application().openapi())}

    opened = [operation_id for operation_id in PERMISSIONS if PERMISSIONS[operation_id][Role.HOLDER] is Reach.OWN]

    assert [one for one in opened if "{appointment_id}" not in paths[one]] == []


def test_page_has_the_table() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.support.permissions_page` and commit what it writes"
