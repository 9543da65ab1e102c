"""Engines of the run's own."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Final

from access.rates.model import Activity
from benchmark.processors import Clocks, stores_of
from benchmark.servers import Child, await_ready, engine_server
from benchmark.site import Site, open_site
from bootstrap.context import open_context
from bootstrap.services import build_services
from bootstrap.settings import Settings

# Requests are counted as usual, and none is refused.
_FAR: Final = ",".join(f"{activity}=999999999/minute" for activity in Activity)
_FAR_RATES: Final = {f"HOLDFAST_RATES_PER_{source}": _FAR for source in ("CREDENTIAL", "BACK_END", "BUSINESS")}


@asynccontextmanager
async def new_engine(settings: Settings, *, name: str, log_requests: bool) -> AsyncIterator[tuple[Child, Site]]:
    """A server on the stores, with a new business of its own."""
    async with open_context(settings) as context:
        tenant = await build_services(context).tenants.create("Benchmark")
    with served(settings, name=name, log_requests=log_requests) as child:
        await await_ready(child)
        stores = await stores_of(database_of(settings), settings.redis_url or "")
        clocks = Clocks({**child.server.clocks.of, **stores})
        yield child, await open_site(replace(child.server, key=tenant.secret_key, clocks=clocks))


@contextmanager
def served(
    settings: Settings, *, name: str, log_requests: bool, workers: int = 1, more: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """`holdfast serve` on the stores, with `more` settings. When it can be asked, `await_ready` knows."""
    environment = {
        "HOLDFAST_DATABASE_URL": database_of(settings),
        "HOLDFAST_REDIS_URL": settings.redis_url or "",
        "HOLDFAST_HOST": "127.0.0.1",
        "HOLDFAST_WORKERS": str(workers),
        "HOLDFAST_LOOPS_IN_PROCESS": "true",
        # An audit every five minutes would fall into some rounds and not into others.
        "HOLDFAST_AUDIT_SECONDS": "0",
        **_FAR_RATES,
        "HOLDFAST_LOG_LEVEL": "info" if log_requests else "warning",
        **(more or {}),
    }
    with engine_server(environment, log=settings.data_dir / f"server-{name}.log") as child:
        yield child


def database_of(settings: Settings) -> str:
    """Where Postgres is."""
    assert settings.database_url is not None
    return settings.database_url
