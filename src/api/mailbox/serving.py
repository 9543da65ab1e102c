"""Routes of the mailbox."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.answers import answer
from api.engine import engine_of
from api.mailbox.reading import list_messages
from api.operator_access import KeyedOperator, operator_keys
from kernel.errors import NotFound

_FILES: Final = files("api") / "mailbox"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # A mail is shown in a frame that runs no script. Its styles are inline, and nothing of it is loaded from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def add_mailbox(app: FastAPI) -> None:
    """Serve /mail. Without an operator key, or where messages are not kept as files, it only answers 404."""
    router = APIRouter(include_in_schema=False)
    for path, name in (
        ("/mail", "page.html"),
        ("/mail/page.css", "page.css"),
        ("/mail/page.js", "page.js"),
        ("/mail/view.js", "view.js"),
    ):
        _add_file(router, path, name)

    @router.get("/mail/messages")
    async def messages(request: Request, _operator: KeyedOperator) -> Response:
        kept = await asyncio.to_thread(list_messages, _folder(request))
        return answer({"data": kept})

    app.include_router(router)


def _add_file(router: APIRouter, path: str, name: str) -> None:
    content = (_FILES / name).read_bytes()
    media_type = _TYPES[name[name.rindex(".") :]]

    @router.get(path)
    async def serve(request: Request) -> Response:
        operator_keys(request)
        _folder(request)
        return Response(content, media_type=media_type, headers=_HEADERS)


def _folder(request: Request) -> Path:
    """The folder of the messages. Raises NotFound where there is none."""
    folder = engine_of(request).context.settings.mail_dir
    if folder is None:
        raise NotFound("Messages are not kept as files here. Set HOLDFAST_MAIL_DIR to keep them.")
    return folder
