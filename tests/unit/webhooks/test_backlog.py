from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from kernel.ids import SecretId, WebhookEndpointId
from webhooks.backlog import changed_at
from webhooks.health import WELL
from webhooks.model import DisabledReason, Endpoint, FormerSettings, Payload

_AT: Final = datetime(2026, 12, 1, tzinfo=UTC)
_ENDPOINT: Final = Endpoint(
    id=WebhookEndpointId("whe_1"),
    url="https://example.com/",
    types=("*",),
    payload=Payload.THIN,
    description=None,
    disabled_reason=None,
    disabled_at=None,
    secret_id=SecretId("sec_1"),
    previous_secret_id=None,
    previous_until=None,
    place=10,
    health=WELL,
    version=1,
    created_at=_AT,
    updated_at=_AT,
)
_DISABLED: Final = replace(_ENDPOINT, disabled_reason=DisabledReason.OWNER, disabled_at=_AT)


def _former(until: int, *types: str, is_held: bool) -> FormerSettings:
    return FormerSettings(until=until, types=types or ("*",), is_held=is_held)


def test_events_before_a_change_count_by_what_was_set_before() -> None:
    changed = changed_at(_ENDPOINT, replace(_ENDPOINT, types=("hold.*",)), 15)
    again = changed_at(changed, replace(changed, types=("catalogue.*",)), 20)

    assert again.former == (_former(15, is_held=False), _former(20, "hold.*", is_held=False))
    assert again.revision == 0


def test_nothing_is_noted_where_nothing_waits_or_nothing_differs() -> None:
    changed = changed_at(_ENDPOINT, replace(_ENDPOINT, types=("hold.*",)), 15)

    assert changed_at(_ENDPOINT, replace(_ENDPOINT, types=("hold.*",)), 10).former == ()
    assert changed_at(_ENDPOINT, replace(_ENDPOINT, description="x"), 15).former == ()
    assert changed_at(changed, replace(changed, types=("*",)), 15).former == changed.former


def test_disabling_holds_all_that_waits_and_enabling_releases_none_of_it() -> None:
    changed = changed_at(_ENDPOINT, replace(_ENDPOINT, types=("hold.*",)), 15)
    disabled = changed_at(changed, replace(changed, disabled_reason=DisabledReason.OWNER), 20)
    enabled = changed_at(disabled, replace(disabled, disabled_reason=None), 30)

    assert disabled.former == (_former(15, is_held=True), _former(20, "hold.*", is_held=True))
    assert enabled.former == (*disabled.former, _former(30, "hold.*", is_held=True))
    assert (enabled.revision, enabled.held_revision, enabled.is_revising) == (1, 1, True)


def test_new_url_concerns_what_is_pending_and_holds_nothing() -> None:
    changed = changed_at(_ENDPOINT, replace(_ENDPOINT, url="https://example.org/"), 15)

    assert (changed.former, changed.revision, changed.held_revision, changed.is_revising) == ((), 1, 0, True)
    assert changed_at(_DISABLED, replace(_DISABLED, url="https://example.org/"), 15).held_revision == 0
