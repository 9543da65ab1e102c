"""Backlog of an endpoint: events that it has not considered yet, and pending deliveries that a change concerns.

It may be long, so a change only notes what it means for the backlog, and every run does a part of it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from persistence.unit_of_work import Transaction
from webhooks.deliveries.repository import DeliveryRepository
from webhooks.model import Endpoint, FormerSettings
from webhooks.repository import EndpointRepository

SOME: Final = 1000
"""Events, or deliveries, that one transaction looks at: some tenths of a second of Postgres."""


def changed_at(found: Endpoint, changed: Endpoint, place: int) -> Endpoint:
    """The changed endpoint, for which everything up to a place of the feed counts by what was set before.

    Once disabled, it holds what is pending, and what it has not considered yet; at a new URL it is sent all that waits
    for its next attempt.
    """
    former = changed.former
    differs = (found.types, found.is_enabled) != (changed.types, changed.is_enabled)
    if differs and place > max([found.place, *(one.until for one in former)]):
        former = (*former, FormerSettings(until=place, types=found.types, is_held=not found.is_enabled))
    if found.is_enabled and not changed.is_enabled:
        former = tuple(replace(one, is_held=True) for one in former)
        revision = found.revision + 1
        return replace(changed, former=former, revision=revision, held_revision=revision)
    return replace(changed, former=former, revision=found.revision + (found.url != changed.url))


async def work_off(tx: Transaction, endpoint: Endpoint, now: datetime) -> Endpoint:
    """Do a part of the backlog of an endpoint that is locked; the endpoint as it is then, unchanged at the end."""
    deliveries = DeliveryRepository(tx.connection, tx.tenant_id)
    done = endpoint
    if done.is_revising and await deliveries.revise(done, now, most=SOME) < SOME:
        done = replace(done, revised=done.revision)
    former = tuple(one for one in done.former if one.until > done.place)
    settings = former[0] if former else None
    place = await deliveries.add_following(done, settings, now, most=SOME)
    if place is None and settings is not None:
        # The rest of these events is kept no longer.
        place = settings.until
    done = replace(done, former=former, place=done.place if place is None else place)
    if done != endpoint:
        await EndpointRepository(tx.connection, tx.tenant_id).save(done)
    return done
