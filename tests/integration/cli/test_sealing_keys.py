"""Commands about keys that seal personal data: rotation beside what is stored, and keys that are lost."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from bookings.model import Booked
from bootstrap.embedded import Use, embedded_stores
from bootstrap.embedded_key import NAME, master_key_in
from bootstrap.services import build_services
from cli.main import application
from kernel.ids import AppointmentId, TenantId
from persistence.key_canaries import check_master_keys
from persistence.schema import upgrade
from persistence.sealing import MasterKeys, new_master_key
from tests.support.engine import MASTER_KEY, MONDAY, FixedClock, patient_settings, pools, running_engine
from tests.support.operations import by_business
from tests.support.visits import book, slots

pytestmark = pytest.mark.own_database

_NEW: Final = new_master_key()
_OLD_ID: Final = MasterKeys.parse(MASTER_KEY).current_key_id
_NEW_ID: Final = MasterKeys.parse(_NEW).current_key_id


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)


@pytest.fixture
def booked(database_url: str, redis_url: str) -> tuple[TenantId, Booked]:
    """An appointment that MASTER_KEY has sealed in the end."""

    async def make() -> tuple[TenantId, Booked]:
        async with running_engine(database_url, redis_url) as engine:
            start = min(slot.start for slot in await slots(engine))
            return engine.tenant_id, await book(engine, start)

    return asyncio.run(make())


@pytest.fixture
def ask(database_url: str, redis_url: str) -> Callable[[str, TenantId, AppointmentId], str]:
    """The name of the customer, as a process with that master key reads it."""

    async def name(key: str, tenant_id: TenantId, appointment_id: AppointmentId) -> str:
        settings = patient_settings(database_url, redis_url).model_copy(update={"master_key": key})
        async with pools(settings) as context:
            services = build_services(context, FixedClock(MONDAY))
            return (await services.appointments.get(by_business(tenant_id), appointment_id)).customer.name

    return lambda key, tenant_id, appointment_id: asyncio.run(name(key, tenant_id, appointment_id))


def _holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(application, arguments, catch_exceptions=False)


def _fetch(database_url: str, statement: str) -> list[asyncpg.Record]:
    async def fetch() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_rotation_lets_the_old_master_key_be_taken_away(
    booked: tuple[TenantId, Booked],
    ask: Callable[[str, TenantId, AppointmentId], str],
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    tenant_id, first = booked
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", f"{_NEW},{MASTER_KEY}")

    rotated = _holdfast("keys", "rotate")

    assert "1 keys of businesses and 0 personal keys" in rotated.stdout
    assert [row["key_id"] for row in _fetch(database_url, "SELECT key_id FROM key_canaries")] == [_NEW_ID]
    assert ask(_NEW, tenant_id, first.appointment.id) == "Visitor 0"


def test_rotation_of_the_keys_of_businesses_seals_personal_keys_anew(
    booked: tuple[TenantId, Booked],
    ask: Callable[[str, TenantId, AppointmentId], str],
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    tenant_id, first = booked
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", MASTER_KEY)

    rotated = _holdfast("keys", "rotate", "--business-keys")
    again = _holdfast("keys", "rotate")

    assert "0 keys of businesses and 2 personal keys" in rotated.stdout
    assert "0 keys of businesses and 0 personal keys" in again.stdout
    assert [tuple(row) for row in _fetch(database_url, "SELECT DISTINCT number FROM personal_keys")] == [(2,)]
    assert ask(MASTER_KEY, tenant_id, first.appointment.id) == "Visitor 0"


@pytest.mark.parametrize("key", ["", _NEW], ids=["none", "another"])
def test_command_without_the_key_that_sealed_ends_and_names_it(
    key: str, booked: tuple[TenantId, Booked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", key)

    results = [_holdfast(*words) for words in (("serve",), ("worker",), ("keys", "rotate"), ("tenant", "create", "X"))]

    assert {result.exit_code for result in results} == {2}
    assert all(_OLD_ID in result.stderr for result in results)


def test_restore_without_the_key_file_ends_and_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="holdfast-restored-") as directory:
        # The stores may run under another account.
        Path(directory).chmod(0o711)
        data_dir = Path(directory) / "data"
        monkeypatch.delenv("HOLDFAST_DATABASE_URL")
        monkeypatch.setenv("HOLDFAST_DATA_DIR", str(data_dir))
        with embedded_stores(
            data_dir, need_postgres=True, need_redis=False, use=Use.SERVE, announce=lambda _: None
        ) as urls:
            assert urls.database_url is not None
            made = _holdfast("tenant", "create", "X")
            key_id = MasterKeys.parse(master_key_in(data_dir)).current_key_id
            (data_dir / NAME).unlink()

            results = [_holdfast(*words) for words in (("tenant", "create", "Y"), ("reconcile",), ("keys", "rotate"))]

    assert made.exit_code == 0, made.output
    assert [result.exit_code for result in results] == [2, 2, 2]
    assert all(key_id in result.stderr for result in results)


def test_lost_key_is_given_up_with_what_it_sealed(
    booked: tuple[TenantId, Booked],
    ask: Callable[[str, TenantId, AppointmentId], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tenant_id, first = booked
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", _NEW)
    unsaid, other = _holdfast("keys", "give-up", _OLD_ID), _holdfast("keys", "give-up", "00000000", "--erase")
    own = _holdfast("keys", "give-up", _NEW_ID, "--erase")

    given_up = _holdfast("keys", "give-up", _OLD_ID, "--erase")

    assert [one.exit_code for one in (unsaid, other, own, given_up)] == [1, 1, 1, 0]
    assert given_up.stdout == f"The key {_OLD_ID} is given up; the personal data of 1 businesses was erased.\n"
    assert ask(_NEW, tenant_id, first.appointment.id) == "Erased"
    assert _holdfast("tenant", "create", "X").exit_code == 0


def test_schema_that_knows_no_canaries_yet_is_not_asked(empty_database_url: str) -> None:
    keys = MasterKeys.parse(MASTER_KEY)

    asyncio.run(check_master_keys(empty_database_url, keys))
    upgrade(empty_database_url)
    asyncio.run(check_master_keys(empty_database_url, keys))

    assert [row["key_id"] for row in _fetch(empty_database_url, "SELECT key_id FROM key_canaries")] == [_OLD_ID]


@pytest.mark.parametrize(("key", "says_so"), [("", True), (MASTER_KEY, False)], ids=["none", "one"])
def test_database_without_a_master_key_goes_on_in_plain_text_and_says_so(
    key: str, monkeypatch: pytest.MonkeyPatch, *, says_so: bool
) -> None:
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", key)

    result = _holdfast("reconcile")

    assert result.exit_code == 0
    assert ("personal data is stored in plain text" in result.stderr) is says_so
