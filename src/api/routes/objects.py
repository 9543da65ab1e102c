"""The operations that locations, resources and services have in common."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic.config import JsonDict
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import Cursor, ExpectedVersion, ObjectName, PageLimit, Secret, SentObject, ServicesOf
from api.documentation import also, granted, refused, sent_document, sent_patch
from api.idempotency import RepeatableRoute
from api.schemas.catalogue import entry_answer
from catalogue.model.documents import Document
from catalogue.model.objects import CollectionKind
from kernel.errors import NotFound, VersionConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One kind of object, and how to speak of it."""

    kind: CollectionKind
    singular: str
    plural: str
    document: type[Document]
    one: Any
    many: Any
    """The answers' schemas."""
    example: JsonDict
    patch_example: JsonDict

    @property
    def stored_example(self) -> JsonDict:
        """The example as answered."""
        prefix = {"location": "loc", "resource": "res", "service": "svc"}[self.singular]
        return {"id": f"{prefix}_01kbc9x3v4h5m6n7p8q9r0s1t2", **self.example, "version": 1, "archived": False}


def collection_router(collection: Collection) -> APIRouter:
    """The five operations on a collection."""
    router = APIRouter(tags=[collection.plural.title()], route_class=RepeatableRoute)
    _add_reading(router, collection)
    _add_writing(router, collection)
    return router


def _add_reading(router: APIRouter, collection: Collection) -> None:
    page_example = {"data": [collection.stored_example], "next_cursor": None}

    @router.get(
        f"/v1/{collection.plural}",
        operation_id=f"list{collection.plural.title()}",
        summary=f"List {collection.plural}",
        description=f"The live {collection.plural}, in the order of the business document.",
        responses=also(granted(200, collection.many, "A page.", page_example), refused()),
    )
    async def list_objects(
        services: ServicesOf, caller: Secret, limit: PageLimit = 50, cursor: Cursor = None
    ) -> Response:
        page = await services.objects.list_objects(caller.operation, collection.kind, limit=limit, cursor=cursor)
        return answer({"data": [entry_answer(entry) for entry in page.data], "next_cursor": page.next_cursor})

    @router.get(
        f"/v1/{collection.plural}/{{name}}",
        operation_id=f"get{collection.singular.title()}",
        summary=f"Read a {collection.singular}",
        description="An archived one is found too.",
        responses=also(
            granted(200, collection.one, "As stored; its version is the ETag.", collection.stored_example),
            refused(NotFound),
        ),
    )
    async def get_object(services: ServicesOf, caller: Secret, name: ObjectName) -> Response:
        entry = await services.objects.get(caller.operation, collection.kind, name)
        return answer(entry_answer(entry), version=entry.version)


def _add_writing(router: APIRouter, collection: Collection) -> None:
    @router.post(
        f"/v1/{collection.plural}",
        operation_id=f"create{collection.singular.title()}",
        summary=f"Create a {collection.singular}",
        description=f"One that was archived under the key comes back, with its id. "
        f"The document is an entry of `{collection.plural}` in the business document.",
        status_code=201,
        openapi_extra=sent_document(collection.document, collection.example),
        responses=also(granted(201, collection.one, "As stored.", collection.stored_example), refused()),
    )
    async def create_object(services: ServicesOf, caller: Secret, sent: SentObject) -> Response:
        entry = await services.objects.create(caller.operation, collection.kind, sent)
        return answer(entry_answer(entry), status=201, version=entry.version)

    @router.patch(
        f"/v1/{collection.plural}/{{name}}",
        operation_id=f"change{collection.singular.title()}",
        summary=f"Change a {collection.singular}",
        description="A JSON merge patch (RFC 7396): what is sent replaces, null takes away, the rest stays. "
        "Appointments that exist stay as they are.",
        openapi_extra=sent_patch(collection.document, collection.patch_example),
        responses=also(
            granted(200, collection.one, "As stored.", collection.stored_example), refused(NotFound, VersionConflict)
        ),
    )
    async def change_object(
        services: ServicesOf, caller: Secret, name: ObjectName, sent: SentObject, expected: ExpectedVersion
    ) -> Response:
        entry = await services.objects.patch(caller.operation, collection.kind, name, sent, expected_version=expected)
        return answer(entry_answer(entry), version=entry.version)

    @router.delete(
        f"/v1/{collection.plural}/{{name}}",
        operation_id=f"archive{collection.singular.title()}",
        summary=f"Archive a {collection.singular}",
        description="Out of use from now on, also the second time. Appointments stay. "
        "Refused while other live objects need it.",
        status_code=204,
        responses=refused(NotFound, VersionConflict),
    )
    async def archive_object(
        services: ServicesOf, caller: Secret, name: ObjectName, expected: ExpectedVersion
    ) -> Response:
        await services.objects.archive(caller.operation, collection.kind, name, expected_version=expected)
        return no_content()
