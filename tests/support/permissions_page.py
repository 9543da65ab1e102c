"""The page on permissions, from their table: `python -m tests.support.permissions_page` writes it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from access.permissions import PERMISSIONS, Reach
from access.roles import Role
from tests.support.application import application

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "permissions.md"
_SECTION: Final = "\n## Operations of"
_CELLS: Final = {Reach.ALL: "all", Reach.OWN: "own", Reach.NO: ""}


def page() -> str:
    """The page as it is down to the first table, then a table for each tag of the OpenAPI document."""
    document = application().openapi()
    beginning = PAGE.read_text().partition(_SECTION)[0].rstrip()
    lines = [beginning, "", *(line for tag in document["tags"] for line in _section(document, tag["name"]))]
    return "\n".join(lines).rstrip() + "\n"


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and description of each operation of the document that has a caller with a role."""
    for path, by_method in document["paths"].items():
        for method, operation in by_method.items():
            if "x-roles" in operation:
                yield method.upper(), path, operation


def _section(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    rows = [_row(*one) for one in operations(document) if one[2]["tags"] == [tag]]
    if rows:
        yield f"## Operations of {tag.lower()}"
        yield ""
        yield f"| Request | Operation | {' | '.join(Role)} |"
        yield f"| --- | --- |{' --- |' * len(Role)}"
        yield from rows
        yield ""


def _row(method: str, path: str, operation: Mapping[str, Any]) -> str:
    operation_id = operation["operationId"]
    cells = (_CELLS[PERMISSIONS[operation_id][role]] for role in Role)
    return f"| `{method} {path}` | {operation_id} | {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
