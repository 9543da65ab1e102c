"""`holdfast listen`: events on a developer's machine, forwarded as webhooks would be."""

import os
import re
import time
from http.client import HTTPException
from typing import Annotated, Final
from urllib.parse import SplitResult, quote, urlsplit

import orjson
import typer

from cli.console import MISUSED, REFUSED, note
from cli.event_stream import StreamEvent, StreamRefusal, connect, follow, no_stream, path_of, printable
from outbound.signing import new_secret, read_secret, secret_text, signed_headers

# A hook that a developer has stopped in a debugger may take its time.
_FORWARD_SECONDS: Final = 300.0
_PAUSE_SECONDS: Final = 2.0
_ID: Final = re.compile(r"[!-~]{1,64}")
_SUCCESS: Final = range(200, 300)


def listen(
    *,
    forward_to: Annotated[
        str | None, typer.Option(help="Where each event is sent to, such as http://localhost:3000/hook.")
    ] = None,
    url: Annotated[str, typer.Option(help="The server to listen to.")] = "http://127.0.0.1:8080",
    key: Annotated[str | None, typer.Option(help="A secret key of the business; else HOLDFAST_KEY.")] = None,
    secret: Annotated[str | None, typer.Option(help="The signing secret (whsec_…); else a new one is printed.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only these types, such as appointment.*; may be repeated.")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Begin after this event (evt_…), not with the next one.")] = None,
) -> None:
    """Print events as they happen, and send each to a URL of this machine, signed as webhooks are. Ends by Ctrl-C."""
    secret_key = key or os.environ.get("HOLDFAST_KEY")
    if not secret_key:
        raise _misused("name a secret key by --key or HOLDFAST_KEY")
    try:
        signing = new_secret() if secret is None else read_secret(secret)
    except ValueError:
        raise _misused("--secret is no signing secret: it looks like whsec_…") from None
    target = None if forward_to is None else _read_url(forward_to)
    query = "&".join(f"type={quote(one)}" for one in types or [])
    stream = _read_url(f"{url.rstrip('/')}/v1/events/stream{'?' + query if query else ''}")
    if target is not None:
        note(f"Events are sent to {forward_to}, signed with the secret {secret_text(signing)}")
    try:
        _listen(stream, secret_key, target, signing, after)
    except StreamRefusal as refusal:
        note(f"holdfast: {refusal}")
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt:
        note("Stopped.")


def _listen(stream: SplitResult, key: str, target: SplitResult | None, secret: bytes, after: str | None) -> None:
    """Follow the stream; one that ends is opened again where it ended, so nothing is missed."""
    while True:
        try:
            for message in follow(stream, key, after):
                line = event_line(message)
                typer.echo(line if target is None else f"{line}  -> {_forward(message, target, secret)}")
                after = message.id or after
            note("The stream ended; it is opened again.")
        except (OSError, HTTPException) as error:
            note(f"There is no stream ({printable(str(error) or type(error).__name__)}); it is opened again.")
        time.sleep(_PAUSE_SECONDS)


def event_line(message: StreamEvent) -> str:
    """One line about an event. Raises StreamRefusal where it is none."""
    try:
        event = orjson.loads(message.data)
        words = [event[name] for name in ("timestamp", "type", "subject", "id")]
    except (ValueError, KeyError, TypeError):
        raise no_stream() from None
    # The id goes into a header when the stream is opened again.
    is_sendable = message.id is None or _ID.fullmatch(message.id) is not None
    if not is_sendable or not all(isinstance(word, str) for word in words):
        raise no_stream()
    at, event_type, subject, event_id = map(printable, words)
    return f"{at}  {event_type:<26} {subject}  {event_id}"


def _forward(message: StreamEvent, target: SplitResult, secret: bytes) -> str:
    """Send an event on, once; the words for what came of it."""
    body, began = message.data.encode(), time.monotonic()
    headers = {
        "Content-Type": "application/json",
        **signed_headers([secret], orjson.loads(body)["id"], int(time.time()), body),
    }
    connection = connect(target, seconds=_FORWARD_SECONDS)
    try:
        connection.request("POST", path_of(target), body=body, headers=headers)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})"
    finally:
        connection.close()
    verdict = "" if status in _SUCCESS else ", which a webhook would send again"
    return f"{status} in {(time.monotonic() - began) * 1000:.0f} ms{verdict}"


def _read_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        if url.scheme in {"http", "https"} and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise _misused(f"{text} is no URL such as http://localhost:3000/hook")


def _misused(sentence: str) -> typer.Exit:
    note(f"holdfast: {sentence}")
    return typer.Exit(MISUSED)
