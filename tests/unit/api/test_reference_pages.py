"""The pages about the API."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import reference_pages
from api.openapi import openapi_document
from tests.support.application import application, client


async def test_document_is_made_once_and_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def making(app: FastAPI) -> Mapping[str, Any]:
        threads.append(threading.get_ident())
        return openapi_document(app)

    monkeypatch.setattr(reference_pages, "openapi_document", making)
    async with client(application()) as http:
        answers = [await http.get("/openapi.json")]
        answers += await asyncio.gather(*(http.get("/openapi.json") for _ in range(3)))

    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert {answer.content for answer in answers} == {answers[0].content}


async def test_requests_that_come_before_the_document_is_made_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[None] = []

    def making(app: FastAPI) -> Mapping[str, Any]:
        made.append(None)
        return openapi_document(app)

    monkeypatch.setattr(reference_pages, "openapi_document", making)
    async with client(application()) as http:
        answers = await asyncio.gather(*(http.get("/openapi.json") for _ in range(3)))

    assert len(made) == 1
    assert {answer.status_code for answer in answers} == {200}


async def test_document_below_a_root_path_names_it() -> None:
    app = application()

    async with client(app) as http:
        at_root = await http.get("/openapi.json")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, root_path="/booking"), base_url="http://e") as http:
        below = await http.get("/openapi.json")

    assert [server["url"] for server in at_root.json()["servers"]] == ["/"]
    assert below.json() == {**at_root.json(), "servers": [{"url": "/booking"}]}
