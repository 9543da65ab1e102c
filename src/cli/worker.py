"""`holdfast worker`."""

import asyncio

from bootstrap.embedded import Use
from cli.console import load_settings, refusals
from cli.session import connected
from workers.supervisor import run


def worker() -> None:
    """Run the background loops (invalidation and the like). One process is enough; more stand by."""
    with refusals(), connected(load_settings(), use=Use.COMMAND) as settings:
        asyncio.run(run(settings))
