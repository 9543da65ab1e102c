"""Every operation that changes something has its step in the walk that looks for its entry, or a reason for none."""

import re
from pathlib import Path
from typing import Final

import pytest

from access.contacts import code_message
from access.sessions import sign_in_mail
from businesses.deletion import tasks as deletion_tasks
from customers import tasks as customer_tasks
from notifications import tasks as notification_tasks
from tests.support import audited_commands
from tests.support.application import application
from tests.support.audited_operations import STEPS, WITHOUT_ENTRY, changing_operations
from webhooks import tasks as webhook_tasks

_SOURCE: Final = Path(__file__).resolve().parents[2] / "src"


def test_every_changing_operation_is_walked_or_has_a_reason_to_leave_no_entry() -> None:
    assert {*STEPS, *WITHOUT_ENTRY} == changing_operations(application().openapi())
    assert STEPS.keys().isdisjoint(WITHOUT_ENTRY)


def test_every_command_has_an_action_or_a_reason_to_leave_no_entry() -> None:
    known = {*audited_commands.COMMANDS, *audited_commands.COMMANDS_WITHOUT_ENTRY}

    assert known == audited_commands.commands()
    assert audited_commands.COMMANDS.keys().isdisjoint(audited_commands.COMMANDS_WITHOUT_ENTRY)


def test_every_loop_has_an_action_or_a_reason_to_leave_no_entry() -> None:
    loops = set(re.findall(r'        loop\("(\w+)"', (_SOURCE / "bootstrap" / "loops.py").read_text()))

    assert {*audited_commands.LOOPS, *audited_commands.LOOPS_WITHOUT_ENTRY} == loops


def test_every_kind_of_task_has_an_action() -> None:
    kinds = {
        webhook_tasks.KIND, sign_in_mail.KIND, customer_tasks.KIND, customer_tasks.RETENTION_KIND, deletion_tasks.KIND,
        code_message.KIND, notification_tasks.PLAN_KIND, notification_tasks.SEND_KIND, notification_tasks.RETAIN_KIND,
    }  # fmt: skip
    made = "".join(path.read_text() for path in _SOURCE.rglob("*.py")).count(": Final = TaskKind(")

    assert {*audited_commands.TASKS, *audited_commands.TASKS_WITHOUT_ENTRY} == {kind.name for kind in kinds}
    assert made == len(kinds)


@pytest.mark.parametrize(
    "action",
    sorted({*audited_commands.COMMANDS.values(), *audited_commands.LOOPS.values(), *audited_commands.TASKS.values()}),
)
def test_action_is_named_where_it_is_done_and_in_the_reference(action: str) -> None:
    sources = "".join(path.read_text() for path in _SOURCE.rglob("*.py"))
    reference = (_SOURCE.parent / "docs" / "reference" / "audit-log.md").read_text()

    assert f'"{action}"' in sources
    assert f"`{action}`" in reference
