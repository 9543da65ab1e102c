"""Search for one object of a catalogue by its name, and the refusal of one that none has."""

from collections.abc import Iterable

from catalogue.model.catalogue import Catalogue
from catalogue.model.objects import CatalogueObject, CollectionKind, objects_of
from catalogue.references import hint
from kernel.errors import NotFound, VersionConflict
from kernel.operation import Own


def find_object(kind: CollectionKind, name: str, catalogue: Catalogue, *, own: Own | None = None) -> CatalogueObject:
    """The object with that id or key, archived or not; with `own`, of a resource, if it is that. Raises NotFound."""
    items = [item for item in objects_of(kind, catalogue) if own is None or own.has_resource([item.id])]
    for item in items:
        if name in (item.id, item.key):
            return item
    raise unknown_object(kind, name, (item.key for item in items if not item.archived))


def unknown_object(kind: str, name: str, keys: Iterable[str]) -> NotFound:
    """The refusal of a name that no object has, with the nearest of these keys, which the caller may see."""
    return NotFound(f'There is no {kind} "{name}"{hint(name, keys) or "."}')


def find_live_object(
    kind: CollectionKind, name: str, catalogue: Catalogue, *, own: Own | None = None
) -> CatalogueObject:
    """The live object with that id or key, as find_object finds it. Raises NotFound."""
    item = find_object(kind, name, catalogue, own=own)
    if item.archived:
        detail = f'The {kind} "{name}" is archived. Create it again under its key to restore it.'
        raise NotFound(detail)
    return item


def check_version(item: CatalogueObject, expected: int | None) -> None:
    """Raise VersionConflict if the object is not of the expected version."""
    if expected is not None and item.version != expected:
        detail = f'"{item.key}" changed since you read it. Read it again and repeat your changes there.'
        raise VersionConflict(detail, version=item.version)
