"""Services of a business."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_ADD_ONS, MAX_BLOCKED_MINUTES, MAX_DURATIONS, MAX_REQUIREMENTS
from catalogue.model.assign import Assign, AssignDocument, assign_columns, assign_document, stored_assign
from catalogue.model.choice_faults import faults_of_choices
from catalogue.model.choices import (
    AddOn,
    AddOnDocument,
    DurationOption,
    OptionOrMinutes,
    add_on_record,
    choices_document,
    desired_add_ons,
    desired_durations,
    duration_record,
    stored_add_on,
    stored_duration,
)
from catalogue.model.columns import ColumnDetails, IntegerSize, RulesRecord
from catalogue.model.comparison import NOT_IN_DOCUMENT
from catalogue.model.document_fields import BlockedMinutes, Description, DurationMinutes, Key, Title
from catalogue.model.documents import Document, FaultsError, JsonObject, present
from catalogue.model.grid import Align, Grid, GridDocument, desired_grid, grid_document
from catalogue.model.money import MoneyDocument, desired_money, money_document
from catalogue.model.object_row import ObjectRow
from catalogue.model.requirements import (
    Requirement,
    RequirementDocument,
    TermsDocument,
    desired_requirement,
    requirement_document,
)
from catalogue.model.resources import Resource
from catalogue.model.rules.level import (
    Rules,
    RulesDocument,
    desired_rules,
    rules_document,
    rules_record,
    stored_rules,
)
from catalogue.model.timed_prices import (
    TimedPrice,
    TimedPrices,
    TimedPricesRecord,
    desired_timed_prices,
    stored_timed_prices,
    timed_price_documents,
    timed_price_records,
)
from kernel.errors import FieldError
from kernel.ids import ResourceId, ServiceId, new_service_id
from kernel.money import Money


class Visibility(StrEnum):
    """The side of the counter on which a service is known."""

    PUBLIC = "public"
    STAFF = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that can be booked."""

    id: ServiceId = field(metadata=NOT_IN_DOCUMENT)
    key: str
    name: str
    description: str | None = None
    duration_minutes: int
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    buffers_inside_hours: bool = False
    price: Money
    prices: tuple[TimedPrice, ...] = ()
    """By the time of the start: the first that fits counts."""
    grid: Grid = field(default_factory=Grid)
    requires: tuple[Requirement, ...]
    assign: Assign = Assign.LEAST_BOOKED
    rules: Rules = field(default_factory=Rules)
    visibility: Visibility = Visibility.PUBLIC
    durations: tuple[DurationOption, ...] = ()
    """Lengths to choose from, the shortest first; empty: visits last `duration_minutes`, or as who serves says."""
    add_ons: tuple[AddOn, ...] = ()
    added_minor: int = field(default=0, metadata=NOT_IN_DOCUMENT)
    """Added to the price for one person, at all times and whoever serves: by the add-ons that were chosen."""
    version: int = field(default=1, metadata=NOT_IN_DOCUMENT)
    archived: bool = field(default=False, metadata=NOT_IN_DOCUMENT)

    @property
    def longest_buffers(self) -> tuple[int, int]:
        """The most minutes before and after a visit that its buffers, or those of an entry, may claim."""
        return (
            max([self.buffer_before_minutes, *(entry.buffer_before_minutes or 0 for entry in self.requires)]),
            max([self.buffer_after_minutes, *(entry.buffer_after_minutes or 0 for entry in self.requires)]),
        )


