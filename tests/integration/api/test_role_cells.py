"""Every operation, for every role, on own objects and on those of others: over HTTP, from the table of permissions."""

from collections.abc import AsyncIterator

import pytest

from access.permissions import PERMISSIONS, Reach
from access.roles import Role
from tests.support.role_cells import World, WrongCell, check_cell, open_world


@pytest.fixture
async def world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with open_world(database_url, redis_url) as opened:
        yield opened


@pytest.mark.parametrize("operation_id", PERMISSIONS)
async def test_operation_does_as_the_table_says_for_every_role(world: World, operation_id: str) -> None:
    for role in Role:
        await check_cell(world, operation_id, role)


@pytest.mark.parametrize("operation_id", PERMISSIONS)
async def test_cell_that_the_engine_reads_otherwise_is_found(
    world: World, operation_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    permission = PERMISSIONS[operation_id]
    others = {Reach.NO: [Reach.ALL], Reach.OWN: [Reach.ALL, Reach.NO], Reach.ALL: [Reach.NO]}

    for role in Role:
        for changed in others[permission[role]]:
            mutated = {**PERMISSIONS, operation_id: {**permission, role: changed}}
            monkeypatch.setattr("api.authentication.PERMISSIONS", mutated)
            with pytest.raises(WrongCell):
                await check_cell(world, operation_id, role)
