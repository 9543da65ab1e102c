"""Requirements of a service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_CAPACITY, MAX_COUNT, MAX_RESOURCES
from catalogue.model.assign import Turns
from catalogue.model.columns import ColumnDetails, IntegerSize
from catalogue.model.document_fields import BlockedMinutes, DurationMinutes, Name, Word
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.money import MoneyDocument, desired_money, money_document, stored_money
from catalogue.model.resources import Resource
from kernel.ids import ResourceId, ServiceId
from kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTerms:
    """Terms of a visit that a certain resource serves: None leaves the service's own."""

    duration_minutes: int | None = None
    price: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One entry of what a service needs: `count` of a pool, for the whole visit or a part of it."""

    role: str
    any_of: tuple[ResourceId, ...]
    """The pool in order. Empty when the pool is given by `kind`."""
    kind: str | None = None
    """Every live resource of that kind, in catalogue order."""
    count: int = 1
    uses: int = 1
    """Places of a resource that each of the party takes; at a table, that all of them take."""
    offset_minutes: int = 0
    """Minutes after the start of the visit at which this entry begins."""
    duration_minutes: int | None = None
    """None: to the end of the visit."""
    buffer_before_minutes: int | None = None
    """Minutes before the entry's own; None: those of the service, where the entry begins with the visit."""
    buffer_after_minutes: int | None = None
    """Minutes after the entry's own; None: those of the service, where the entry ends with the visit."""
    same_location: bool = False
    """True: whoever fills the role is at the location of the visit, which is that of the first role."""
    terms: Mapping[ResourceId, ResourceTerms] = field(default_factory=dict)
    turns: Turns = Turns.SERVICE


class TermsDocument(Document):
    """Terms that differ when a certain resource serves."""

    duration_minutes: DurationMinutes | None = None
    price: MoneyDocument | None = None


