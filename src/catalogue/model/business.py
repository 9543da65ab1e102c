"""The business itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Self
from uuid import UUID

from pydantic import Field, model_validator

from catalogue.model.allowed_origins import (
    ANY_ORIGIN,
    AllowedOriginsRecord,
    Origins,
    allowed_origins_document,
    desired_origins,
)
from catalogue.model.closures import (
    NO_CLOSURES,
    Closure,
    Closures,
    ClosuresRecord,
    closure_documents,
    closure_records,
    desired_closures,
    stored_closures,
)
from catalogue.model.columns import INSERTED, ColumnDetails, ColumnWriting, RulesRecord
from catalogue.model.comparison import NOT_IN_DOCUMENT
from catalogue.model.document_fields import Currency, Title, Zone
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.notifications.rules import (
    DEFAULT_RULES,
    NotificationRules,
    NotificationsRecord,
    notifications_document,
    notifications_record,
    stored_notifications,
)
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
from catalogue.model.routes import (
    NO_ROUTES,
    AnswerRoute,
    Routes,
    RoutesRecord,
    desired_routes,
    refuse_impossible,
    refuse_without_service,
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
from kernel.ids import ResourceId, SecretId, TenantId

if TYPE_CHECKING:
    from catalogue.model.resources import Resource


MIN_RETENTION_DAYS: Final = 30
"""Long enough for a forgotten umbrella, or a complaint."""
MAX_RETENTION_DAYS: Final = 36_500


class Mode(StrEnum):
    """Kind of bookings that a business takes: real ones, or those of a test."""

    LIVE = "live"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A tenant: one business with its defaults."""

    id: TenantId = field(metadata=NOT_IN_DOCUMENT)
    name: str
    timezone: str
    currency: str
    mode: Mode = field(default=Mode.LIVE, metadata=NOT_IN_DOCUMENT)
    rules: Rules = field(default_factory=Rules)
    closures: tuple[Closure, ...] = NO_CLOSURES
    """Of all locations."""
    questions: tuple[Question, ...] = NO_QUESTIONS
    """Asked before any service is chosen."""
    routes: tuple[AnswerRoute, ...] = NO_ROUTES
    """Services that the answers to them choose."""
    retention_days: int | None = None
    """Customers are erased so many days after their last visit; None: they are kept."""
    allowed_origins: tuple[str, ...] = ANY_ORIGIN
    """Sites whose pages may call the API in a browser."""
    notifications: NotificationRules = DEFAULT_RULES
    """Stands in the document beside the business."""
    token_secret: bytes = field(metadata=NOT_IN_DOCUMENT)
    """Signs the tokens that customers get for their appointments until the first rotation, and names holds."""
    token_secret_id: SecretId | None = field(default=None, metadata=NOT_IN_DOCUMENT)
    """The secret that signs those tokens (see bookings.token_secrets); None: token_secret."""
    sandbox_now: datetime | None = field(default=None, metadata=NOT_IN_DOCUMENT)
    """Time of a sandbox's own clock; None: it has the real time (see kernel.clock.business_now)."""
    version: int = field(default=1, metadata=NOT_IN_DOCUMENT)


