"""Every command and every loop: what it leaves in the audit log, or the reason why it leaves nothing."""

from collections.abc import Iterator, Mapping
from typing import Final

import typer

from cli.main import application

COMMANDS: Final[Mapping[str, str]] = {
    "apply": "applyBusiness",
    "demo": "createBusiness",
    "tenant create": "createBusiness",
    "business suspend": "changeBusinessAccount",
    "business resume": "changeBusinessAccount",
    "business quota": "changeBusinessAccount",
    "business delete": "deleteBusiness",
    "business rotate-tokens": "rotateAppointmentTokens",
    "key create": "createApiKey",
    "key revoke": "revokeApiKey",
    "user add": "makeSignInLink",
    "keys rotate": "rotateKeys",
    "keys give-up": "giveUpMasterKey",
    "secrets rotate": "rotateKeys",
    "tasks retry": "retryTasks",
    "tasks drop": "dropTasks",
    "restore-erasures": "restoreErasures",
}
"""Actions of commands that change what a business has."""
COMMANDS_WITHOUT_ENTRY: Final[Mapping[str, str]] = {
    "serve": "requests, loops and tasks each have their own entries",
    "worker": "loops and tasks each have their own entries",
    "migrate": "changes tables, and no data of a business",
    "reconcile": "repairs Redis, which is filled from Postgres; Postgres is only compared",
    "audit": "the former name of reconcile",
    "bench": "works on stores of its own",
    "listen": "reads events, which name nobody",
    "audit-log verify": "reads the log, and changes nothing",
    "business list": "reads names and settings of businesses, and changes nothing",
    "tasks list": "reads kinds, ids and times of tasks, and changes nothing",
}
LOOPS: Final[Mapping[str, str]] = {
    "approvals": "expireAppointment",
    "archived_objects": "deleteArchivedObjects",
}
"""Actions of loops that change what a business has."""
LOOPS_WITHOUT_ENTRY: Final[Mapping[str, str]] = {
    "election": "decides which process works",
    "tasks": "each kind of task has a line of its own, below",
    "task_lag": "measures",
    "expiry": "holds are in Redis, and none becomes an appointment by it",
    "relay": "moves events that were written with their entries",
    "audit_links": "chains entries",
    "idempotency_keys": "deletes remembered answers of a day ago; what they answered has its entries",
    "plain_data": "seals what is there; nothing that anybody reads is another afterwards",
    "old_events": "deletes events of long ago; what they told of has its entries",
    "hold_sweep": "holds are in Redis",
    "suspensions": "measures",
    "reconciliation": "repairs Redis; Postgres is only compared",
}
TASKS: Final[Mapping[str, str]] = {
    "webhooks.deliver": "sendFullPayload",
    "access.sign_in_mail": "makeSignInLink",
    "customers.erase": "finishErasure",
    "customers.retain": "eraseCustomer",
}
"""Actions of tasks, by their kinds."""
TASKS_WITHOUT_ENTRY: Final[Mapping[str, str]] = {
    "access.code_message": "sends a code that a visitor asked for, and changes nothing of the business",
    "notifications.plan": "plans messages that follow from changes with entries of their own",
    "notifications.send": "sends a message, and keeps what came of it in its row",
    "notifications.retain": "deletes rows of long ago, which name nobody",
    "businesses.delete": "finishes a deletion that has its entry; the audit log is all that is left of the business",
}


def commands() -> set[str]:
    """All commands, by the words that run them."""
    return set(_commands(typer.main.get_command(application), ()))


def _commands(command: object, words: tuple[str, ...]) -> Iterator[str]:
    inner: Mapping[str, object] | None = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words)
        return
    for name, one in inner.items():
        yield from _commands(one, (*words, name))
