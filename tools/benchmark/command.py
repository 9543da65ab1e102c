"""`holdfast bench`: how fast the engine is on this machine."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop

from benchmark.client import BrokenExchange, Server
from benchmark.findings import Report
from benchmark.rounds import FULL, QUICK
from benchmark.run import MEMORY, NAMES, Options, measure_own, measure_running
from benchmark.site import NotEmpty, Unexpected
from benchmark.tables import as_text, tables
from bootstrap.embedded import Use, stores_for
from bootstrap.settings import Settings
from cli.console import MISUSED, REFUSED, load_settings, note, refusals
from cli.serve import shared_options, stop_on_sigterm
from persistence.schema import upgrade

# Below the data directory: the stores of a run, thrown away by the next.
_DIRECTORY: Final = "bench"


def bench(
    *,
    url: Annotated[
        str | None, typer.Option(help="A running server; if absent, one is started, with embedded stores of its own.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="With --url: a secret key of an empty business.", envvar="HOLDFAST_KEY")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --url: replace the set-up of a business that is not empty.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Measure only this; may be repeated. One of: {', '.join(NAMES)}.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few and short rounds, to see whether everything works.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Compare so many workers with one.", min=1, max=64)] = 1,
    growth: Annotated[
        bool, typer.Option("--growth", help="Compare a database with millions of past claims; takes long.")
    ] = False,
    telemetry: Annotated[
        bool, typer.Option("--telemetry", help="Compare metrics and a sampled log with neither.")
    ] = False,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Let both servers write a line for each request.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
) -> None:
    """Measure the engine beside bare FastAPI routes that take the same requests and answer with the same bytes."""
    fault = _fault(only or [], url=url, key=key, needs_own=workers > 1 or growth or telemetry)
    if fault is not None:
        note(fault)
        raise typer.Exit(MISUSED)
    settings = load_settings()
    options = Options(
        plan=QUICK if quick else FULL,
        only=frozenset(only or ()),
        bare_options=_bare_options(log_requests=log_requests),
        quick=quick,
        workers=workers,
        growth=growth,
        telemetry=telemetry,
        log_requests=log_requests,
    )
    try:
        if url is not None and key is not None:
            server = Server(url=url.rstrip("/"), key=key)
            report = uvloop.run(_kept(measure_running(server, options, note, force=force), json_file))
        else:
            report = _on_own_stores(settings, options, json_file)
    except (BrokenExchange, NotEmpty, OSError, Unexpected) as error:
        note(f"holdfast: {error}")
        raise typer.Exit(REFUSED) from None
    _tell(report)


def _fault(only: Sequence[str], *, url: str | None, key: str | None, needs_own: bool) -> str | None:
    """Why the options make no sense together; None if they do."""
    unknown = sorted(set(only) - set(NAMES))
    if unknown:
        return f"There is nothing to measure called {', '.join(unknown)}. There is: {', '.join(NAMES)}."
    if url is not None and key is None:
        return "With --url goes --key: a secret key of a business made for the benchmark."
    if url is not None and (needs_own or MEMORY in only):
        return "Workers, growth, telemetry and memory need servers of the run's own: leave out --url."
    return None


def _on_own_stores(settings: Settings, options: Options, json_file: Path | None) -> Report:
    stop_on_sigterm()
    own = settings.model_copy(
        update={"database_url": None, "redis_url": None, "data_dir": settings.data_dir / _DIRECTORY}
    )
    stores: list[str] = []
    with refusals(), stores_for(own, use=Use.SERVE, announce=stores.append, clean=True) as with_urls:
        assert with_urls.database_url is not None
        upgrade(with_urls.database_url)
        return uvloop.run(_kept(measure_own(with_urls, stores, options, note), json_file))


def _bare_options(*, log_requests: bool) -> Mapping[str, Any]:
    """Options that the engine's server has too, with a line per request where the engine writes one."""
    return {**shared_options(), "access_log": log_requests}


async def _kept(reports: AsyncIterator[Report], json_file: Path | None) -> Report:
    """The last report. Each is written down: what fails at the end of a long run does not take the rest along."""
    report = None
    async for report in reports:
        if json_file is not None:
            _write(report, json_file)
    assert report is not None, "a run finds something out"
    return report


def _write(report: Report, json_file: Path) -> None:
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _tell(report: Report) -> None:
    if report.client is not None:
        typer.echo(
            f"The client alone: {report.client.rate:,.0f} requests a second to a server that does nothing, "
            f"with {report.client.client_share:.0%} of a processor."
        )
    for table in tables(report):
        typer.echo(f"\n{as_text(table)}")
    if not all(crowd.is_right for crowd in report.crowds):
        note("A crowd was not served as it should be.")
        raise typer.Exit(REFUSED)
