"""Rule on appointments that wait for the business."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from catalogue.limits import MAX_ADVANCE_MINUTES
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import RuleCodec, from_record, record_of

DEFAULT_APPROVAL_MINUTES: Final = 1440
"""A day: a customer who asks in the evening has an answer by the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Wait of appointments until the business approves them, with an end."""

    within_minutes: int | None = None
    """Minutes after the booking; None: DEFAULT_APPROVAL_MINUTES. At the latest when the visit starts."""

    @property
    def minutes(self) -> int:
        """The longest wait of an appointment."""
        return DEFAULT_APPROVAL_MINUTES if self.within_minutes is None else self.within_minutes


class ApprovalDocument(Document):
    """Longest wait of an appointment for approval."""

    within_minutes: Annotated[int, Field(ge=1, le=MAX_ADVANCE_MINUTES)]


def _one_approval(value: object, handler: ValidatorFunctionWrapHandler) -> bool | ApprovalDocument:
    """Validate the form that the value has: of a union, Pydantic reports the faults in each of its forms."""
    if isinstance(value, Mapping):
        return ApprovalDocument.model_validate(value)
    if not isinstance(value, bool | ApprovalDocument):
        detail = "must be true, false, or an object with within_minutes"
        raise ValueError(detail)  # noqa: TRY004 - Pydantic reports ValueError only
    approval: bool | ApprovalDocument = handler(value)
    return approval


ApprovalRule = Annotated[
    bool | ApprovalDocument,
    WrapValidator(_one_approval),
    Field(description="Whether appointments wait to be approved; true: for 1440 minutes at most."),
]


def _desired(entry: bool | ApprovalDocument) -> Approval | None:  # noqa: FBT001 - the document's own form
    if isinstance(entry, ApprovalDocument):
        return Approval(within_minutes=entry.within_minutes)
    return Approval() if entry else None


def _document(approval: Approval | None) -> bool | JsonObject:
    if approval is None or approval.within_minutes is None:
        return approval is not None
    return {"within_minutes": approval.within_minutes}


def _stored(record: bool | Mapping[str, object]) -> Approval | None:  # noqa: FBT001 - the form of version 0.1
    if isinstance(record, Mapping):
        return from_record(Approval, record)
    return Approval() if record else None


def _record(approval: Approval | None) -> bool | JsonObject:
    if approval is None or approval.within_minutes is None:
        return approval is not None
    return record_of(approval)


APPROVAL: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=_record)
