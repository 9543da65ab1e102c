"""Business documents for tests, and the catalogues they set up."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from catalogue.desired import DesiredCatalogue
from catalogue.model.business import Business
from catalogue.model.catalogue import Catalogue
from catalogue.reading import read_business
from kernel.ids import TenantId

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> dict[str, Any]:
    """The document of an example business."""
    return deepcopy(_read_example(name))


@cache
def _read_example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    return document


def small_document(**sections: object) -> dict[str, Any]:
    """One barber, one chair, one service that needs both; `sections` replace whole sections."""
    document = {
        "business": {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS"},
        "locations": [{"key": "main", "name": "Dizengoff 12"}],
        "resources": [
            {
                "key": "noa",
                "kind": "staff",
                "name": "Noa",
                "hours": [{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}],
            },
            {"key": "chair", "kind": "equipment", "name": "Chair"},
        ],
        "services": [
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 30,
                "requires": [{"role": "barber", "any_of": ["noa"]}, {"role": "seat", "kind": "equipment"}],
            }
        ],
    }
    return deepcopy(document) | sections


def empty_catalogue() -> Catalogue:
    """A business with nothing set up."""
    business = Business(id=TenantId(UUID(int=1)), name="New", timezone="UTC", currency="USD", token_secret=b"0" * 32)
    return Catalogue(business, (), (), ())


def desired_by(document: dict[str, Any], stored: Catalogue | None = None) -> DesiredCatalogue:
    """The catalogue that a document asks for."""
    stored = stored or empty_catalogue()
    return DesiredCatalogue.by_document(read_business(document, stored), stored)


def catalogue_of(document: dict[str, Any]) -> Catalogue:
    """The catalogue that a document sets up."""
    desired = desired_by(document)
    return Catalogue(desired.business, desired.locations, desired.resources, desired.services)
