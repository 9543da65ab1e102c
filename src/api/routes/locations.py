"""Operations on locations."""

from api.routes.objects import Collection, collection_router
from api.schemas.catalogue import LOCATION_EXAMPLE, LocationAnswer, LocationsAnswer
from catalogue.model.locations import LocationDocument
from catalogue.model.objects import ObjectKind

router = collection_router(
    Collection(
        kind=ObjectKind.LOCATION,
        singular="location",
        plural="locations",
        document=LocationDocument,
        one=LocationAnswer,
        many=LocationsAnswer,
        example=LOCATION_EXAMPLE,
        patch_example={"name": "Dizengoff 14"},
    )
)
