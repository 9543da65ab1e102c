"""Services of a business."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import (
    MAX_ADD_ONS,
    MAX_BLOCKED_MINUTES,
    MAX_DURATIONS,
    MAX_REQUIREMENTS,
    MAX_STAY_BLOCKED_MINUTES,
)
from catalogue.model.assign import Assign, AssignDocument, assign_columns, assign_document, stored_assign
from catalogue.model.choice_faults import faults_of_choices, faults_of_extras
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
from catalogue.model.documents import Document, FaultsError, JsonObject, present, refuse_if
from catalogue.model.grid import Align, Grid, GridDocument, desired_grid, grid_document
from catalogue.model.money import MoneyDocument, desired_money, money_document
from catalogue.model.object_row import ObjectRow
from catalogue.model.questions import (
    NO_QUESTIONS,
    Question,
    Questions,
    QuestionsRecord,
    desired_questions,
    question_records,
    refuse_repeated,
    stored_questions,
)
from catalogue.model.requirements import (
    Requirement,
    RequirementDocument,
    TermsDocument,
    desired_requirement,
    requirement_document,
)
from catalogue.model.resources import Resource
from catalogue.model.routes import (
    NO_ROUTES,
    AnswerRoute,
    Routes,
    RoutesRecord,
    desired_routes,
    refuse_impossible,
    route_documents,
    route_records,
    stored_routes,
)
from catalogue.model.rules.level import (
    Rules,
    RulesDocument,
    desired_rules,
    rules_document,
    rules_record,
    stored_rules,
)
from catalogue.model.stays import Stay, StayDocument, desired_stay, stay_document
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
from kernel.spans import MINUTES_PER_DAY

# More than any zone that is used changes its clock by.
_CLOCK_CHANGE_MINUTES: Final = 180


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
    """Of a stay, the minutes while no clock is changed."""
    duration: Stay | None = None
    """None: the visit lasts so many minutes."""
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
    questions: tuple[Question, ...] = NO_QUESTIONS
    routes: tuple[AnswerRoute, ...] = NO_ROUTES
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
    duration_minutes: DurationMinutes | None = Field(
        default=None, description="Required, unless there is a `duration`."
    )
    duration: StayDocument | None = Field(
        default=None, description="A stay of some nights, instead of `duration_minutes`. It starts at check-in only."
    )
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
    questions: Questions = Field(default=[], description="Answered by whoever books.")
    routes: Routes = Field(default=[], description="The first whose conditions are met counts.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_if((self.duration_minutes is None and self.duration is None, "duration_minutes", "required"))
        if self.duration is None:
            errors = [
                *self._spans_too_long(),
                *self._parts_outside_the_visit(),
                *self._foreign_prices(),
                *faults_of_choices(self, self._terms()),
            ]
        else:
            errors = [*self._faults_of_stay(), *self._foreign_prices(), *faults_of_extras(self)]
        if errors:
            raise FaultsError(errors)
        refuse_repeated(self.questions)
        refuse_impossible(self.routes, self.questions)
        return self

    def _terms(self) -> Iterable[tuple[str, TermsDocument]]:
        """The terms of each resource, with the pointer to them."""
        for index, requirement in enumerate(self.requires):
            for name, terms in requirement.overrides.items():
                yield f"requires[{index}].overrides.{name}", terms

    @property
    def minutes(self) -> int:
        """The length of the visit; of a stay, while no clock is changed."""
        stay = desired_stay(self.duration)
        return self.duration_minutes or (stay.minutes if stay else 0)

    def _faults_of_stay(self) -> Iterable[FieldError]:
        """A stay starts at check-in and is one part: nothing else says when it starts or how long it takes."""
        by_itself = "must be absent where `duration` has nights"
        absent = {
            "duration_minutes": self.duration_minutes is None,
            "grid": self.grid == GridDocument(),
            "durations": not self.durations,
        }
        yield from (FieldError(name, by_itself) for name, is_absent in absent.items() if not is_absent)
        for index, add_on in enumerate(self.add_ons):
            if add_on.minutes:
                yield FieldError(f"add_ons[{index}].minutes", "must be 0 where `duration` has nights: check-out stays")
        for index, requirement in enumerate(self.requires):
            if requirement.offset_minutes:
                yield FieldError(f"requires[{index}].offset_minutes", by_itself)
            if requirement.duration_minutes is not None:
                yield FieldError(f"requires[{index}].duration_minutes", by_itself)
        for pointer, terms in self._terms():
            if terms.duration_minutes is not None:
                yield FieldError(f"{pointer}.duration_minutes", by_itself)
        before = max([self.buffer_before_minutes, *(each.buffer_before_minutes or 0 for each in self.requires)])
        after = max([self.buffer_after_minutes, *(each.buffer_after_minutes or 0 for each in self.requires)])
        if before + self.minutes + _CLOCK_CHANGE_MINUTES + after > MAX_STAY_BLOCKED_MINUTES:
            days = MAX_STAY_BLOCKED_MINUTES // MINUTES_PER_DAY
            yield FieldError("duration.nights", f"with its buffers, a stay may take at most {days} days")

    def _spans_too_long(self) -> Iterable[FieldError]:
        """A claim with its buffers must stay within the limit with every resource."""
        buffers = self.buffer_before_minutes + self.buffer_after_minutes
        detail = f"a visit may take at most {MAX_BLOCKED_MINUTES} minutes, including the buffers"
        if self.minutes + buffers > MAX_BLOCKED_MINUTES:
            yield FieldError("duration_minutes", detail)
        for pointer, terms in self._terms():
            if (terms.duration_minutes or 0) + buffers > MAX_BLOCKED_MINUTES:
                yield FieldError(f"{pointer}.duration_minutes", detail)
        # Entries of one role that touch are one claim, with the buffer of the one before and that of the other after.
        before = max([self.buffer_before_minutes, *(entry.buffer_before_minutes or 0 for entry in self.requires)])
        after = max([self.buffer_after_minutes, *(entry.buffer_after_minutes or 0 for entry in self.requires)])
        longest = max([self.minutes, *(terms.duration_minutes or 0 for _, terms in self._terms())])
        if longest + before + after > MAX_BLOCKED_MINUTES >= longest + buffers:
            for index, entry in enumerate(self.requires):
                if entry.buffer_before_minutes:
                    yield FieldError(f"requires[{index}].buffer_before_minutes", detail)
                if entry.buffer_after_minutes:
                    yield FieldError(f"requires[{index}].buffer_after_minutes", detail)

    def _parts_outside_the_visit(self) -> Iterable[FieldError]:
        for index, requirement in enumerate(self.requires):
            pointer = f"requires[{index}]"
            if requirement.offset_minutes >= self.minutes:
                yield FieldError(f"{pointer}.offset_minutes", "must be less than the service's duration_minutes")
            elif requirement.offset_minutes + (requirement.duration_minutes or 0) > self.minutes:
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
    duration_nights: Annotated[
        int | None, ColumnDetails(size=IntegerSize.SMALL, comment="of a stay; null: it lasts duration_minutes")
    ]
    duration_check_in: Annotated[
        int | None, ColumnDetails(size=IntegerSize.SMALL, comment="minutes since midnight; null: it is no stay")
    ]
    duration_check_out: Annotated[
        int | None, ColumnDetails(size=IntegerSize.SMALL, comment="minutes since midnight; null: it is no stay")
    ]
    questions: QuestionsRecord = ()
    routes: RoutesRecord = ()


def grid_of_stay(stay: Stay) -> Grid:
    """The one start of each date: check-in."""
    return Grid(align=Align.CLOCK, at=(stay.check_in,))


def desired_service(
    entry: ServiceDocument, stored: Service | None, resources: Mapping[str, Resource], *, currency: str
) -> Service:
    """The service in the document, with the id and version of the stored one.

    `resources` is by id and key; `currency` is that of the business.
    """
    stay = desired_stay(entry.duration)
    return Service(
        id=stored.id if stored else new_service_id(),
        key=entry.key,
        name=entry.name,
        description=entry.description,
        duration_minutes=entry.minutes,
        duration=stay,
        buffer_before_minutes=entry.buffer_before_minutes,
        buffer_after_minutes=entry.buffer_after_minutes,
        buffers_inside_hours=entry.buffers_inside_hours,
        price=desired_money(entry.price) or Money(amount_minor=0, currency=currency),
        prices=desired_timed_prices(entry.prices),
        grid=desired_grid(entry.grid) if stay is None else grid_of_stay(stay),
        requires=tuple(desired_requirement(requirement, resources) for requirement in entry.requires),
        assign=entry.assign,
        rules=desired_rules(entry.rules),
        visibility=entry.visibility,
        durations=desired_durations(entry.durations),
        add_ons=desired_add_ons(entry.add_ons),
        questions=desired_questions(entry.questions),
        routes=desired_routes(entry.routes, resources),
        version=stored.version if stored else 1,
    )


def service_document(service: Service, resource_by_id: Mapping[ResourceId, Resource]) -> JsonObject:
    """The service as a document."""
    return {
        "key": service.key,
        "name": service.name,
        **present(description=service.description),
        **_length(service),
        "buffer_before_minutes": service.buffer_before_minutes,
        "buffer_after_minutes": service.buffer_after_minutes,
        "buffers_inside_hours": service.buffers_inside_hours,
        "price": money_document(service.price),
        **present(prices=timed_price_documents(service.prices)),
        **({"grid": grid_document(service.grid)} if service.duration is None else {}),
        "requires": [requirement_document(requirement, resource_by_id) for requirement in service.requires],
        "assign": assign_document(service.assign),
        "rules": rules_document(service.rules),
        **present(visibility=None if service.visibility is Visibility.PUBLIC else service.visibility.value),
        **choices_document(service.durations, service.add_ons),
        **present(questions=question_records(service.questions) or None),
        **present(routes=route_documents(service.routes, resource_by_id) or None),
    }


def _length(service: Service) -> JsonObject:
    if service.duration is None:
        return {"duration_minutes": service.duration_minutes}
    return {"duration": stay_document(service.duration)}


def service_row(service: Service) -> ServiceRow:
    """The row of the service."""
    assign, assign_period = assign_columns(service.assign)
    stay = service.duration
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
        duration_nights=None if stay is None else stay.nights,
        duration_check_in=None if stay is None else stay.check_in,
        duration_check_out=None if stay is None else stay.check_out,
        questions=question_records(service.questions),
        routes=route_records(service.routes),
    )


def stored_service(row: ServiceRow, requirements: Iterable[Requirement]) -> Service:
    """The service in the row."""
    return Service(
        id=ServiceId(row.id),
        key=row.key,
        name=row.name,
        description=row.description,
        duration_minutes=row.duration_minutes,
        duration=_stored_stay(row),
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
        questions=stored_questions(row.questions),
        routes=stored_routes(row.routes),
        version=row.version,
        archived=row.archived_at is not None,
    )


def _stored_stay(row: ServiceRow) -> Stay | None:
    if row.duration_nights is None or row.duration_check_in is None or row.duration_check_out is None:
        return None
    return Stay(nights=row.duration_nights, check_in=row.duration_check_in, check_out=row.duration_check_out)
