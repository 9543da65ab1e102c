import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import ValidationError

from availability.rules.catalogue_candidates import CatalogueCandidates
from availability.rules.catalogue_index import CatalogueIndex
from availability.state.catalogue_snapshots import CatalogueSnapshot
from bootstrap.settings import Settings
from catalogue.model.catalogue import Catalogue
from kernel.ids import TenantId
from tests.support.application import PUBLISHABLE, TENANT, TOKEN, application, client
from tests.support.documents import catalogue_of, example, small_document


class Shown:
    """An availability service that knows the set-up of one business."""

    def __init__(self, catalogue: Catalogue) -> None:
        index = CatalogueIndex(catalogue)
        self._snapshot = CatalogueSnapshot(catalogue, index, CatalogueCandidates(index), version=None, read_at=0)

    async def get(self, tenant_id: TenantId) -> CatalogueSnapshot:
        assert tenant_id == TENANT
        return self._snapshot

    async def latest(self, tenant_id: TenantId) -> CatalogueSnapshot:
        return await self.get(tenant_id)

    async def catalogue(self, tenant_id: TenantId) -> Catalogue:
        return (await self.get(tenant_id)).catalogue


def _with_page(key: str) -> Settings:
    return Settings(_env_file=None, booking_page_key=key)


async def _get(path: str, headers: dict[str, str] | None = None, settings: Settings | None = None) -> httpx.Response:
    document = small_document() | {"business": {"name": "<Fade> & Co", "timezone": "Asia/Jerusalem", "currency": "ILS"}}
    app = application(settings, snapshots=Shown(catalogue_of(document)))
    async with client(app) as http:
        return await http.get(path, headers=headers)


async def test_script_is_one_file_that_leaves_no_names_behind() -> None:
    answer = await _get("/widget.js")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.text.startswith("(() => {")
    assert answer.text.rstrip().endswith("})();")
    assert re.search(r"^(import|export)\b", answer.text, re.MULTILINE) is None


async def test_script_is_not_sent_again_to_whoever_has_it() -> None:
    first = await _get("/widget.js")

    again = await _get("/widget.js", {"If-None-Match": f'W/"other", {first.headers["etag"]}'})
    other = await _get("/widget.js", {"If-None-Match": '"other"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


async def test_page_at_the_root_says_how_to_get_a_booking_page_when_no_key_says_whose_it_is() -> None:
    page, style = await _get("/"), await _get("/booking-page.css")

    assert (page.status_code, style.status_code) == (200, 200)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "HOLDFAST_BOOKING_PAGE_KEY=hfp_" in page.text
    assert "<script" not in page.text


async def test_booking_page_names_its_business_and_runs_nothing_written_into_it() -> None:
    answer = await _get("/", settings=_with_page("hfp_publishable"))

    policy = answer.headers["content-security-policy"]
    assert "&lt;Fade&gt; &amp; Co" in answer.text
    assert 'data-key="hfp_publishable"' in answer.text
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=", answer.text) == []


async def test_booking_page_is_refused_when_its_key_was_revoked() -> None:
    answer = await _get("/", settings=_with_page("hfp_revoked"))

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_secret_key_never_gets_into_a_page() -> None:
    with pytest.raises(ValidationError, match="must start with hfp_"):
        _with_page("hfs_secret")


async def test_storefront_shows_a_publishable_key_names_and_terms_and_no_hours() -> None:
    app = application(snapshots=Shown(catalogue_of(example("barbershop"))))

    async with client(app) as http:
        answer = (await http.get("/v1/storefront", headers=PUBLISHABLE)).json()

    services = {service["key"]: service for service in answer["services"]}
    assert answer["business"] == {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS", "clock": None}
    assert answer["resources"][0] == {
        "key": "noa",
        "name": "Noa",
        "description": "Fades and long hair. Speaks Hebrew, English and Russian.",
        "kind": "staff",
        "location": "main",
        "approval": None,
        "cancellation": None,
    }
    assert answer["locations"] == [
        {
            "key": "main",
            "name": "Dizengoff 12",
            "address": "Dizengoff 12, Tel Aviv\nThe blue door beside the bakery",
        }
    ]
    assert services["haircut"]["description"] == "Wash, cut and styling, with scissors or clippers."
    assert services["cut-and-beard"]["description"] is None
    assert services["haircut"]["resources"] == ["noa", "dan", "yael", "omer"]
    assert services["haircut"]["cancellation"] == {"free_until_minutes": 1440, "fee_percent": 50}
    assert (services["haircut"]["approval"], services["father-and-son"]["approval"]) == (False, True)
    # Two of them come together: there is nobody to choose.
    assert services["father-and-son"]["resources"] == []


async def test_storefront_of_a_sandbox_tells_where_its_clock_stands() -> None:
    catalogue = catalogue_of(small_document())
    frozen = replace(catalogue.business, sandbox_now=datetime(2027, 11, 1, tzinfo=UTC))
    app = application(snapshots=Shown(replace(catalogue, business=frozen)))

    async with client(app) as http:
        answer = (await http.get("/v1/storefront", headers=PUBLISHABLE)).json()

    assert answer["business"]["clock"] == "2027-11-01T00:00:00Z"


async def test_storefront_names_nobody_whom_no_service_needs() -> None:
    document = small_document()
    cellar = {**document["resources"][0], "key": "cellar", "name": "Cellar"}
    app = application(snapshots=Shown(catalogue_of({**document, "resources": [*document["resources"], cellar]})))

    async with client(app) as http:
        answer = await http.get("/v1/storefront", headers=PUBLISHABLE)

    assert len(answer.json()["resources"]) == len(document["resources"])
    assert "Cellar" not in answer.text


@pytest.mark.parametrize("path", ["/", "/widget.js", "/booking-page.css"])
async def test_whoever_only_wants_to_know_whether_it_is_there_may_ask(path: str) -> None:
    app = application(_with_page("hfp_publishable"), snapshots=Shown(catalogue_of(small_document())))

    async with client(app) as http:
        assert (await http.head(path)).status_code == 200


async def test_storefront_is_not_for_the_token_of_an_appointment() -> None:
    answer = await _get("/v1/storefront", TOKEN)

    assert answer.status_code == 403


async def test_script_declares_no_name_twice() -> None:
    script = (await _get("/widget.js")).text

    declared = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script, re.MULTILINE)

    assert len(declared) > 100
    assert [name for name, times in Counter(declared).items() if times > 1] == []
