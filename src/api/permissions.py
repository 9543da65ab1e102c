"""Permissions: the kinds of caller that an operation admits."""

from api.authentication import Caller, CallerKind
from kernel.errors import Forbidden


def require_secret(caller: Caller) -> None:
    """Admit a back end. Raises Forbidden."""
    if caller.kind is not CallerKind.SECRET:
        raise Forbidden("This requires a secret key. Keep that on your back end.")


def require_widget(caller: Caller) -> None:
    """Admit a back end or a visitor's browser. Raises Forbidden."""
    if caller.kind is CallerKind.TOKEN:
        raise Forbidden("An appointment token gives access to its appointment only. Use a publishable key for this.")


def require_holder(caller: Caller, appointment_id: str) -> None:
    """Admit a back end, or the bearer of that appointment's token. Raises Forbidden."""
    if caller.kind is not CallerKind.SECRET and caller.appointment_id != appointment_id:
        raise Forbidden("Send this appointment's token, or use a secret key on your back end.")