class ServiceDocument(Document):
    """Something that can be booked."""

    key: Key
    name: Title
    description: Description | None = None
    duration_minutes: DurationMinutes
    buffer_before_minutes: BlockedMinutes = 0
    buffer_after_minutes: BlockedMinutes = 0
    buffers_inside_hours: bool = False
    price: MoneyDocument | None = Field(default=None, description="Default: nothing, in the business's currency.")
    prices: TimedPrices = Field(default_factory=list)
    grid: GridDocument = GridDocument()
    requires: Annotated[list[RequirementDocument], Field(min_length=1, max_length=MAX_REQUIREMENTS)]
    assign: AssignDocument = Assign.LEAST_BOOKED
    rules: RulesDocument = RulesDocument()
    visibility: Annotated[
        Visibility, Field(strict=False, description="`staff`: unknown to publishable keys, and not in the storefront.")
    ] = Visibility.PUBLIC
    durations: Annotated[list[OptionOrMinutes], Field(max_length=MAX_DURATIONS)] = Field(
        default=[], description="Lengths to choose from, `duration_minutes` among them; each may have a price."
    )
    add_ons: Annotated[list[AddOnDocument], Field(max_length=MAX_ADD_ONS)] = Field(
        default=[], description="Extras to choose, each with its minutes and its price."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        errors = [
            *self._spans_too_long(),
            *self._parts_outside_the_visit(),
            *self._foreign_prices(),
            *faults_of_choices(self, self._terms()),
        ]
        if errors:
            raise FaultsError(errors)
        return self

    def _terms(self) -> Iterable[tuple[str, TermsDocument]]:
        """The terms of each resource, with the pointer to them."""
        for index, requirement in enumerate(self.requires):
            for name, terms in requirement.overrides.items():
                yield f"requires[{index}].overrides.{name}", terms

    def _spans_too_long(self) -> Iterable[FieldError]:
        """A claim with its buffers must stay within the limit with every resource."""
        buffers = self.buffer_before_minutes + self.buffer_after_minutes
        detail = f"a visit may take at most {MAX_BLOCKED_MINUTES} minutes, including the buffers"
        if self.duration_minutes + buffers > MAX_BLOCKED_MINUTES:
            yield FieldError("duration_minutes", detail)
        for pointer, terms in self._terms():
            if (terms.duration_minutes or 0) + buffers > MAX_BLOCKED_MINUTES:
                yield FieldError(f"{pointer}.duration_minutes", detail)
        # Entries of one role that touch are one claim, with the buffer of the one before and that of the other after.
        before = max([self.buffer_before_minutes, *(entry.buffer_before_minutes or 0 for entry in self.requires)])
        after = max([self.buffer_after_minutes, *(entry.buffer_after_minutes or 0 for entry in self.requires)])
        longest = max([self.duration_minutes, *(terms.duration_minutes or 0 for _, terms in self._terms())])
        if longest + before + after > MAX_BLOCKED_MINUTES >= longest + buffers:
            for index, entry in enumerate(self.requires):
                if entry.buffer_before_minutes:
                    yield FieldError(f"requires[{index}].buffer_before_minutes", detail)
                if entry.buffer_after_minutes:
                    yield FieldError(f"requires[{index}].buffer_after_minutes", detail)

    def _parts_outside_the_visit(self) -> Iterable[FieldError]:
        for index, requirement in enumerate(self.requires):
            pointer = f"requires[{index}]"
            if requirement.offset_minutes >= self.duration_minutes:
                yield FieldError(f"{pointer}.offset_minutes", "must be less than the service's duration_minutes")
            elif requirement.offset_minutes + (requirement.duration_minutes or 0) > self.duration_minutes:
                yield FieldError(f"{pointer}.duration_minutes", "must end within the service's duration_minutes")

    def _foreign_prices(self) -> Iterable[FieldError]:
        """A visit has one price, so all its parts are in one currency."""
        for pointer, terms in self._terms():
            if self.price and terms.price and terms.price.currency != self.price.currency:
                detail = f"must be {self.price.currency}, the currency of the service's price"
                yield FieldError(f"{pointer}.price.currency", detail)
        for index, entry in enumerate(self.prices):
            if entry.price and not self.price:
                yield FieldError(f"prices[{index}].price", "needs a price of the service beside it")
            elif entry.price and self.price and entry.price.currency != self.price.currency:
                detail = f"must be {self.price.currency}, the currency of the service's price"
                yield FieldError(f"prices[{index}].price.currency", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow(ObjectRow):
    """Row of a service; its requirements have rows of their own."""

    duration_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    buffers_inside_hours: bool
    price_minor: Annotated[int, ColumnDetails(size=IntegerSize.BIG)]
    price_currency: str
    grid_align: str
    grid_step_minutes: Annotated[int | None, ColumnDetails(comment="null: the duration")]
    grid_offset_minutes: int
    assign: str
    rules: RulesRecord
    description: Annotated[str | None, ColumnDetails(comment="for visitors; null: none is shown")]
    grid_at: Annotated[
        Sequence[int],
        ColumnDetails(default="'[]'::jsonb", comment="fixed starts, minutes since midnight; none: by align and step"),
    ]
    grid_minimum_gap_minutes: Annotated[
        int | None, ColumnDetails(comment="null: what such a visit takes, if avoidable")
    ]
    grid_last_start_minutes: Annotated[int | None, ColumnDetails(comment="before work ends; null: the visit's length")]
    visibility: Annotated[str, ColumnDetails(comment="public, or staff only", default="'public'::text")]
    prices: TimedPricesRecord
    assign_period: Annotated[
        str, ColumnDetails(comment="over which least_booked counts: day, week or month", default="'day'::text")
    ]
    durations: Annotated[
        Sequence[Mapping[str, object]],
        ColumnDetails(default="'[]'::jsonb", comment="lengths to choose from: minutes, price; none: one length"),
    ]
    add_ons: Annotated[
        Sequence[Mapping[str, object]],
        ColumnDetails(default="'[]'::jsonb", comment="extras to choose: key, name, minutes, price"),
    ]


def desired_service(
    entry: ServiceDocument, stored: Service | None, resources: Mapping[str, Resource], *, currency: str
) -> Service:
    """The service in the document, with the id and version of the stored one.

    `resources` is by id and key; `currency` is that of the business.
    """
    return Service(
        id=stored.id if stored else new_service_id(),
        key=entry.key,
        name=entry.name,
        description=entry.description,
        duration_minutes=entry.duration_minutes,
        buffer_before_minutes=entry.buffer_before_minutes,
        buffer_after_minutes=entry.buffer_after_minutes,
        buffers_inside_hours=entry.buffers_inside_hours,
        price=desired_money(entry.price) or Money(amount_minor=0, currency=currency),
        prices=desired_timed_prices(entry.prices),
        grid=desired_grid(entry.grid),
        requires=tuple(desired_requirement(requirement, resources) for requirement in entry.requires),
        assign=entry.assign,
        rules=desired_rules(entry.rules),
        visibility=entry.visibility,
        durations=desired_durations(entry.durations),
        add_ons=desired_add_ons(entry.add_ons),
        version=stored.version if stored else 1,
    )


def service_document(service: Service, resource_by_id: Mapping[ResourceId, Resource]) -> JsonObject:
    """The service as a document."""
    return {
        "key": service.key,
        "name": service.name,
        **present(description=service.description),
        "duration_minutes": service.duration_minutes,
        "buffer_before_minutes": service.buffer_before_minutes,
        "buffer_after_minutes": service.buffer_after_minutes,
        "buffers_inside_hours": service.buffers_inside_hours,
        "price": money_document(service.price),
        **present(prices=timed_price_documents(service.prices)),
        "grid": grid_document(service.grid),
        "requires": [requirement_document(requirement, resource_by_id) for requirement in service.requires],
        "assign": assign_document(service.assign),
        "rules": rules_document(service.rules),
        **present(visibility=None if service.visibility is Visibility.PUBLIC else service.visibility.value),
        **choices_document(service.durations, service.add_ons),
    }


def service_row(service: Service) -> ServiceRow:
    """The row of the service."""
    assign, assign_period = assign_columns(service.assign)
    return ServiceRow(
        id=service.id,
        key=service.key,
        name=service.name,
        description=service.description,
        duration_minutes=service.duration_minutes,
        buffer_before_minutes=service.buffer_before_minutes,
        buffer_after_minutes=service.buffer_after_minutes,
        buffers_inside_hours=service.buffers_inside_hours,
        price_minor=service.price.amount_minor,
        price_currency=service.price.currency,
        prices=timed_price_records(service.prices),
        grid_align=service.grid.align.value,
        grid_step_minutes=service.grid.step_minutes,
        grid_offset_minutes=service.grid.offset_minutes,
        grid_at=service.grid.at,
        grid_minimum_gap_minutes=service.grid.minimum_gap_minutes,
        grid_last_start_minutes=service.grid.last_start_minutes,
        assign=assign,
        assign_period=assign_period,
        rules=rules_record(service.rules),
        visibility=service.visibility.value,
        durations=[duration_record(option) for option in service.durations],
        add_ons=[add_on_record(add_on) for add_on in service.add_ons],
    )


def stored_service(row: ServiceRow, requirements: Iterable[Requirement]) -> Service:
    """The service in the row."""
    return Service(
        id=ServiceId(row.id),
        key=row.key,
        name=row.name,
        description=row.description,
        duration_minutes=row.duration_minutes,
        buffer_before_minutes=row.buffer_before_minutes,
        buffer_after_minutes=row.buffer_after_minutes,
        buffers_inside_hours=row.buffers_inside_hours,
        price=Money(amount_minor=row.price_minor, currency=row.price_currency),
        prices=stored_timed_prices(row.prices),
        grid=Grid(
            align=Align(row.grid_align),
            step_minutes=row.grid_step_minutes,
            offset_minutes=row.grid_offset_minutes,
            at=tuple(row.grid_at),
            minimum_gap_minutes=row.grid_minimum_gap_minutes,
            last_start_minutes=row.grid_last_start_minutes,
        ),
        requires=tuple(requirements),
        assign=stored_assign(row.assign, row.assign_period),
        rules=stored_rules(row.rules),
        visibility=Visibility(row.visibility),
        durations=tuple(map(stored_duration, row.durations)),
        add_ons=tuple(map(stored_add_on, row.add_ons)),
        version=row.version,
        archived=row.archived_at is not None,
    )
