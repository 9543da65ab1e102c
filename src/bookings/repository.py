"""Appointments and their claims in Postgres."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    ScalarSelect,
    Select,
    and_,
    any_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from availability.model import Override
from availability.state.repository import BusyRepository
from bookings import customers
from bookings.customers import PersonalFields
from bookings.lanes import LaneSpan
from bookings.limits import Limit
from bookings.model import Appointment, AppointmentFilter, Status
from bookings.policy_record import policy_record, stored_policy
from catalogue.limits import MAX_STAY_BLOCKED_MINUTES
from catalogue.model.choices import choices_record, stored_choices
from catalogue.repositories.signing import SIGNING_COLUMNS, Signing, signing_of
from catalogue.tables import businesses, resources
from holds.model import Part
from kernel.errors import NotFound
from kernel.ids import AppointmentId, CustomerId, HoldId, LocationId, ResourceId, ServiceId, TenantId
from kernel.money import Money
from kernel.operation import ActorKind, Own
from kernel.spans import Minute, Span, to_datetime, to_minute
from persistence.business_keys import BusinessKeys
from persistence.key_ring import PersonalKey
from persistence.personal_keys import PersonalKeys, key_of
from persistence.tables import appointment_resources, appointments

# Two plain inserts that collide wait for each other and end in a deadlock; with ON CONFLICT the later one learns that
# its row is missing, at once or as soon as the earlier one has committed. In the order of the lanes, so that two
# bookings of several lanes never wait for each other in a circle; those of an exclusive resource in order of time.
_INSERT_CLAIMS: Final = text(
    """
    INSERT INTO claims (tenant_id, appointment_id, lane_id, during, session_lane_id, session)
    SELECT :tenant_id, :appointment_id, lane.lane_id, tstzrange(lane.starts, lane.ends), lane.session_lane_id,
        CAST(lane.session AS inet)
    FROM unnest(
        CAST(:lanes AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
        CAST(:session_lanes AS bigint[]), CAST(:sessions AS text[])
    ) AS lane (lane_id, starts, ends, session_lane_id, session)
    ORDER BY coalesce(lane.session_lane_id, lane.lane_id), lane.starts, lane.lane_id
    ON CONFLICT DO NOTHING
    RETURNING lane_id
    """
)
# In one order in every transaction, so that two bookings under several limits never wait for each other in a circle.
_LOCK: Final = text(
    """
    SELECT pg_advisory_xact_lock(key)
    FROM (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(:names) AS name ORDER BY key) AS locks
    """
).bindparams(bindparam("names", type_=ARRAY(TEXT)))
_REMOVE_CLAIMS: Final = text(
    """
    WITH removed AS (
        DELETE FROM claims WHERE tenant_id = :tenant_id AND appointment_id = :appointment_id
        RETURNING lane_id, during
    )
    SELECT lanes.resource_id, lower(removed.during), upper(removed.during)
    FROM removed JOIN lanes ON lanes.id = removed.lane_id
    """
)
# By the database's clock: turns go on where the business's own clock stands still.
_ADD_PARTS: Final = insert(appointment_resources).values(
    assigned_at=func.coalesce(bindparam("assigned_before", type_=DateTime(timezone=True)), func.now())
)
_LONGEST_VISIT: Final = timedelta(minutes=MAX_STAY_BLOCKED_MINUTES)


def unknown_appointment(appointment_id: AppointmentId) -> NotFound:
    """The refusal of an appointment that the business does not have."""
    return NotFound(f'There is no appointment "{appointment_id}".')


class AppointmentRepository:
    """Reads and writes the appointments of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_token_secret(self) -> bytes | None:
        """Find the secret that signs the tokens of the business; None where there is no such business."""
        statement = select(businesses.c.token_secret).where(businesses.c.tenant_id == self._tenant_id)
        return (await self._connection.execute(statement)).scalar_one_or_none()

    async def find_signing(
        self, appointment_id: AppointmentId
    ) -> tuple[Signing, datetime | None, datetime | None] | None:
        """Find the secrets of tokens, the business's own clock, and the end of an appointment, if there is one.

        None where there is no such business.
        """
        statement = (
            select(*SIGNING_COLUMNS, businesses.c.sandbox_now, appointments.c.ends_at)
            .select_from(businesses)
            .outerjoin(
                appointments,
                and_(appointments.c.tenant_id == businesses.c.tenant_id, appointments.c.id == appointment_id),
            )
            .where(businesses.c.tenant_id == self._tenant_id)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return None if row is None else (signing_of(row), row.sandbox_now, row.ends_at)

    async def lock_limits(self, limits: Sequence[Limit]) -> None:
        """Make bookings under the same limits wait for each other until their transactions end."""
        names = [f"{self._tenant_id} {limit.lock}" for limit in limits]
        await self._connection.execute(_LOCK, {"names": names})

    async def find_used_up(
        self, limits: Sequence[Limit], now: datetime, *, excluding: AppointmentId | None = None
    ) -> Limit | None:
        """Find the first limit that leaves no room for one more visit; `excluding` does not count."""
        for limit in limits:
            if limit.customer_id is not None:
                starts = await self._find_starts_of_customer(limit, now, excluding)
            else:
                starts = await self._find_starts_on_day(limit, excluding)
            if limit.is_used_up(starts):
                return limit
        return None

    async def _find_starts_on_day(self, limit: Limit, excluding: AppointmentId | None) -> Sequence[Minute]:
        assert limit.stretch is not None, "a limit without a customer has a day"
        visits = await BusyRepository(self._connection).find_visits(
            self._tenant_id,
            [limit.resource_id] if limit.resource_id is not None else [],
            limit.service_id,
            limit.stretch,
            excluding=excluding,
        )
        return visits.of_service if limit.resource_id is None else visits.of_resources.get(limit.resource_id, ())

    async def _find_starts_of_customer(
        self, limit: Limit, now: datetime, excluding: AppointmentId | None
    ) -> Sequence[Minute]:
        column = appointments.c
        statement = select(column.starts_at).where(
            column.tenant_id == self._tenant_id, column.customer_id == limit.customer_id, column.id != (excluding or "")
        )
        if limit.service_id is not None:
            statement = statement.where(column.service_id == limit.service_id)
        if limit.counts_proved:
            # Without a client none is the same.
            same_client = false() if limit.client is None else column.client == limit.client
            statement = statement.where(or_(column.is_proved, same_client))
        if limit.stretch is None:
            active = (Status.PENDING.value, Status.CONFIRMED.value)
            statement = statement.where(column.status.in_(active), column.ends_at > now)
        else:
            statement = statement.where(
                column.status != Status.CANCELLED.value,
                column.starts_at >= to_datetime(limit.stretch.start),
                column.starts_at < to_datetime(limit.stretch.end),
            )
        return [to_minute(start) for start in (await self._connection.execute(statement)).scalars()]

    async def add_claims(self, appointment_id: AppointmentId, lanes: Sequence[LaneSpan]) -> bool:
        """Claim all the lanes of a move; False when one of them is already claimed: the caller must roll back."""
        rows = await self._connection.execute(
            _INSERT_CLAIMS,
            {
                "tenant_id": self._tenant_id,
                "appointment_id": appointment_id,
                "lanes": [lane.lane_id for lane in lanes],
                "starts": [to_datetime(lane.span.start) for lane in lanes],
                "ends": [to_datetime(lane.span.end) for lane in lanes],
                "session_lanes": [lane.session and lane.session.lane_id for lane in lanes],
                "sessions": [lane.session and lane.session.token for lane in lanes],
            },
        )
        return len(rows.all()) == len(lanes)

    async def remove_claims(self, appointment_id: AppointmentId) -> list[tuple[ResourceId, Span]]:
        """Delete the claims of the appointment, and return the minutes that this frees."""
        rows = await self._connection.execute(
            _REMOVE_CLAIMS, {"tenant_id": self._tenant_id, "appointment_id": appointment_id}
        )
        return [(ResourceId(resource_id), Span(to_minute(start), to_minute(end))) for resource_id, start, end in rows]

    async def find(self, appointment_id: AppointmentId, *, own: Own | None) -> Appointment | None:
        """Find the appointment, unless it is none of `own`."""
        return await self._find_one(
            self._select().where(
                appointments.c.tenant_id == self._tenant_id, appointments.c.id == appointment_id, self._is_of(own)
            )
        )

    async def find_with_clock(
        self, appointment_id: AppointmentId, *, own: Own | None, for_update: bool = False
    ) -> tuple[Appointment, datetime | None]:
        """Find the appointment, unless it is none of `own`, with the time of a sandbox which has set its clock.

        `for_update` locks the appointment until the transaction ends. Raises NotFound for an unknown one.
        """
        # One statement, so that businesses without a sandbox clock pay no extra query.
        statement = (
            self._select()
            .add_columns(self._sandbox_now().label("sandbox_now"))
            .where(appointments.c.tenant_id == self._tenant_id, appointments.c.id == appointment_id, self._is_of(own))
        )
        if for_update:
            statement = statement.with_for_update()
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise unknown_appointment(appointment_id)
        (appointment,) = await self._appointments([row], for_update=for_update)
        return appointment, row.sandbox_now

    async def find_expired(self, real_now: datetime, limit: int) -> list[tuple[Appointment, datetime | None]]:
        """Find and lock up to `limit` appointments that were not approved in time, with the clock as above.

        Appointments that another transaction has locked are skipped.
        """
        approve_by = func.coalesce(appointments.c.approve_by, appointments.c.starts_at)
        statement = (
            self._select()
            .add_columns(self._sandbox_now().label("sandbox_now"))
            .where(
                appointments.c.tenant_id == self._tenant_id,
                # No parameter: else the planner could not know that appointments_pending_idx has all of them.
                appointments.c.status == literal_column("'pending'"),
                approve_by < func.coalesce(self._sandbox_now(), real_now),
            )
            .order_by(approve_by)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._connection.execute(statement)).all()
        found = await self._appointments(rows, for_update=True)
        return [(appointment, row.sandbox_now) for appointment, row in zip(found, rows, strict=True)]

    def _sandbox_now(self) -> ScalarSelect[datetime | None]:
        """Build the subquery of the clock: evaluated once per statement, so that an index may be searched by it."""
        return select(businesses.c.sandbox_now).where(businesses.c.tenant_id == self._tenant_id).scalar_subquery()

    async def find_by_hold(self, hold_id: HoldId, *, own: Own | None) -> Appointment | None:
        """Find the appointment that the hold became, unless it is none of `own`."""
        return await self._find_one(
            self._select().where(
                appointments.c.tenant_id == self._tenant_id, appointments.c.hold_id == hold_id, self._is_of(own)
            )
        )

    async def find_booked(self, hold_ids: Collection[HoldId]) -> dict[HoldId, AppointmentId]:
        """The appointments that the holds have become, by hold."""
        if not hold_ids:
            return {}
        statement = select(appointments.c.hold_id, appointments.c.id).where(
            appointments.c.tenant_id == self._tenant_id,
            appointments.c.hold_id == any_(bindparam("hold_ids", list(hold_ids), type_=ARRAY(TEXT))),
        )
        return {HoldId(row.hold_id): AppointmentId(row.id) for row in await self._connection.execute(statement)}

    async def find_page(
        self, criteria: AppointmentFilter, *, own: Own | None, after: tuple[datetime, str] | None, limit: int
    ) -> list[Appointment]:
        """Find up to `limit` appointments of `own`, by start, then id, after the given position."""
        statement = self._select().where(
            appointments.c.tenant_id == self._tenant_id, *_conditions(criteria), self._is_of(own)
        )
        if criteria.resource_id is not None:
            statement = statement.where(self._uses(criteria.resource_id))
        if after is not None:
            statement = statement.where(tuple_(appointments.c.starts_at, appointments.c.id) > after)
        statement = statement.order_by(appointments.c.starts_at, appointments.c.id).limit(limit)
        return await self._appointments((await self._connection.execute(statement)).all())

    async def save(self, appointment: Appointment) -> None:
        """Write every field of an appointment that was found for update."""
        values = await self._sealed(appointment)
        del values["created_at"]
        await self._connection.execute(
            update(appointments)
            .where(appointments.c.tenant_id == self._tenant_id, appointments.c.id == appointment.id)
            .values(**values)
        )

    async def seal(self, ids: Sequence[str]) -> None:
        """Seal what is personal in plain text of these appointments; it is no change of them."""
        statement = self._select().where(appointments.c.tenant_id == self._tenant_id, appointments.c.id.in_(ids))
        rows = (await self._connection.execute(statement.with_for_update(of=appointments))).all()
        for appointment in await self._appointments(rows, for_update=True):
            values = {
                name: value
                for name, value in (await self._sealed(appointment)).items()
                if name in customers.PERSONAL_COLUMNS
            }
            await self._connection.execute(
                update(appointments)
                .where(appointments.c.tenant_id == self._tenant_id, appointments.c.id == appointment.id)
                .values(**(values or customers.NOTHING_PERSONAL))
            )

    async def _sealed(self, appointment: Appointment) -> dict[str, object]:
        """The columns of an appointment, sealed by its own key; one that was in plain text is given a key."""
        keys = BusinessKeys.of(self._connection)
        if appointment.personal_key is not None:
            ring = await keys.find(self._connection, self._tenant_id, [appointment.personal_key])
            assert ring is not None, "it was read with the ring"
            key = ring.open_personal_key(appointment.personal_key, appointment.id)
            return to_columns(self._tenant_id, appointment, key)
        if customers.is_still_erased(appointment):
            values = to_columns(self._tenant_id, appointment, None)
            return {name: value for name, value in values.items() if name not in customers.PERSONAL_COLUMNS}
        ring = await keys.find(self._connection, self._tenant_id)
        if ring is None:
            return to_columns(self._tenant_id, appointment, None)
        key = ring.new_personal_key(appointment.id)
        await PersonalKeys(self._connection, self._tenant_id).add(appointment.id, appointment.customer_id, key)
        return to_columns(self._tenant_id, appointment, key)

    async def replace_parts(self, appointment: Appointment) -> None:
        """Write the parts of the appointment anew, after a move: a resource that stays was assigned when it was."""
        column = appointment_resources.c
        removed = await self._connection.execute(
            delete(appointment_resources)
            .where(column.tenant_id == self._tenant_id, column.appointment_id == appointment.id)
            .returning(column.resource_id, column.assigned_at)
        )
        assigned = {row.resource_id: row.assigned_at for row in removed}
        rows = [
            {
                "tenant_id": self._tenant_id,
                "appointment_id": appointment.id,
                "assigned_before": assigned.get(row["resource_id"]),
                **row,
            }
            for row in part_rows(appointment)
        ]
        await self._connection.execute(_ADD_PARTS, rows)

    async def _find_one(self, statement: Select[Any]) -> Appointment | None:
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            return None
        (appointment,) = await self._appointments([row])
        return appointment

    async def _appointments(self, rows: Sequence[Row[Any]], *, for_update: bool = False) -> list[Appointment]:
        """The appointments of rows, with their parts, and their personal data opened. Raises SecretUnreadable."""
        parts = await self._parts_of([row.id for row in rows])
        keys = {row.id: row.personal_key for row in rows if row.personal is not None}
        ring = None
        if keys:
            lost = [subject for subject, key in keys.items() if key is None]
            if lost and for_update:
                # A row that was waited for is newer than what the same statement saw of its key.
                keys |= await PersonalKeys(self._connection, self._tenant_id).find(lost)
            sealed = [key for key in keys.values() if key is not None]
            ring = await BusinessKeys.of(self._connection).find(self._connection, self._tenant_id, sealed)
        return [_appointment(row, parts[row.id], customers.from_columns(row, keys.get(row.id), ring)) for row in rows]

    def _select(self) -> Select[Any]:
        return select(appointments, key_of(self._tenant_id, appointments.c.id))

    async def _parts_of(self, ids: Sequence[AppointmentId]) -> Mapping[AppointmentId, tuple[Part, ...]]:
        table = appointment_resources
        statement = (
            select(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.appointment_id.in_(ids))
            .order_by(table.c.appointment_id, table.c.position)
        )
        parts: dict[AppointmentId, tuple[Part, ...]] = dict.fromkeys(ids, ())
        for row in await self._connection.execute(statement):
            span = Span(to_minute(row.starts_at), to_minute(row.ends_at))
            part = Part(role=row.role, resource_id=ResourceId(row.resource_id), span=span, lanes=row.lanes)
            parts[row.appointment_id] += (part,)
        return parts

    def _is_of(self, own: Own | None) -> ColumnElement[bool]:
        """Build the condition that an appointment belongs to an actor; None: any does."""
        if own is None:
            return true()
        if own.customer_id is not None:
            return appointments.c.customer_id == own.customer_id
        return false() if own.resource_id is None else self._uses(own.resource_id)

    def _uses(self, resource_id: ResourceId) -> ColumnElement[bool]:
        table = appointment_resources
        return (
            select(literal_column("1"))
            .where(
                and_(
                    table.c.tenant_id == self._tenant_id,
                    table.c.resource_id == resource_id,
                    table.c.appointment_id == appointments.c.id,
                )
            )
            .exists()
        )


def _conditions(criteria: AppointmentFilter) -> list[ColumnElement[bool]]:
    column = appointments.c
    conditions: list[ColumnElement[bool]] = []
    if criteria.starts_from is not None:
        conditions.append(column.starts_at >= criteria.starts_from)
    if criteria.starts_before is not None:
        conditions.append(column.starts_at < criteria.starts_before)
    if criteria.ends_after is not None:
        # The index has the starts: what begins earlier than that has ended.
        conditions.append(column.starts_at > criteria.ends_after - _LONGEST_VISIT)
        conditions.append(column.ends_at > criteria.ends_after)
    if criteria.service_id is not None:
        conditions.append(column.service_id == criteria.service_id)
    if criteria.location_id is not None:
        conditions.append(_is_at(criteria.location_id))
    if criteria.status is not None:
        conditions.append(column.status == criteria.status.value)
    if criteria.customer_id is not None:
        conditions.append(column.customer_id == criteria.customer_id)
    return [*conditions, *_conditions_on_changes(criteria)]


def _conditions_on_changes(criteria: AppointmentFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.created_since is not None:
        yield appointments.c.created_at >= criteria.created_since
        # No appointment is changed before it is made, and the index has the changes.
        yield appointments.c.updated_at >= criteria.created_since
    if criteria.updated_since is not None:
        yield appointments.c.updated_at >= criteria.updated_since


def _is_at(location_id: LocationId) -> ColumnElement[bool]:
    """The visit is there; one of which that is not known, if its first resource is."""
    parts = appointment_resources.c
    leads_there = select(resources.c.id).where(
        parts.tenant_id == appointments.c.tenant_id,
        parts.appointment_id == appointments.c.id,
        parts.position == 0,
        resources.c.tenant_id == parts.tenant_id,
        resources.c.id == parts.resource_id,
        resources.c.location_id == location_id,
    )
    known = appointments.c.location_id
    return or_(known == location_id, and_(known.is_(None), leads_there.exists()))


def part_rows(appointment: Appointment) -> list[dict[str, object]]:
    """Encode the parts of an appointment as columns of their rows, without the keys of business and appointment."""
    return [
        {
            "position": position,
            "role": part.role,
            "resource_id": part.resource_id,
            "starts_at": to_datetime(part.span.start),
            "ends_at": to_datetime(part.span.end),
            "lanes": part.lanes,
        }
        for position, part in enumerate(appointment.parts)
    ]


def to_columns(tenant_id: TenantId, appointment: Appointment, key: PersonalKey | None) -> dict[str, object]:
    """Encode an appointment as columns of its row; without a key, its personal data in plain text."""
    return {
        **customers.to_columns(tenant_id, appointment, key),
        "id": appointment.id,
        "hold_id": appointment.hold_id,
        "service_id": appointment.service_id,
        "customer_id": appointment.customer_id,
        "status": appointment.status.value,
        "starts_at": to_datetime(appointment.span.start),
        "ends_at": to_datetime(appointment.span.end),
        "timezone": appointment.timezone,
        "location_id": appointment.location_id,
        "party": appointment.party,
        "price_minor": appointment.price.amount_minor,
        "price_currency": appointment.price.currency,
        "policy": policy_record(appointment.policy),
        "overrides": [override.value for override in appointment.overrides] or None,
        "choices": choices_record(appointment.choices),
        "led_to": list(appointment.led_to) or None,
        "times_rescheduled": appointment.times_rescheduled,
        "approve_by": appointment.approve_by,
        "cancelled_at": appointment.cancelled_at,
        "cancelled_by": appointment.cancelled_by and appointment.cancelled_by.value,
        "finished_at": appointment.finished_at,
        "fee_minor": appointment.fee.amount_minor if appointment.fee else None,
        "kept_fee_minor": appointment.kept_fee.amount_minor if appointment.kept_fee else None,
        "fee_start": None if appointment.fee_start is None else to_datetime(appointment.fee_start),
        "is_proved": appointment.is_proved,
        "client": appointment.client,
        "version": appointment.version,
        "created_at": appointment.created_at,
        "updated_at": appointment.updated_at,
    }


def _appointment(row: Row[Any], parts: tuple[Part, ...], personal: PersonalFields) -> Appointment:
    return Appointment(
        **personal,
        id=AppointmentId(row.id),
        hold_id=HoldId(row.hold_id),
        status=Status(row.status),
        service_id=ServiceId(row.service_id),
        span=Span(to_minute(row.starts_at), to_minute(row.ends_at)),
        timezone=row.timezone,
        location_id=None if row.location_id is None else LocationId(row.location_id),
        parts=parts,
        party=row.party,
        price=Money(amount_minor=row.price_minor, currency=row.price_currency),
        customer_id=CustomerId(row.customer_id),
        policy=stored_policy(row.policy),
        overrides=tuple([Override(name) for name in row.overrides or ()]),
        choices=stored_choices(row.choices),
        led_to=tuple(map(ResourceId, row.led_to or ())),
        times_rescheduled=row.times_rescheduled,
        # An older program wrote none, and left it when it approved.
        approve_by=(row.approve_by or row.starts_at) if row.status == Status.PENDING else None,
        cancelled_at=row.cancelled_at,
        cancelled_by=None if row.cancelled_by is None else ActorKind(row.cancelled_by),
        finished_at=row.finished_at,
        fee=_money(row.fee_minor, row.price_currency),
        kept_fee=_money(row.kept_fee_minor, row.price_currency),
        fee_start=None if row.fee_start is None else to_minute(row.fee_start),
        is_proved=row.is_proved,
        client=row.client,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _money(amount_minor: int | None, currency: str) -> Money | None:
    return None if amount_minor is None else Money(amount_minor=amount_minor, currency=currency)
