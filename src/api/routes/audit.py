"""Operations on the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.parameters import Cursor, PageLimit
from api.schemas.audit import AUDIT_EXAMPLE, AuditEntriesAnswer, audit_answer
from api.schemas.fields import Text
from catalogue.model.document_fields import ExactInstant

router = APIRouter(tags=["Access"], route_class=RepeatableRoute)
_MOST_CHARACTERS = 254
"""Of what is looked for: as long as an e-mail address, which finds nothing, as the log has none."""


@router.get(
    "/v1/audit",
    operation_id="listAuditEntries",
    summary="Read the audit log",
    responses=merge(
        success(200, AuditEntriesAnswer, "A page of the log.", {"data": [AUDIT_EXAMPLE], "next_cursor": None}),
        refusals(),
    ),
)
async def list_audit_entries(  # noqa: PLR0917 - one argument per part of the request
    services: ServicesOf,
    caller: Permitted,
    subject: Annotated[
        Text | None,
        Query(max_length=_MOST_CHARACTERS, description="The id of what it was done to, such as `apt_…`."),
    ] = None,
    actor: Annotated[
        Text | None, Query(max_length=_MOST_CHARACTERS, description="The id of who did it, such as `key_…`.")
    ] = None,
    since: Annotated[ExactInstant | None, Query(alias="from", description="At this instant or later.")] = None,
    until: Annotated[ExactInstant | None, Query(alias="to", description="Before this instant.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """List who changed what, and who read whose personal data, the latest first. Entries are never changed or deleted.

    An entry has ids and names of fields, never what they say, so that nobody who was erased can be found in it.
    """
    page = await services.audit.find(
        caller.operation, subject=subject, actor=actor, since=since, until=until, limit=limit, cursor=cursor
    )
    return answer({"data": [audit_answer(entry) for entry in page.data], "next_cursor": page.next_cursor})
