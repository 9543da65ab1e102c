"""Rules of a business about its notifications, the section `notifications` of the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import EmailAddress, Title
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.notifications.audiences import (
    CUSTOMER_BY_DEFAULT,
    STAFF_BY_DEFAULT,
    AudienceDocument,
    AudienceRules,
    audience_document,
    desired_audience,
    stored_audience,
)
from catalogue.model.notifications.languages import Languages
from catalogue.model.notifications.quiet_hours import (
    QuietHours,
    QuietHoursDocument,
    desired_quiet_hours,
    quiet_hours_document,
    stored_quiet_hours,
)
from catalogue.model.notifications.templates import (
    TemplatesDocument,
    desired_templates,
    refuse_unusable,
    stored_templates,
    templates_document,
)
from messages.content.model import DEFAULT_LANGUAGE, Templates
from messages.model import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRules:
    """All rules of a business about its notifications."""

    sender: Sender | None = None
    """None: the sender of the channel."""
    languages: tuple[str, ...] = (DEFAULT_LANGUAGE,)
    """The first one is that of those who have chosen none."""
    quiet_hours: QuietHours | None = None
    customer: AudienceRules = CUSTOMER_BY_DEFAULT
    staff: AudienceRules = STAFF_BY_DEFAULT
    templates: Templates = field(default_factory=dict)


DEFAULT_RULES: Final = NotificationRules()
"""The rules of a business that has set none."""


class SenderDocument(Document):
    """The sender of mails, as their receivers read it."""

    name: Title
    email: EmailAddress
    reply_to: EmailAddress | None = Field(default=None, description="Address of answers. Default: that of the sender.")


class NotificationsSection(Document):
    """Rules of what people are told, by which channels, in which languages and words."""

    sender: SenderDocument | None = Field(default=None, description="Default: the sender of the channel.")
    languages: Languages = Field(
        default=[DEFAULT_LANGUAGE], description="The first is the default; a receiver's own language wins."
    )
    quiet_hours: QuietHoursDocument | None = Field(default=None, description="Default: none.")
    customer: AudienceDocument | None = Field(default=None, description="Absent: the defaults. Given: exactly these.")
    staff: AudienceDocument | None = Field(default=None, description="Absent: the defaults. Given: exactly these.")
    templates: TemplatesDocument = Field(
        default={}, description="Words in place of the built-in ones: by occasion, channel and language."
    )

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        refuse_unusable(self.templates)
        return self


NotificationsRecord = Annotated[
    Mapping[str, object],
    ColumnDetails(default="'{}'::jsonb", comment="who is told what; what is absent is as by default"),
]


def desired_notifications(section: NotificationsSection | None) -> NotificationRules:
    """The rules in the document."""
    if section is None:
        return DEFAULT_RULES
    sender, hours = section.sender, section.quiet_hours
    return NotificationRules(
        sender=None if sender is None else Sender(address=sender.email, name=sender.name, reply_to=sender.reply_to),
        languages=tuple(section.languages),
        quiet_hours=None if hours is None else desired_quiet_hours(hours),
        customer=CUSTOMER_BY_DEFAULT if section.customer is None else desired_audience(section.customer),
        staff=STAFF_BY_DEFAULT if section.staff is None else desired_audience(section.staff),
        templates=desired_templates(section.templates),
    )


def notifications_document(rules: NotificationRules) -> JsonObject | None:
    """The rules as a section of the document; None if nothing is set."""
    return notifications_record(rules) or None


def notifications_record(rules: NotificationRules) -> JsonObject:
    """The rules that are not as by default, as they are stored."""
    sender, hours = rules.sender, rules.quiet_hours
    return present(
        sender=None
        if sender is None
        else {"name": sender.name, "email": sender.address, **present(reply_to=sender.reply_to)},
        languages=None if rules.languages == DEFAULT_RULES.languages else list(rules.languages),
        quiet_hours=None if hours is None else quiet_hours_document(hours),
        customer=None if rules.customer == CUSTOMER_BY_DEFAULT else audience_document(rules.customer),
        staff=None if rules.staff == STAFF_BY_DEFAULT else audience_document(rules.staff),
        templates=templates_document(rules.templates) or None,
    )


def stored_notifications(record: Mapping[str, Any]) -> NotificationRules:
    """The rules in a row; what only a newer version knows is passed over."""
    sender, hours = record.get("sender"), record.get("quiet_hours")
    customer, staff = record.get("customer"), record.get("staff")
    return NotificationRules(
        sender=sender and Sender(address=sender["email"], name=sender["name"], reply_to=sender.get("reply_to")),
        languages=tuple(record.get("languages", DEFAULT_RULES.languages)),
        quiet_hours=None if hours is None else stored_quiet_hours(hours),
        customer=CUSTOMER_BY_DEFAULT if customer is None else stored_audience(customer),
        staff=STAFF_BY_DEFAULT if staff is None else stored_audience(staff),
        templates=stored_templates(record.get("templates", {})),
    )
