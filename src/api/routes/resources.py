"""Operations on resources."""

from api.routes.objects import Collection, collection_router
from api.schemas.catalogue import RESOURCE_EXAMPLE, ResourceAnswer, ResourcesAnswer
from catalogue.model.objects import ObjectKind
from catalogue.model.resources import ResourceDocument

router = collection_router(
    Collection(
        kind=ObjectKind.RESOURCE,
        singular="resource",
        plural="resources",
        document=ResourceDocument,
        one=ResourceAnswer,
        many=ResourcesAnswer,
        example=RESOURCE_EXAMPLE,
        patch_example={"hours": [{"days": ["mon", "tue"], "start": "10:00", "end": "16:00"}]},
    )
)
