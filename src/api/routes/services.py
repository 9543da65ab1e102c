"""Operations on services."""

from api.routes.objects import Collection, collection_router
from api.schemas.catalogue import SERVICE_EXAMPLE, ServiceAnswer, ServicesAnswer
from catalogue.model.objects import ObjectKind
from catalogue.model.services import ServiceDocument

router = collection_router(
    Collection(
        kind=ObjectKind.SERVICE,
        singular="service",
        plural="services",
        document=ServiceDocument,
        one=ServiceAnswer,
        many=ServicesAnswer,
        example=SERVICE_EXAMPLE,
        patch_example={"duration_minutes": 45, "rules": {"lead_time_minutes": None}},
    )
)
