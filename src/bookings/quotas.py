"""The quota of appointments a day, as a transaction keeps it that makes one more."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.model.quotas import MOST, DayQuotaExceeded, Quota
from catalogue.quotas import most_of
from kernel.ids import AppointmentId, TenantId, first_appointment_id, made_at

# The day is in the ids, in whose order the rows are: no index by time is needed.
_COUNT: Final = text(
    """
    SELECT count(*) FROM (
        SELECT FROM appointments WHERE tenant_id = :tenant_id AND id >= :first AND id < :last LIMIT :most
    ) AS made
    """
)


async def find_daily_refusal(
    connection: AsyncConnection, tenant_id: TenantId, appointment_id: AppointmentId, now: datetime
) -> DayQuotaExceeded | None:
    """Find out whether the business may make this appointment too on its day, from midnight to midnight UTC.

    Its day is that of its id, by which it is counted: one that waits past midnight would else count in no day. Where it
    may, no other transaction makes one before this one ends. Cancelled ones count: else who books and cancels would
    have no quota.
    """
    most = await most_of(connection, tenant_id, Quota.APPOINTMENTS_PER_DAY)
    if most == MOST:
        return None
    midnight = datetime.combine(made_at(appointment_id).date(), time(), UTC)
    tomorrow = midnight + timedelta(days=1)
    values = {
        "tenant_id": tenant_id,
        "first": first_appointment_id(midnight),
        "last": first_appointment_id(tomorrow),
        "most": most,
    }
    if (await connection.scalar(_COUNT, values) or 0) < most:
        return None
    return DayQuotaExceeded(most, max(int((tomorrow - now).total_seconds()), 1))
