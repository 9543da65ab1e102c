"""`holdfast tasks …`: what is due, and what an operator does about tasks that were parked."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer

from cli.console import MISUSED, REFUSED, load_settings, note, refusals
from cli.session import run_with_services
from tasks.model import ParkedTask
from tasks.service import TaskService

application = typer.Typer(help="Tasks: parked ones, and those that are due.", no_args_is_help=True)

_Ids = Annotated[list[int] | None, typer.Argument(help="Numbers of tasks, as the list has them.")]
_Kind = Annotated[str | None, typer.Option(help="All parked tasks of this kind, such as webhooks.deliver.")]


@application.command("list")
def list_tasks(
    *,
    due: Annotated[bool, typer.Option("--due", help="Those that are due, in place of the parked ones.")] = False,
    kind: Annotated[str | None, typer.Option(help="Of this kind alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the tasks that were parked after their last attempt, the longest due first; at most 1,000."""
    with refusals():
        found = run_with_services(load_settings(), lambda services: services.tasks.find(kind=kind, parked=not due))
    for task in found:
        typer.echo(json.dumps(_members(task)) if as_json else _line(task))
    if not found and not as_json:
        note("No task is due." if due else "No task is parked.")


@application.command()
def retry(ids: _Ids = None, *, kind: _Kind = None) -> None:
    """Let parked tasks be done at once, as if they had never been tried."""
    count = _act(ids or [], kind, lambda tasks: tasks.retry(ids or [], kind=kind))
    typer.echo(f"{count} {'task is' if count == 1 else 'tasks are'} due now.")


@application.command()
def drop(ids: _Ids = None, *, kind: _Kind = None) -> None:
    """Delete parked tasks. What they were for is not done."""
    count = _act(ids or [], kind, lambda tasks: tasks.drop(ids or [], kind=kind))
    typer.echo(f"{count} {'task was' if count == 1 else 'tasks were'} deleted.")


def _act(ids: Sequence[int], kind: str | None, action: Callable[[TaskService], Awaitable[int]]) -> int:
    if not ids and kind is None:
        note("holdfast: name the tasks by their numbers, or all of a kind with --kind")
        raise typer.Exit(MISUSED)
    with refusals():
        count = run_with_services(load_settings(), lambda services: action(services.tasks))
    if not count:
        note("holdfast: no such task is parked; holdfast tasks list shows those that are")
        raise typer.Exit(REFUSED)
    return count


def _line(task: ParkedTask) -> str:
    state = f"parked {task.parked_at:%Y-%m-%d %H:%M}" if task.parked_at else f"due {task.due_at:%Y-%m-%d %H:%M}"
    error = f"  {task.last_error}" if task.last_error else ""
    return f"{task.id}  {task.kind}  {task.subject}  business {task.tenant_id}  attempts {task.attempt}  {state}{error}"


def _members(task: ParkedTask) -> dict[str, object]:
    return {
        "id": task.id,
        "kind": task.kind,
        "subject": task.subject,
        "business": str(task.tenant_id),
        "attempts": task.attempt,
        "due_at": task.due_at.isoformat(),
        "parked_at": None if task.parked_at is None else task.parked_at.isoformat(),
        "last_error": task.last_error,
    }
