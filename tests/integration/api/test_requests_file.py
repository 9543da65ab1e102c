"""examples/requests.http, sent from top to bottom as somebody with an editor would."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from catalogue.tenants import KeyKind
from tests.support.engine import running_engine
from tests.support.shared_routes import app_with_shared_routes

_FILE = Path(__file__).resolve().parents[3] / "examples/requests.http"
# What is pasted into the file's variables: the id that came with the last answer of that kind.
_PASTED = {
    "hld_": "hold",
    "apt_": "appointment",
    "tof_": "timeoff",
    "whe_": "endpoint",
    "whd_": "delivery",
    "usr_": "user",
    "key_": "api_key",
}

_OPERATOR_KEY = "of-this-operator!"

# The file shows every way an appointment may go; in one go, all but the first come too late.
REFUSED = {
    "Release it instead": "invalid_transition",
    "Complete it": "invalid_transition",
    "Mark a no-show": "invalid_transition",
    "Undo a completion or a no-show": "invalid_transition",
    "Approve a pending one": "invalid_transition",
    "Decline a pending one": "invalid_transition",
    # There is an operator key, and the request has none.
    "Metrics for Prometheus": "unauthorized",
    # Nobody was told of anything yet.
    "Send a notification again": "not_found",
    # The code is in a mail.
    "Prove the contact by the code": "no_code",
    # There is one customer only.
    "Merge the customer into another who is the same person": "not_found",
    # The code is in a mail, and a key has no session.
    "Sign in": "unauthorized",
    "Refresh the session": "unauthorized",
    "Sign out": "not_found",
    # Only a sandbox has a clock of its own.
    "Read the clock of a sandbox": "forbidden",
    "Set its clock": "forbidden",
    "Return to the real time": "forbidden",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request of the file, its variables filled in."""

    title: str
    method: str
    url: str
    headers: dict[str, str]
    body: str


def requests(variables: dict[str, str]) -> Iterator[Sent]:
    """The requests in order, each filled in when it is asked for."""
    text = _FILE.read_text()
    variables.update(dict(re.findall(r"^@(\w+) = (.*)$", text, re.MULTILINE)) | variables)
    for part in text.split("\n### ")[1:]:
        title, rest = part.split("\n", 1)
        filled = re.sub(r"\{\{(\w+)\}\}", lambda name: variables[name[1]], rest)
        head, _, body = filled.partition("\n\n")
        first, *headers = head.splitlines()
        method, url = first.split(" ", 1)
        yield Sent(
            title=title,
            method=method,
            url=url,
            headers=dict(header.split(": ", 1) for header in headers),
            body=body.strip(),
        )


async def test_every_request_of_the_file_is_answered(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url, operator_key=_OPERATOR_KEY) as engine:
        key = await engine.services.tenants.create_key(engine.tenant_id, KeyKind.SECRET)
        variables = {"host": "http://engine", "key": key.key, "operator_key": _OPERATOR_KEY}
        refused: dict[str, str] = {}

        transport = httpx.ASGITransport(app_with_shared_routes(engine.context, engine.services))
        async with httpx.AsyncClient(transport=transport) as http:
            for sent in requests(variables):
                if sent.title in {"Follow what happens", "Follow what is free"}:
                    # They go on for ever, and this client waits for the end of an answer.
                    continue
                answer = await http.request(sent.method, sent.url, headers=sent.headers, content=sent.body or None)
                if sent.title == "Whether the background loops run":
                    # They do not beside this test.
                    continue
                if answer.is_error:
                    refused[sent.title] = answer.json()["code"]
                elif sent.method == "POST" and answer.content:
                    made = answer.json().get("id", "")
                    if sent.title == "Make a business, as the operator":
                        variables["business"] = made
                    variables.update({name: made for prefix, name in _PASTED.items() if made.startswith(prefix)})
                elif sent.title == "Find a customer by the e-mail address":
                    variables["customer"] = answer.json()["data"][0]["id"]

    assert refused == REFUSED
