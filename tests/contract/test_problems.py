import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from api.problems import TABLE
from kernel.errors import DomainError
from tests.support.application import application, client

_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = (
    "access",
    "api",
    "availability",
    "bookings",
    "bootstrap",
    "catalogue",
    "holds",
    "kernel",
    "persistence",
)
_REFERENCE: Final = (_ROOT / "docs/reference/problems.md").read_text()
# Raised by whatever stands before the operations, or answered without any of them.
_NOBODYS: Final = {
    "headers_too_large", "malformed_request", "method_not_allowed", "preflight_refused", "stopping",
}  # fmt: skip


def _refusals() -> list[type[DomainError]]:
    """Every refusal of the engine, wherever it is defined."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    found: list[type[DomainError]] = []
    waiting = [DomainError]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found += subclasses
        waiting += subclasses
    return sorted(found, key=lambda refusal: refusal.__name__)


@cache
def _documented_codes() -> set[str]:
    document: dict[str, Any] = application().openapi()
    return {
        code
        for operations in document["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for code in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }


def _section(code: str) -> str:
    _, found, rest = _REFERENCE.partition(f"\n## `{code}`: {TABLE[code].status}\n")
    return found + rest.partition("\n## ")[0]


@pytest.mark.parametrize("refusal", _refusals(), ids=lambda refusal: refusal.__name__)
def test_refusal_has_a_row_in_the_table(refusal: type[DomainError]) -> None:
    code = refusal.code

    assert code in TABLE


@pytest.mark.parametrize("code", TABLE)
def test_code_has_its_section_in_the_reference(code: str) -> None:
    row = TABLE[code]

    section = _section(code)

    assert f"{row.title}. {row.meaning}\n" in section
    assert f"What to do: {row.remedy}\n" in section
    assert all(f"`{fact}`" in section for fact in row.facts)


def test_reference_has_no_section_without_a_code() -> None:
    headings = [line for line in _REFERENCE.splitlines() if line.startswith("## ")]

    assert len(headings) == len(TABLE)


@pytest.mark.parametrize("code", sorted(TABLE.keys() - _NOBODYS))
def test_code_is_documented_on_an_operation(code: str) -> None:
    documented = _documented_codes()

    assert code in documented


@pytest.mark.parametrize("code", TABLE)
async def test_type_of_a_problem_leads_to_its_description(code: str) -> None:
    async with client(application()) as http:
        response = await http.get(f"/problems/{code}")

    assert response.status_code == 200
    assert TABLE[code].remedy in response.text
