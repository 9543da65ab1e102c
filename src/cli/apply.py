"""`holdfast apply FILE`."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
import yaml

from bootstrap.services import Services
from catalogue.diff import Change
from catalogue.document_service import AppliedDocument
from catalogue.model.rules.rule import UNSET
from cli.console import MISUSED, REFUSED, load_settings, note, refusals
from cli.session import run_with_services
from kernel.errors import Unauthorized, ValidationFailed
from kernel.ids import TenantId
from kernel.operation import by_system
from kernel.spans import to_rfc3339

# A field, or the place in a list.
_STEP: Final = re.compile(r"[^.\[\]]+")


def apply(
    file: Annotated[Path, typer.Argument(help="The business as YAML or JSON.", exists=True, dir_okay=False)],
    *,
    tenant: Annotated[UUID | None, typer.Option(help="The id of the business.")] = None,
    key: Annotated[
        str | None, typer.Option(help="A secret key of the business, instead of its id.", envvar="HOLDFAST_KEY")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would change.")] = False,
) -> None:
    """Make a business what a file says, all or nothing, and list what changed."""
    if (tenant is None) == (key is None):
        note("Name the business: either --tenant with its id, or --key with one of its secret keys.")
        raise typer.Exit(MISUSED)
    text = text_of(file)
    document = document_of(file, text)

    async def act(services: Services) -> AppliedDocument:
        tenant_id = TenantId(tenant) if tenant is not None else await _tenant_of(services, key or "")
        operation = by_system(tenant_id, "command-line", "applyBusiness")
        return await services.catalogue.apply(operation, document, dry_run=dry_run)

    with refusals(), _faults_by_line(file, text):
        applied = run_with_services(load_settings(), act)
    for change in applied.changes:
        typer.echo(describe(change))
        for value in change.values:
            typer.echo(f"    {value.pointer}: {_value(value.old)} -> {_value(value.new)}")
    # Who applies the same file again has read them.
    for warning in applied.warnings if applied.changes else ():
        note(f"{file}:{line_of(text, warning.pointer)}: warning: {warning.pointer}: {warning.detail}")
    note(f"{len(applied.changes)} {'would change' if dry_run else 'changed'}.")
    for appointment in applied.affected.listed:
        note(
            f"no longer fits: {appointment.id} at {to_rfc3339(appointment.start)} ({', '.join(appointment.resources)})"
        )
    if applied.affected.total > len(applied.affected.listed):
        note(f"no longer fit: {applied.affected.total} in all")


@contextmanager
def _faults_by_line(file: Path, text: str) -> Iterator[None]:
    """Print each fault of the document on a line of its own, with the line of the file where it is."""
    try:
        yield
    except ValidationFailed as refusal:
        for error in refusal.errors:
            note(f"{file}:{line_of(text, error.pointer)}: {error.pointer}: {error.detail}")
        faults = "fault" if len(refusal.errors) == 1 else "faults"
        note(f"{refusal.code}: {len(refusal.errors)} {faults} in {file}; nothing was changed.")
        raise typer.Exit(REFUSED) from None


def line_of(text: str, pointer: str) -> int:
    """The line, counted from 1, of the deepest part of a path such as `services[2].price` that YAML has."""
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 1
    for step in _STEP.findall(pointer):
        marked, node = _child(node, step)
        if marked is None:
            break
        line = marked.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, step: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The node that marks the place of a step, and the node of its value; None where there is no such step."""
    if isinstance(node, yaml.SequenceNode) and step.isdecimal() and int(step) < len(node.value):
        return node.value[int(step)], node.value[int(step)]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key, value
    return None, None


def text_of(file: Path) -> str:
    """The text of a file; ends the command where it has none."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        note(f"{file} is not YAML: {error}")
        raise typer.Exit(MISUSED) from None


def document_of(file: Path, text: str) -> dict[str, object]:
    """The document in the text of a YAML or JSON file; ends the command where there is none."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        note(f"{file}{_syntax_fault(error)}")
        raise typer.Exit(MISUSED) from None
    if not isinstance(document, dict):
        note(f"{file} holds no document with business, locations, resources and services.")
        raise typer.Exit(MISUSED)
    return document


def _syntax_fault(error: yaml.YAMLError) -> str:
    """The line of a file that is not YAML, and what is wrong with it; PyYAML says it in five lines."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f" is not YAML: {error}"
    mark = error.problem_mark
    hint = "Text that has a sign of YAML in it, such as ? or : or #, stands between quotes."
    return f":{mark.line + 1}: not YAML: {error.problem} at column {mark.column + 1}. {hint}"


def describe(change: Change) -> str:
    """One line about one change."""
    fields = f": {', '.join(change.fields)}" if change.fields else ""
    return f"{change.action:8}{change.kind:10}{change.key}{fields}"


def _value(value: object) -> str:
    """A value of the document on one line."""
    return "(not set)" if value is UNSET else json.dumps(value, ensure_ascii=False)


async def _tenant_of(services: Services, key: str) -> TenantId:
    credential = await services.tenants.authenticate(key)
    if credential is None:
        detail = "The key opens no business: it is mistyped, or was revoked."
        raise Unauthorized(detail)
    return credential.tenant_id
