"""Bodies of receivers' answers, sealed: whoever is sent an appointment may send it back."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from persistence.business_keys import BusinessKeys
from persistence.key_ring import KeyRing, PersonalKey
from persistence.personal_keys import PersonalKeys
from persistence.sealing import SecretPlace
from webhooks.model import Delivery, DeliveryAttempt

_SEALED: Final = "sealed:"


class BodySeal:
    """Seals and opens bodies by the personal keys of the appointments that deliveries are about, else of the business.

    Where there is no key, bodies are stored as they are.
    """

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def seal(self, attempts: Sequence[DeliveryAttempt]) -> list[str | None]:
        """The bodies of the attempts' answers as they are stored."""
        bodies = [attempt.answer.body for attempt in attempts]
        if not any(bodies):
            return bodies
        ring, keys = await self._keys([attempt.delivery.subject for attempt in attempts])
        if ring is None:
            return bodies
        return [
            body and self._sealed(body, keys.get(attempt.delivery.subject, ring), attempt.delivery.id)
            for attempt, body in zip(attempts, bodies, strict=True)
        ]

    async def open(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """The deliveries with their bodies as they were sent; without one that was erased with its customer.

        Raises SecretUnreadable.
        """
        sealed = [one.subject for one in deliveries if _sealed_body(one) is not None]
        if not sealed:
            return list(deliveries)
        ring, keys = await self._keys(sealed)
        assert ring is not None, "a key has sealed it"
        return [self._with_opened(one, keys.get(one.subject), ring) for one in deliveries]

    async def _keys(self, subjects: Sequence[str]) -> tuple[KeyRing | None, dict[str, PersonalKey]]:
        sealed = await PersonalKeys(self._connection, self._tenant_id).find(set(subjects))
        business_keys = BusinessKeys.of(self._connection)
        ring = await business_keys.find(self._connection, self._tenant_id, sealed.values())
        if ring is None:
            return None, {}
        return ring, {subject: ring.open_personal_key(key, subject) for subject, key in sealed.items()}

    def _sealed(self, body: str, sealer: PersonalKey | KeyRing, delivery_id: str) -> str:
        return f"{_SEALED}{base64.b64encode(sealer.seal(body.encode(), self._place(delivery_id))).decode()}"

    def _with_opened(self, delivery: Delivery, key: PersonalKey | None, ring: KeyRing) -> Delivery:
        sealed = _sealed_body(delivery)
        if sealed is None or delivery.answer is None:
            return delivery
        opener = ring if ring.has_sealed(sealed) else key
        body = None if opener is None else opener.open(sealed, self._place(delivery.id)).decode()
        return replace(delivery, answer=replace(delivery.answer, body=body))

    def _place(self, delivery_id: str) -> SecretPlace:
        return SecretPlace(tenant_id=self._tenant_id, purpose="webhook_deliveries.response_body", row=delivery_id)


def _sealed_body(delivery: Delivery) -> bytes | None:
    """The body of the answer as a key has sealed it; None where there is none, or it is stored as it was sent."""
    body = None if delivery.answer is None else delivery.answer.body
    return None if body is None or not body.startswith(_SEALED) else base64.b64decode(body.removeprefix(_SEALED))
