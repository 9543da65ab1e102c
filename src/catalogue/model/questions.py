"""Questions of a service, which its customers answer when they book."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_QUESTION_OPTIONS, MAX_QUESTIONS
from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import Key, Title
from catalogue.model.documents import Document, FaultsError, JsonObject, present, refuse_if
from kernel.errors import FieldError


class QuestionKind(StrEnum):
    """Forms of an answer."""

    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that the business wants to know about a visit."""

    key: str
    label: str
    type: QuestionKind = QuestionKind.TEXT
    options: tuple[str, ...] = ()
    """Of a choice: the answers there are."""
    required: bool = False


NO_QUESTIONS: Final[tuple[Question, ...]] = ()


class QuestionDocument(Document):
    """Something that the business wants to know about a visit."""

    key: Key = Field(description="Names the answer; once for each service.")
    label: Title = Field(description="The question, as customers read it.")
    type: Annotated[QuestionKind, Field(strict=False)] = QuestionKind.TEXT
    options: Annotated[list[Title], Field(max_length=MAX_QUESTION_OPTIONS, description="Of a choice: each once.")] = (
        Field(default=[])
    )
    required: bool = Field(default=False, description="True: no booking without an answer.")

    @model_validator(mode="after")
    def _has_its_options(self) -> Self:
        is_choice = self.type is QuestionKind.CHOICE
        refuse_if(
            (is_choice and not self.options, "options", "a choice needs options to choose from"),
            (bool(self.options) and not is_choice, "options", "belong to a question of the type choice"),
            (len(set(self.options)) < len(self.options), "options", "must differ from each other"),
        )
        return self


Questions = Annotated[list[QuestionDocument], Field(max_length=MAX_QUESTIONS)]
QuestionsRecord = Annotated[
    Iterable[Mapping[str, object]],
    ColumnDetails(default="'[]'::jsonb", comment="[{key, label, type, options, required}, …]"),
]


def refuse_repeated(questions: Iterable[QuestionDocument]) -> None:
    """Raise FaultsError for each question whose key an earlier one has."""
    seen: set[str] = set()
    errors = []
    for index, question in enumerate(questions):
        if question.key in seen:
            errors.append(FieldError(f"questions[{index}].key", f'another question has the key "{question.key}"'))
        seen.add(question.key)
    if errors:
        raise FaultsError(errors)


def desired_questions(entries: Iterable[QuestionDocument]) -> tuple[Question, ...]:
    """The questions in a document."""
    return tuple(
        Question(
            key=entry.key,
            label=entry.label,
            type=entry.type,
            options=tuple(entry.options),
            required=entry.required,
        )
        for entry in entries
    )


def question_records(questions: Iterable[Question]) -> list[JsonObject]:
    """The questions as they are stored, and as part of a document."""
    return [
        {
            "key": question.key,
            "label": question.label,
            "type": question.type.value,
            **present(options=list(question.options) or None),
            "required": question.required,
        }
        for question in questions
    ]


def stored_questions(records: Iterable[Mapping[str, Any]]) -> tuple[Question, ...]:
    """The questions in a row."""
    return tuple(
        Question(
            key=record["key"],
            label=record["label"],
            type=QuestionKind(record["type"]),
            options=tuple(record.get("options", ())),
            required=record["required"],
        )
        for record in records
    )
