"""Rules that one level sets: a business, a service or a resource."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from pydantic import Field

from catalogue.model.document_fields import AdvanceMinutes, DailyLimit
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.approval import APPROVAL, Approval, ApprovalRule
from catalogue.model.rules.cancellation import CANCELLATION, CancellationDocument, CancellationPolicy
from catalogue.model.rules.customer_limit import CUSTOMER_LIMIT, CustomerLimit, CustomerLimitDocument
from catalogue.model.rules.hold_life import HOLD_LIFE, HoldDocument, HoldLife
from catalogue.model.rules.release import RELEASE, Release, ReleaseDocument
from catalogue.model.rules.require import REQUIRE, ContactDetail, RequireRule
from catalogue.model.rules.reschedule import RESCHEDULE, RescheduleDocument, ReschedulePolicy
from catalogue.model.rules.rule import PLAIN, UNSET, RuleCodec, Unset, translated_by
from catalogue.model.rules.verification import VERIFY, Verification, VerificationName, VerifyRule
from catalogue.model.rules.window import WINDOW, Window, WindowDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules one level sets: business, service or, nearest of all, resource. The nearer level wins, rule by rule.

    A resource sets none of `hold`, `customer_limit`, `require` and `verify`: those apply before, or whichever, resource
    serves.
    """

    lead_time_minutes: int | Unset = field(default=UNSET, metadata=translated_by(PLAIN))
    window: Window | None | Unset = field(default=UNSET, metadata=translated_by(WINDOW))
    release: Release | None | Unset = field(default=UNSET, metadata=translated_by(RELEASE))
    daily_limit: int | None | Unset = field(default=UNSET, metadata=translated_by(PLAIN))
    """For a resource: its own visits. For a service: the service's. For a business: those of each service."""
    customer_limit: CustomerLimit | None | Unset = field(default=UNSET, metadata=translated_by(CUSTOMER_LIMIT))
    buffers_inside_hours: bool | Unset = field(default=UNSET, metadata=translated_by(PLAIN))
    hold: HoldLife | Unset = field(default=UNSET, metadata=translated_by(HOLD_LIFE))
    cancellation: CancellationPolicy | Unset = field(default=UNSET, metadata=translated_by(CANCELLATION))
    reschedule: ReschedulePolicy | Unset = field(default=UNSET, metadata=translated_by(RESCHEDULE))
    approval: Approval | None | Unset = field(default=UNSET, metadata=translated_by(APPROVAL))
    require: tuple[ContactDetail, ...] | Unset = field(default=UNSET, metadata=translated_by(REQUIRE))
    verify: Verification | None | Unset = field(default=UNSET, metadata=translated_by(VERIFY))


class RulesDocument(Document):
    """The rules of a service, or the defaults of a business.

    A rule that is absent is not set at this level; null is "no limit".
    """

    lead_time_minutes: AdvanceMinutes = 0
    window: WindowDocument | None = None
    release: ReleaseDocument | None = None
    daily_limit: DailyLimit | None = None
    customer_limit: CustomerLimitDocument | None = None
    buffers_inside_hours: bool = False
    hold: HoldDocument = HoldDocument()
    cancellation: CancellationDocument = CancellationDocument()
    reschedule: RescheduleDocument = RescheduleDocument()
    approval: ApprovalRule = False
    require: RequireRule = Field(default=[])
    verify: VerifyRule = VerificationName.NONE


class ResourceRulesDocument(Document):
    """The rules of one resource: nearer than those of service and business."""

    lead_time_minutes: AdvanceMinutes = 0
    window: WindowDocument | None = None
    release: ReleaseDocument | None = None
    daily_limit: DailyLimit | None = None
    buffers_inside_hours: bool = False
    cancellation: CancellationDocument = CancellationDocument()
    reschedule: RescheduleDocument = RescheduleDocument()
    approval: ApprovalRule = False


def desired_rules(entry: RulesDocument | ResourceRulesDocument) -> Rules:
    """The rules that the document names."""
    codecs = _codecs()
    return Rules(**{name: codecs[name].desired(getattr(entry, name)) for name in entry.model_fields_set})


def rules_document(rules: Rules) -> JsonObject:
    """The rules that are set, as a document."""
    return {name: codec.document(value) for name, codec, value in _set_rules(rules)}


def rules_record(rules: Rules) -> JsonObject:
    """The rules that are set, as the record of their row."""
    return {name: codec.record(value) for name, codec, value in _set_rules(rules)}


def stored_rules(record: Mapping[str, object]) -> Rules:
    """The rules in the record of a row; those that only a newer version knows are passed over."""
    return Rules(**{name: codec.stored(record[name]) for name, codec in _codecs().items() if name in record})


def overlay(near: Rules, far: Rules) -> Rules:
    """The rules of two levels together: those of the nearer level, else those of the farther."""
    both: dict[str, Any] = {name: value for level in (far, near) for name, _, value in _set_rules(level)}
    return Rules(**both)


def _set_rules(rules: Rules) -> Iterator[tuple[str, RuleCodec, object]]:
    for name, codec in _codecs().items():
        value = getattr(rules, name)
        if value is not UNSET:
            yield name, codec, value


@cache
def _codecs() -> Mapping[str, RuleCodec]:
    return {member.name: member.metadata["codec"] for member in fields(Rules)}