class RequirementDocument(Document):
    """One entry of what a service needs: a count of a pool, for the whole visit or a part of it."""

    role: Word
    any_of: Annotated[list[Name], Field(min_length=1, max_length=MAX_RESOURCES)] | None = None
    kind: Word | None = None
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    uses: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] = 1
    offset_minutes: BlockedMinutes = 0
    duration_minutes: DurationMinutes | None = None
    buffer_before_minutes: BlockedMinutes | None = Field(default=None, description="Default: the service's.")
    buffer_after_minutes: BlockedMinutes | None = Field(default=None, description="Default: the service's.")
    same_location: bool = Field(default=False, description="Filled at the location of the visit: that of the first.")
    overrides: Annotated[dict[Name, TermsDocument], Field(max_length=MAX_RESOURCES)] = Field(default={})
    turns: Annotated[
        Turns,
        Field(strict=False, description="With round_robin: visits of the service make a turn, or of any service."),
    ] = Turns.SERVICE

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if (self.any_of is None) == (self.kind is None):
            detail = "give either any_of or kind to name the pool"
            raise ValueError(detail)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRow:
    """Row of a requirement; the resources it names have rows of their own."""

    service_id: str
    position: Annotated[int, ColumnDetails(comment="place in the service")]
    role: str
    kind: Annotated[str | None, ColumnDetails(comment="null: the pool is in requirement_resources")]
    count: int
    uses: Annotated[int, ColumnDetails(default="1", comment="places that each of the party takes")]
    offset_minutes: int
    duration_minutes: Annotated[int | None, ColumnDetails(comment="null: to the end of the visit")]
    buffer_before_minutes: Annotated[int | None, ColumnDetails(comment="null: the service's")]
    buffer_after_minutes: Annotated[int | None, ColumnDetails(comment="null: the service's")]
    turns: Annotated[
        str, ColumnDetails(comment="visits that make one: of the service, or shared by all", default="'service'::text")
    ]
    same_location: Annotated[bool, ColumnDetails(default="false")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementResourceRow:
    """Row of a resource that a requirement names, as a member of its pool or for its terms."""

    service_id: str
    requirement_position: int
    resource_id: str
    position: Annotated[
        int | None, ColumnDetails(comment="order in the pool; null: not in the pool, only terms (pool by kind)")
    ]
    duration_minutes: Annotated[int | None, ColumnDetails(comment="null: the service's")]
    price_minor: Annotated[int | None, ColumnDetails(size=IntegerSize.BIG, comment="null: the service's")]
    price_currency: str | None


def desired_requirement(entry: RequirementDocument, resources: Mapping[str, Resource]) -> Requirement:
    """The requirement in the document; `resources` is by id and key."""
    return Requirement(
        role=entry.role,
        any_of=tuple(resources[name].id for name in entry.any_of or ()),
        kind=entry.kind,
        count=entry.count,
        uses=entry.uses,
        offset_minutes=entry.offset_minutes,
        duration_minutes=entry.duration_minutes,
        buffer_before_minutes=entry.buffer_before_minutes,
        buffer_after_minutes=entry.buffer_after_minutes,
        same_location=entry.same_location,
        terms={
            resources[name].id: ResourceTerms(duration_minutes=terms.duration_minutes, price=desired_money(terms.price))
            for name, terms in entry.overrides.items()
            if terms.duration_minutes is not None or terms.price is not None
        },
        turns=entry.turns,
    )


def requirement_document(requirement: Requirement, resource_by_id: Mapping[ResourceId, Resource]) -> JsonObject:
    """The requirement as a document."""
    keys = [resource_by_id[resource_id].key for resource_id in requirement.any_of]
    return present(
        role=requirement.role,
        any_of=keys if requirement.kind is None else None,
        kind=requirement.kind,
        count=requirement.count,
        uses=requirement.uses if requirement.uses > 1 else None,
        offset_minutes=requirement.offset_minutes,
        duration_minutes=requirement.duration_minutes,
        buffer_before_minutes=requirement.buffer_before_minutes,
        buffer_after_minutes=requirement.buffer_after_minutes,
        same_location=True if requirement.same_location else None,
        overrides={
            resource_by_id[resource_id].key: present(
                duration_minutes=terms.duration_minutes, price=money_document(terms.price)
            )
            for resource_id, terms in requirement.terms.items()
        },
        turns=None if requirement.turns is Turns.SERVICE else requirement.turns.value,
    )


def requirement_rows(service_id: ServiceId, requirements: Iterable[Requirement]) -> list[RequirementRow]:
    """The rows of a service's requirements."""
    return [
        RequirementRow(
            service_id=service_id,
            position=position,
            role=requirement.role,
            kind=requirement.kind,
            count=requirement.count,
            uses=requirement.uses,
            offset_minutes=requirement.offset_minutes,
            duration_minutes=requirement.duration_minutes,
            buffer_before_minutes=requirement.buffer_before_minutes,
            buffer_after_minutes=requirement.buffer_after_minutes,
            turns=requirement.turns.value,
            same_location=requirement.same_location,
        )
        for position, requirement in enumerate(requirements)
    ]


def requirement_resource_rows(
    service_id: ServiceId, requirements: Iterable[Requirement]
) -> list[RequirementResourceRow]:
    """The rows of the resources that a service's requirements name."""
    rows = []
    for position, requirement in enumerate(requirements):
        order = {resource_id: place for place, resource_id in enumerate(requirement.any_of)}
        rows += [
            _resource_row(service_id, position, requirement, resource_id, order.get(resource_id))
            for resource_id in dict.fromkeys((*requirement.any_of, *requirement.terms))
        ]
    return rows


def stored_requirement(row: RequirementRow, resources: Iterable[RequirementResourceRow]) -> Requirement:
    """The requirement in the row, with the resources it names in the order of the pool."""
    resources = list(resources)
    return Requirement(
        role=row.role,
        any_of=tuple(ResourceId(named.resource_id) for named in resources if named.position is not None),
        kind=row.kind,
        count=row.count,
        uses=row.uses,
        offset_minutes=row.offset_minutes,
        duration_minutes=row.duration_minutes,
        buffer_before_minutes=row.buffer_before_minutes,
        buffer_after_minutes=row.buffer_after_minutes,
        same_location=row.same_location,
        terms={
            ResourceId(named.resource_id): ResourceTerms(
                duration_minutes=named.duration_minutes, price=stored_money(named.price_minor, named.price_currency)
            )
            for named in resources
            if named.duration_minutes is not None or named.price_minor is not None
        },
        turns=Turns(row.turns),
    )


def _resource_row(
    service_id: ServiceId,
    requirement_position: int,
    requirement: Requirement,
    resource_id: ResourceId,
    position: int | None,
) -> RequirementResourceRow:
    terms = requirement.terms.get(resource_id, ResourceTerms())
    return RequirementResourceRow(
        service_id=service_id,
        requirement_position=requirement_position,
        resource_id=resource_id,
        position=position,
        duration_minutes=terms.duration_minutes,
        price_minor=terms.price.amount_minor if terms.price else None,
        price_currency=terms.price.currency if terms.price else None,
    )
