"""Answers of operations that have nothing to tell but the appointments they affect."""

from typing import Final

from starlette.responses import Response

from api.answers import answer, no_content
from api.openapi_responses import Responses, success
from api.schemas.affected import AFFECTED_EXAMPLE, AffectedListAnswer, affected_members
from catalogue.affected import AffectedAppointments

AFFECTED: Final[Responses] = success(
    200, AffectedListAnswer, "Done. Live appointments are affected: they stay, and are listed.", AFFECTED_EXAMPLE
)


def affected_answer(affected: AffectedAppointments) -> Response:
    """The list; an empty response where there is none."""
    return answer(affected_members(affected)) if affected.total else no_content()
