"""Views of what events are about: the answers that a secret key would get."""

from collections.abc import Mapping

from api.schemas.appointments import appointment_answer
from bootstrap.context import Context
from bootstrap.services import build_services
from kernel.errors import NotFound
from kernel.ids import AppointmentId, TenantId, is_id
from kernel.operation import by_system
from webhooks.model import SubjectView

_APPOINTMENT = "apt_"


def build_subject_view(context: Context) -> SubjectView:
    """The view on the pools of a context."""
    services = build_services(context)

    async def view(tenant_id: TenantId, subject: str) -> Mapping[str, object] | None:
        """Read an appointment as it is now; None for what has no view of its own, or is gone."""
        if not subject.startswith(_APPOINTMENT) or not is_id(subject):
            return None
        try:
            operation = by_system(tenant_id, "webhooks", "sendFullPayload")
            appointment = await services.appointments.get(operation, AppointmentId(subject))
        except NotFound:
            return None
        catalogue = await services.snapshots.catalogue(tenant_id, naming=appointment.names)
        return dict(appointment_answer(appointment, catalogue))

    return view
