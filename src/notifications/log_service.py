"""Log of notifications, for those who run the business."""

from dataclasses import replace
from typing import Final

from kernel.clock import Clock
from kernel.ids import is_id, new_notification_id
from kernel.operation import Operation
from kernel.pages import Page, decode_cursor, encode_cursor, unusable_cursor
from notifications.model import Notification, NotificationNotResendable, NotificationStatus
from notifications.repository import NotificationRepository
from notifications.service import send_task
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork
from tasks.repository import TaskRepository

_NOT_AGAIN: Final = frozenset({NotificationStatus.PLANNED, NotificationStatus.SENDING, NotificationStatus.WITHDRAWN})


class NotificationLogService:
    """Use cases on the notifications of a business. All raise StoreUnavailable."""

    def __init__(self, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def find_page(
        self,
        operation: Operation,
        *,
        appointment_id: str | None,
        status: NotificationStatus | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Notification]:
        """List notifications, the latest first. Raises ValidationFailed."""
        before = None if cursor is None else _position(cursor)
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            found = await NotificationRepository(connection, operation.tenant_id).find_page(
                appointment_id=appointment_id, status=status, before=before, limit=limit + 1
            )
        page = tuple(found[:limit])
        return Page(data=page, next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None)

    async def resend(self, operation: Operation, notification_id: str) -> Notification:
        """Send a notification again: another one of the same kind, receiver and channel, which is due at once.

        All is looked at again as before any sending, so a receiver who wants none gets none. Raises NotFound,
        NotificationNotResendable.
        """
        async with self._unit_of_work.begin(operation) as tx:
            repository = NotificationRepository(tx.connection, tx.tenant_id)
            found = await repository.find(notification_id)
            if found.status in _NOT_AGAIN:
                raise NotificationNotResendable(found.status)
            now, again_id = self._clock.now(), new_notification_id()
            again = replace(
                found,
                id=again_id,
                event_seq=None,
                dedupe=f"resent:{again_id}",
                due_at=now,
                status=NotificationStatus.PLANNED,
                reason=None,
                attempt=0,
                reference=None,
                resent_of=found.id,
                created_at=now,
                sent_at=None,
            )
            await repository.add_again(again)
            await TaskRepository(tx.connection).plan([send_task(tx.tenant_id, again.id, now)])
            await tx.audit.add(AuditNote(subject=found.id, more_subjects=[again.id]))
        return again


def _position(cursor: str) -> str:
    position = decode_cursor(cursor)
    if not is_id(position):
        raise unusable_cursor()
    return position
