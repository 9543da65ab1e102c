"""`holdfast worker`."""

import asyncio
import os
import signal

import uvloop

from bootstrap.context import open_context
from bootstrap.embedded import Use
from bootstrap.metrics_reporting import reporting
from bootstrap.settings import Settings
from cli.console import load_settings, refusals
from cli.loops import running_loops_with_views
from cli.session import connected


def worker() -> None:
    """Run the background loops (invalidation and the like). One process is enough; more stand by."""
    with refusals(), connected(load_settings(), use=Use.COMMAND, may_wait=True) as settings:
        os.nice(settings.worker_nice)
        uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    """Run the loops until SIGTERM or Ctrl-C, then let each finish what it is doing.

    An unexpected error ends all of them, and the process: it is to be started anew.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_context(settings) as context, reporting(context, "worker"), running_loops_with_views(context):
        await stop.wait()
