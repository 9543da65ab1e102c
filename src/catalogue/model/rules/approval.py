"""Rule on appointments that wait for the business."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from catalogue.limits import MAX_ADVANCE_MINUTES
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import RuleCodec, from_record

DEFAULT_APPROVAL_MINUTES: Final = 1440
"""A day: a customer who asks in the evening has an answer by the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Wait of appointments until the business approves them, with an end."""

    within_minutes: int | None = None
    """Minutes after the booking; None: DEFAULT_APPROVAL_MINUTES. At the latest when the visit starts."""
    on_move: bool = True
    """True: an approved appointment that its customer moves has to be approved again."""

    @property
    def minutes(self) -> int:
        """The longest wait of an appointment."""
        return DEFAULT_APPROVAL_MINUTES if self.within_minutes is None else self.within_minutes


class ApprovalDocument(Document):
    """Longest wait of an appointment for approval, and whether a move of its customer makes it wait again."""

    within_minutes: Annotated[int, Field(ge=1, le=MAX_ADVANCE_MINUTES)] = DEFAULT_APPROVAL_MINUTES
    on_move: bool = True


def _one_approval(value: object, handler: ValidatorFunctionWrapHandler) -> bool | ApprovalDocument:
    """Validate the form that the value has: of a union, Pydantic reports the faults in each of its forms."""
    if isinstance(value, Mapping) and value:
        return ApprovalDocument.model_validate(value)
    if not isinstance(value, bool | ApprovalDocument):
        detail = "must be true, false, or an object with within_minutes or on_move"
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
        within_minutes = entry.within_minutes if "within_minutes" in entry.model_fields_set else None
        return Approval(within_minutes=within_minutes, on_move=entry.on_move)
    return Approval() if entry else None


def _document(approval: Approval | None) -> bool | JsonObject:
    if approval is None:
        return False
    members: dict[str, object] = {}
    if approval.within_minutes is not None:
        members["within_minutes"] = approval.within_minutes
    if not approval.on_move:
        members["on_move"] = False
    return members or True


def _stored(record: bool | Mapping[str, object]) -> Approval | None:  # noqa: FBT001 - the form of version 0.1
    if isinstance(record, Mapping):
        return from_record(Approval, record)
    return Approval() if record else None


APPROVAL: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=_document)
