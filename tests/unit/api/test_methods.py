import re
from typing import Final

import httpx
import pytest

from tests.support.application import SECRET, application, client

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATHS: Final = application().openapi()["paths"]
_DOCUMENTED: Final = {
    path: {
        method.upper()
        for template, operations in _PATHS.items()
        # A path may be one of those that a template stands for.
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        for method in operations
    }
    for path in _PATHS
}


async def _send(method: str, path: str, **headers: str) -> httpx.Response:
    async with client(application()) as http:
        return await http.request(method, path, headers=headers)


def _allowed(documented: set[str]) -> str:
    in_order = [method for method in _METHODS if method in documented]
    return ", ".join([*in_order, *(["HEAD"] if "GET" in documented else []), "OPTIONS"])


@pytest.mark.parametrize("path", _DOCUMENTED)
async def test_refused_method_learns_all_methods_of_the_path(path: str) -> None:
    other = next(method for method in (*_METHODS, "TRACE", "BREW") if method not in _DOCUMENTED[path])

    response = await _send(other, re.sub(r"\{\w+\}", "a", path))

    assert response.status_code == 405
    assert response.headers["Allow"] == _allowed(_DOCUMENTED[path])
    assert response.json()["code"] == "method_not_allowed"
    assert response.json()["detail"] == f"Use one of: {_allowed(_DOCUMENTED[path])}"


@pytest.mark.parametrize("path", _DOCUMENTED)
async def test_options_lists_all_methods_of_the_path(path: str) -> None:
    response = await _send("OPTIONS", re.sub(r"\{\w+\}", "a", path))

    assert response.status_code == 204
    assert response.headers["Allow"] == _allowed(_DOCUMENTED[path])
    assert response.content == b""


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/problems/validation", "GET, HEAD, OPTIONS"),
        ("/widget.js", "GET, HEAD, OPTIONS"),
        ("/docs/assets/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
async def test_pages_are_only_read(path: str, methods: str) -> None:
    refused, asked = await _send("DELETE", path), await _send("OPTIONS", path)

    assert (refused.status_code, refused.headers["Allow"]) == (405, methods)
    assert (asked.status_code, asked.headers["Allow"]) == (204, methods)


async def test_options_of_no_path_is_not_found() -> None:
    response = await _send("OPTIONS", "/v1/nothing")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/healthz", "/openapi.json", "/docs", "/problems/validation", "/v1/nothing", "/v1/holds/a"]
)
async def test_head_has_the_headers_of_get_and_no_body(path: str) -> None:
    got, asked = await _send("GET", path), await _send("HEAD", path)

    assert asked.status_code == got.status_code
    assert asked.content == b""
    assert got.content
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]
    assert len(asked.headers["Content-Length"]) == len(got.headers["Content-Length"])


async def test_head_of_a_path_that_is_not_read_is_refused_with_its_methods() -> None:
    response = await _send("HEAD", "/v1/holds/a/confirm", **SECRET)

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert response.content == b""
