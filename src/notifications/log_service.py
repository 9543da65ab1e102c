"""Log of notifications, for those who run the business."""

from kernel.ids import is_id
from kernel.operation import Operation
from kernel.pages import Page, decode_cursor, encode_cursor, unusable_cursor
from notifications.model import Notification, NotificationStatus
from notifications.repository import NotificationRepository
from persistence.unit_of_work import UnitOfWork


class NotificationLogService:
    """Use case on the notifications of a business. Raises StoreUnavailable."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

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


def _position(cursor: str) -> str:
    position = decode_cursor(cursor)
    if not is_id(position):
        raise unusable_cursor()
    return position
