"""After a change of the master key users are found by both keys, and after the rotation by the new one alone."""

from typing import Any

import asyncpg
import pytest

from access.users.model import DIGEST_PURPOSE, compared_email
from access.users.repository import find_by_email
from access.users.rotation import UserDigestRotation
from persistence.key_rotation import KeyRotation
from persistence.sealing import MasterKeys, new_master_key
from tests.support.door import Door
from tests.support.engine import MASTER_KEY
from tests.support.users import Users


@pytest.mark.own_database
async def test_users_are_found_before_and_after_the_rotation_of_the_master_key(
    shop: Door, users: Users, outside: "asyncpg.Connection[Any]"
) -> None:
    user_id = await users.add("noa@fade.example")
    new = new_master_key()
    both, alone, old = (MasterKeys.parse(text) for text in (f"{new},{MASTER_KEY}", new, MASTER_KEY))

    async def found(keys: MasterKeys) -> list[str]:
        digests = keys.digests(compared_email("NOA@fade.example"), DIGEST_PURPOSE).values()
        async with shop.context.engine.connect() as connection:
            return [one.user_id for one in await find_by_email(connection, digests)]

    before = [await found(keys) for keys in (both, alone, old)]
    renewed = [await UserDigestRotation(shop.context.engine, both).run() for _ in range(2)]
    await KeyRotation(shop.context.engine, both).run()
    after = [await found(keys) for keys in (both, alone, old)]

    assert before == [[user_id], [], [user_id]]
    assert renewed == [1, 0]
    assert after == [[user_id], [user_id], []]
    assert await outside.fetchval("SELECT email_key_id FROM users") == alone.current_key_id
