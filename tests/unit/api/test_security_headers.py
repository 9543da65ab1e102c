"""Every answer says to browsers what it is not: whatever the route, the status, and the lane."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route
from structlog.testing import capture_logs

from api.fast_lane import OPERATIONS
from bootstrap.settings import Settings
from tests.support.application import PUBLISHABLE, SECRET, TOKEN, application, client
from tests.support.asgi import Asked, ask

_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_CREDENTIALS: Final = {"nobody": {}, "secret": SECRET, "publishable": PUBLISHABLE, "token": TOKEN}
_MORE: Final = [
    ("GET", "/nothing/here"),
    ("GET", "/docs/assets/swagger-ui.css"),
    ("GET", "/docs/assets/none.css"),
    ("TRACE", "/v1/holds"),
    ("DELETE", "/healthz"),
    ("OPTIONS", "/v1/holds"),
    ("HEAD", "/v1/services"),
    ("GET", "/problems/none"),
    ("GET", "/problems/not_found"),
    ("GET", "/%00"),
]
"""Answers of no route."""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application without any service: what is let in ends as an error of ours."""
    return application(Settings(_env_file=None, operator_key="an operator's key", metrics=False))


def _routes(found: Iterable[BaseRoute]) -> Iterator[Route]:
    """All routes, those of included routers too."""
    for one in found:
        if isinstance(one, Route):
            yield one
        else:
            yield from _routes(getattr(getattr(one, "original_router", None), "routes", ()))


def _requests() -> Iterator[tuple[str, str]]:
    """Every route with each of its methods, in FastAPI and in the fast lane."""
    for route in _routes(application().routes):
        yield from product(sorted(route.methods or ()), [route.path.replace("{", "").replace("}", "")])
    yield from OPERATIONS
    yield from _MORE


# Streams have an end only where somebody makes one: tests/e2e/test_event_streams.py opens them.
_REQUESTS: Final = sorted({one for one in _requests() if not one[1].endswith("/stream")})


def _faults(answer: httpx.Response) -> list[str]:
    """What the answer lacks, or has twice."""
    faults = [name for name, value in _HEADERS.items() if answer.headers.get_list(name) != [value]]
    policies = answer.headers.get_list("Content-Security-Policy")
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    # The page to book at loads the widget, which is ours too.
    sources = ("default-src 'none';", "default-src 'self';") if is_page else ("default-src 'none';",)
    if len(policies) != 1 or not policies[0].startswith(sources):
        faults.append(f"policy {policies}")
    # Nothing of ours is meant to be framed: the widget is a script of the page that embeds it.
    if not all("frame-ancestors 'none'" in policy for policy in policies):
        faults.append("may be framed")
    if is_page:
        faults += [f"page without {part}" for part in ("base-uri", "form-action") if part not in policies[0]]
    return faults


async def _walk(app: FastAPI, credential: Mapping[str, str]) -> dict[tuple[str, str], httpx.Response]:
    """The answer to each of the requests."""
    answers = {}
    # Tracebacks of a hundred errors would take a minute to lay out.
    with capture_logs():
        async with client(app) as http:
            for method, path in _REQUESTS:
                body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
                headers = {**credential, "Origin": "http://engine"}
                answers[method, path] = await http.request(method, path, headers=headers, content=body)
    return answers


@pytest.mark.parametrize("credential", _CREDENTIALS)
async def test_every_route_answers_with_the_headers(app: FastAPI, credential: str) -> None:
    answers = await _walk(app, _CREDENTIALS[credential])

    faulty = {
        (*request, answer.status_code): faults for request, answer in answers.items() if (faults := _faults(answer))
    }
    assert faulty == {}
    assert len(answers) > len(OPERATIONS) + len(_MORE) + 50


async def test_walk_meets_refusals_errors_pages_and_successes(app: FastAPI) -> None:
    answers = (await _walk(app, SECRET)).values()

    types = {answer.headers.get("Content-Type", "").partition(";")[0] for answer in answers}
    assert {answer.status_code for answer in answers} >= {200, 204, 404, 405, 422, 500}
    assert types >= {"text/html", "text/javascript", "application/json", "application/problem+json", "text/plain"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"origin", b"https://a.example"), (b"access-control-request-method", b"POST")], 200),
        ([(b"origin", b"https://a.example"), (b"access-control-request-method", b"TRACE")], 400),
    ],
)
async def test_preflights_have_them_too(app: FastAPI, headers: list[tuple[bytes, bytes]], status: int) -> None:
    answered = await ask(app, Asked("OPTIONS", "/v1/holds", b"", headers))

    assert answered.status == status
    assert (b"x-content-type-options", b"nosniff") in answered.headers
    assert [name for name, _ in answered.headers].count(b"content-security-policy") == 1


async def test_refusal_of_a_body_that_is_too_large_has_them(app: FastAPI) -> None:
    async with client(app) as http:
        answer = await http.post("/v1/holds", headers=PUBLISHABLE, content=b"x" * 2_000_000)

    assert answer.status_code == 413
    assert _faults(answer) == []
