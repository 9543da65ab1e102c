"""Operations that locations, resources and services share."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator
from pydantic.config import JsonDict
from starlette.responses import Response

from api.affected_answers import AFFECTED, affected_answer
from api.answers import answer
from api.dependencies import DryRun, ExpectedVersion, Permitted, RefuseIfAffected, SentObject, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import document_body, merge, patch_body, refusals, success
from api.parameters import Cursor, PageLimit, object_path
from api.schemas.catalogue import entry_answer
from api.schemas.fields import storable
from catalogue.affected import AppointmentsAffected
from catalogue.model.documents import Document
from catalogue.model.objects import CollectionKind
from catalogue.model.quotas import QuotaExceeded
from kernel.errors import NotFound, VersionConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A kind of object, with its words and examples."""

    kind: CollectionKind
    singular: str
    plural: str
    document: type[Document]
    one: Any
    many: Any
    """The schemas of answers."""
    example: JsonDict
    patch_example: JsonDict

    @property
    def stored_example(self) -> JsonDict:
        """The example as answered."""
        prefix = {"location": "loc", "resource": "res", "service": "svc"}[self.singular]
        return {"id": f"{prefix}_01kbc9x3v4h5m6n7p8q9r0s1t2", **self.example, "version": 1, "archived": False}

    @property
    def planned_example(self) -> JsonDict:
        """The example as answered by a dry run of its creation."""
        return {**self.stored_example, "dry_run": True, "changes": []}


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
        description=f"Return the {collection.plural} that are not archived, in the order of the business document.",
        responses=merge(success(200, collection.many, "A page.", page_example), refusals()),
    )
    async def list_objects(
        services: ServicesOf, caller: Permitted, limit: PageLimit = 50, cursor: Cursor = None
    ) -> Response:
        page = await services.objects.list_objects(caller.operation, collection.kind, limit=limit, cursor=cursor)
        return answer({"data": [entry_answer(entry) for entry in page.data], "next_cursor": page.next_cursor})

    @router.get(
        f"/v1/{collection.plural}/{{{collection.singular}}}",
        operation_id=f"get{collection.singular.title()}",
        summary=f"Read a {collection.singular}",
        description=f"Return a {collection.singular}, archived or not.",
        responses=merge(
            success(
                200, collection.one, f"The {collection.singular}; its version is the ETag.", collection.stored_example
            ),
            refusals(NotFound),
        ),
    )
    async def get_object(
        services: ServicesOf,
        caller: Permitted,
        name: Annotated[str, object_path(collection.singular), AfterValidator(storable)],
    ) -> Response:
        entry = await services.objects.get(caller.operation, collection.kind, name)
        return answer(entry_answer(entry), version=entry.version)


def _add_writing(router: APIRouter, collection: Collection) -> None:
    @router.post(
        f"/v1/{collection.plural}",
        operation_id=f"create{collection.singular.title()}",
        summary=f"Create a {collection.singular}",
        description=f"If the key belongs to an archived {collection.singular}, that returns with its id. "
        f"The body is an entry of `{collection.plural}` in the business document.",
        status_code=201,
        openapi_extra=document_body(collection.document, collection.example),
        responses=merge(
            success(201, collection.one, f"The {collection.singular} as stored.", collection.stored_example),
            success(
                200, collection.one, f"A dry run: the {collection.singular} as it would be.", collection.planned_example
            ),
            refusals(QuotaExceeded),
        ),
    )
    async def create_object(
        services: ServicesOf,
        caller: Permitted,
        sent: SentObject,
        dry_run: DryRun = False,  # noqa: FBT002 - a query
    ) -> Response:
        entry = await services.objects.create(caller.operation, collection.kind, sent, dry_run=dry_run)
        if dry_run:
            return answer(entry_answer(entry))
        return answer(entry_answer(entry), status=201, version=entry.version)

    @router.patch(
        f"/v1/{collection.plural}/{{{collection.singular}}}",
        operation_id=f"change{collection.singular.title()}",
        summary=f"Change a {collection.singular}",
        description="Apply a JSON merge patch (RFC 7396): members sent replace the stored ones, null removes a member, "
        "the rest stays. Existing appointments stay as they are; `affected` lists those that no longer fit. With "
        f"`dry_run` the answer is the {collection.singular} as it would be, with its old version; `changes` has the "
        "old and new values.",
        openapi_extra=patch_body(collection.document, collection.patch_example),
        responses=merge(
            success(200, collection.one, f"The {collection.singular} as stored.", collection.stored_example),
            refusals(NotFound, VersionConflict, AppointmentsAffected),
        ),
    )
    async def change_object(  # noqa: PLR0917 - one argument per part of the request
        services: ServicesOf,
        caller: Permitted,
        name: Annotated[str, object_path(collection.singular), AfterValidator(storable)],
        sent: SentObject,
        expected: ExpectedVersion,
        refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
        dry_run: DryRun = False,  # noqa: FBT002 - a query
    ) -> Response:
        entry = await services.objects.patch(
            caller.operation,
            collection.kind,
            name,
            sent,
            expected_version=expected,
            refuse_if_affected=refuse_if_affected,
            dry_run=dry_run,
        )
        return answer(entry_answer(entry), version=entry.version)

    @router.delete(
        f"/v1/{collection.plural}/{{{collection.singular}}}",
        operation_id=f"archive{collection.singular.title()}",
        summary=f"Archive a {collection.singular}",
        description=f"Take the {collection.singular} out of use. Existing appointments stay: where any need it, the "
        "answer is 200 and lists them. Archiving again succeeds. With `dry_run` nothing changes, and the answer is "
        "200 in any case. "
        "If no appointment names it, it is deleted after 30 days. "
        "Refused while other objects in use require it.",
        status_code=204,
        responses=merge(AFFECTED, refusals(NotFound, VersionConflict, AppointmentsAffected)),
    )
    async def archive_object(  # noqa: PLR0917 - one argument per part of the request
        services: ServicesOf,
        caller: Permitted,
        name: Annotated[str, object_path(collection.singular), AfterValidator(storable)],
        expected: ExpectedVersion,
        refuse_if_affected: RefuseIfAffected = False,  # noqa: FBT002 - a query
        dry_run: DryRun = False,  # noqa: FBT002 - a query
    ) -> Response:
        affected = await services.objects.archive(
            caller.operation,
            collection.kind,
            name,
            expected_version=expected,
            refuse_if_affected=refuse_if_affected,
            dry_run=dry_run,
        )
        return answer(affected.facts()) if dry_run else affected_answer(affected)
