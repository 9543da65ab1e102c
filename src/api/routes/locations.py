"""Operations on locations."""

from api.routes.objects import Collection, collection_router
from api.schemas.catalogue import LOCATION_EXAMPLE, LocationAnswer, LocationsAnswer
from catalogue.diff import Kind
from catalogue.document import LocationDocument

router = collection_router(
    Collection(
        kind=Kind.LOCATION,
        singular="location",
        plural="locations",
        document=LocationDocument,
        one=LocationAnswer,
        many=LocationsAnswer,
        example=LOCATION_EXAMPLE,
        patch_example={"name": "Dizengoff 14"},
    )
)
