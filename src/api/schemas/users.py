"""Users and their sessions in requests and answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from access.roles import Role
from access.sessions.model import SessionTokens
from access.users.model import User
from access.users.service import UserChange, UserDetails
from api.schemas.fields import Reference, RequestModel, storable
from catalogue.model.catalogue import Catalogue
from catalogue.model.document_fields import Title
from catalogue.model.rules.rule import UNSET
from kernel.email_address import email_address

USER_EXAMPLE: Final[JsonDict] = {
    "id": "usr_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "email": "noa@fade.example",
    "name": "Noa",
    "role": "staff",
    "resource": "noa",
    "locale": "he",
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
_BUSINESS: Final = "5b6b5d0c-5f0e-4b7e-9d0f-6b0f3f0c7a11"
_CODE: Final = "hfc_5b6b5d0c5f0e4b7e9d0f6b0f3f0c7a11MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo"
_REFRESH_EXAMPLE: Final = (
    "hfr_5b6b5d0c5f0e4b7e9d0f6b0f3f0c7a1101kbc9x3v4h5m6n7p8q9r0s1t200000000MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo"
)
SESSION_EXAMPLE: Final[JsonDict] = {
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6InNna18…",
    "expires_at": "2026-11-30T15:16:12Z",
    "refresh_token": _REFRESH_EXAMPLE,
    "user": {"id": "usr_01kbc9x3v4h5m6n7p8q9r0s1t2", "name": "Noa", "role": "staff"},
    "business": {"id": _BUSINESS, "name": "Fade & Co"},
}
_MOST_EMAIL_CHARACTERS: Final = 320
_MOST_CREDENTIAL_CHARACTERS: Final = 200

_Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=_MOST_EMAIL_CHARACTERS),
    AfterValidator(storable),
    AfterValidator(email_address),
    Field(json_schema_extra={"format": "idn-email"}),
]
_Role = Annotated[
    Role,
    Field(
        strict=False,
        description="`owner`, `manager` or `staff`.",
        json_schema_extra={"enum": ["owner", "manager", "staff"]},
    ),
]
_Locale = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$"),
    Field(description="Language of what is written to them, such as `he` or `en-GB`."),
]
_Resource = Annotated[
    Reference, Field(description="Id or key of the resource whose calendar is theirs. Staff must have one.")
]
_Credential = Annotated[str, StringConstraints(min_length=1, max_length=_MOST_CREDENTIAL_CHARACTERS)]


class CreateUser(RequestModel):
    """A user to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "noa@fade.example", "name": "Noa", "role": "staff", "resource": "noa"}]
        }
    )

    email: _Email
    name: Title
    role: _Role
    resource: _Resource | None = None
    locale: _Locale | None = None

    def details(self) -> UserDetails:
        """The user as the use case takes it."""
        return UserDetails(email=self.email, name=self.name, role=self.role, resource=self.resource, locale=self.locale)


class ChangeUser(RequestModel):
    """Members to change; the rest stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "manager"}]})

    email: Annotated[_Email | None, Field(description="The new address. Links to the former one sign nobody in.")] = (
        None
    )
    name: Annotated[Title | None, Field(description="The new name.")] = None
    role: Annotated[_Role | None, Field(description="The new role, for every session within a second.")] = None
    resource: Annotated[_Resource | None, Field(description="The new resource; null: none.")] = None
    locale: Annotated[_Locale | None, Field(description="The new locale; null: that of the business.")] = None

    def change(self) -> UserChange:
        """The change as the use case takes it."""
        sent = self.model_fields_set
        return UserChange(
            email=UNSET if self.email is None else self.email,
            name=UNSET if self.name is None else self.name,
            role=UNSET if self.role is None else self.role,
            resource=self.resource if "resource" in sent else UNSET,
            locale=self.locale if "locale" in sent else UNSET,
        )


class RequestSignIn(RequestModel):
    """The address of a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "noa@fade.example"}]})

    email: _Email


class CreateSession(RequestModel):
    """The code of a sign-in link: what stands behind its #."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": _CODE}]})

    code: _Credential


class RefreshSession(RequestModel):
    """The last refresh token of a session."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": _REFRESH_EXAMPLE}]})

    refresh_token: _Credential


@with_config(ConfigDict(json_schema_extra={"examples": [USER_EXAMPLE]}))
class UserAnswer(TypedDict):
    """A person who works with the business, and signs in."""

    id: str
    email: str
    name: str
    role: Annotated[Role, Field(json_schema_extra={"enum": ["owner", "manager", "staff"]})]
    resource: Annotated[str | None, Field(description="Key of the resource whose calendar is theirs.")]
    locale: str | None
    version: Annotated[int, Field(description="Counts the changes; the ETag.")]
    created_at: datetime
    updated_at: datetime


class UsersAnswer(TypedDict):
    """All users, the first one first."""

    data: list[UserAnswer]


class SessionUserAnswer(TypedDict):
    """The user who is signed in."""

    id: str
    name: str
    role: Role


class SessionBusinessAnswer(TypedDict):
    """The business that the user is signed in to."""

    id: str
    name: str


@with_config(ConfigDict(json_schema_extra={"examples": [SESSION_EXAMPLE]}))
class SessionAnswer(TypedDict):
    """Credentials of a signed-in user."""

    access_token: Annotated[str, Field(description="Send it as `Authorization: Bearer …`.")]
    expires_at: Annotated[datetime, Field(description="The end of the access token. Refresh the session before.")]
    refresh_token: Annotated[str, Field(description="Gets the next tokens, once.")]
    user: SessionUserAnswer
    business: SessionBusinessAnswer


def user_answer(user: User, catalogue: Catalogue) -> UserAnswer:
    """The answer that describes the user."""
    resource = None if user.resource_id is None else catalogue.resource_by_id.get(user.resource_id)
    return {
        "id": user.id,
        "email": user.contact.email,
        "name": user.contact.name,
        "role": user.role,
        # One that is archived, or just made by another process, is named by its id.
        "resource": user.resource_id if resource is None else resource.key,
        "locale": user.locale,
        "version": user.version,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def session_answer(tokens: SessionTokens) -> SessionAnswer:
    """The answer that hands tokens over."""
    return {
        "access_token": tokens.access_token,
        "expires_at": tokens.expires_at,
        "refresh_token": tokens.refresh_token,
        "user": {"id": tokens.user.id, "name": tokens.user.contact.name, "role": tokens.user.role},
        "business": {"id": str(tokens.tenant_id), "name": tokens.business},
    }