class BusinessSection(Document):
    """The business itself, with the defaults of its services."""

    name: Title
    timezone: Zone
    currency: Currency
    rules: RulesDocument = RulesDocument()
    closures: Closures = Field(default=[])
    questions: Questions = Field(default=[], description="Answered before a service is chosen, by its `routes`.")
    routes: Routes = Field(default=[], description="Each chooses a service. The first whose conditions are met counts.")
    retention_days: int | None = Field(
        default=None,
        ge=MIN_RETENTION_DAYS,
        le=MAX_RETENTION_DAYS,
        description="Customers are erased so many days after their last visit. Null: they are kept.",
    )
    allowed_origins: Origins = Field(
        default=list(ANY_ORIGIN),
        description="Sites whose pages may call the API in a browser, by publishable keys and tokens.",
    )

    @model_validator(mode="after")
    def _leads_to_services(self) -> Self:
        refuse_repeated(self.questions)
        refuse_impossible(self.routes, self.questions, asker="the business")
        refuse_without_service(self.routes)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessRow:
    """Row of a business."""

    tenant_id: Annotated[UUID, INSERTED]
    name: str
    timezone: Annotated[str, ColumnDetails(comment="IANA name")]
    currency: Annotated[str, ColumnDetails(comment="ISO 4217")]
    mode: Annotated[str, ColumnDetails(comment="live or sandbox", written_by=ColumnWriting.INSERT)]
    rules: RulesRecord
    token_secret: Annotated[
        bytes, ColumnDetails(comment="signs the tokens of appointments", written_by=ColumnWriting.INSERT)
    ]
    closures: ClosuresRecord = ()
    questions: QuestionsRecord = ()
    routes: RoutesRecord = ()
    retention_days: Annotated[
        int | None, ColumnDetails(comment="customers are erased so long after their last visit; null: never")
    ] = None
    allowed_origins: AllowedOriginsRecord = ANY_ORIGIN
    notifications: NotificationsRecord = field(default_factory=dict)
    version: Annotated[int, ColumnDetails(default="1", written_by=ColumnWriting.NEITHER)] = 1
    sandbox_now: Annotated[
        datetime | None,
        ColumnDetails(
            comment="where a sandbox's own clock stands; null: the real time", written_by=ColumnWriting.NEITHER
        ),
    ] = None
    token_secret_id: Annotated[
        str | None,
        ColumnDetails(comment="of the secret that signs tokens; null: token_secret", written_by=ColumnWriting.NEITHER),
    ] = None
    previous_token_secret_id: Annotated[
        str | None,
        ColumnDetails(comment="of the secret that signed before; null: token_secret", written_by=ColumnWriting.NEITHER),
    ] = None
    previous_tokens_until: Annotated[
        datetime | None,
        ColumnDetails(
            comment="tokens of the secret before work until then; null: none was rotated",
            written_by=ColumnWriting.NEITHER,
        ),
    ] = None


def desired_business(section: BusinessSection, stored: Business) -> Business:
    """The stored business with the fields in the document but the routes, which name resources (`with_routes`)."""
    return replace(
        stored,
        name=section.name,
        timezone=section.timezone,
        currency=section.currency,
        rules=desired_rules(section.rules),
        closures=desired_closures(section.closures),
        questions=desired_questions(section.questions),
        retention_days=section.retention_days,
        allowed_origins=desired_origins(section.allowed_origins),
    )


def with_routes(business: Business, section: BusinessSection, resources: Mapping[str, "Resource"]) -> Business:
    """The business with the routes in the document; `resources` is by id and key."""
    return replace(business, routes=desired_routes(section.routes, resources))


def business_section(business: Business, resource_by_id: Mapping[ResourceId, "Resource"]) -> JsonObject:
    """The business as its section of the document."""
    return {
        "name": business.name,
        "timezone": business.timezone,
        "currency": business.currency,
        "rules": rules_document(business.rules),
        **present(
            closures=closure_documents(business.closures),
            questions=question_records(business.questions) or None,
            routes=route_documents(business.routes, resource_by_id) or None,
            retention_days=business.retention_days,
            allowed_origins=allowed_origins_document(business.allowed_origins),
        ),
    }


def sections_beside(business: Business) -> JsonObject:
    """The sections of the document that are about the business, beside that of its own."""
    return present(notifications=notifications_document(business.notifications))


def business_row(business: Business) -> BusinessRow:
    """The row of the business."""
    return BusinessRow(
        tenant_id=business.id,
        name=business.name,
        timezone=business.timezone,
        currency=business.currency,
        mode=business.mode.value,
        rules=rules_record(business.rules),
        closures=closure_records(business.closures),
        questions=question_records(business.questions),
        routes=route_records(business.routes),
        retention_days=business.retention_days,
        allowed_origins=business.allowed_origins,
        notifications=notifications_record(business.notifications),
        token_secret=business.token_secret,
    )


def stored_business(row: BusinessRow) -> Business:
    """The business in the row."""
    return Business(
        id=TenantId(row.tenant_id),
        name=row.name,
        timezone=row.timezone,
        currency=row.currency,
        mode=Mode(row.mode),
        rules=stored_rules(row.rules),
        closures=stored_closures(row.closures),
        questions=stored_questions(row.questions),
        routes=stored_routes(row.routes),
        retention_days=row.retention_days,
        allowed_origins=tuple(row.allowed_origins),
        notifications=stored_notifications(row.notifications),
        token_secret=row.token_secret,
        token_secret_id=None if row.token_secret_id is None else SecretId(row.token_secret_id),
        sandbox_now=row.sandbox_now,
        version=row.version,
    )
