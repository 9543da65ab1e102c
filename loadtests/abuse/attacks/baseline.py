"""Nobody attacks: what two runs of ordinary visitors differ by on this machine, to judge the others by."""

import asyncio
from collections.abc import Mapping
from typing import Final

from loadtests.abuse.engine import Engine
from loadtests.abuse.report import Report

BESIDE_VISITORS: Final = True
ENVIRONMENT: Final[Mapping[str, str]] = {}
_SECONDS: Final = 20.0


async def attack(engine: Engine, report: Report) -> None:
    """Wait, and ask once whether the server is well."""
    await asyncio.sleep(_SECONDS)
    answer = await engine.request("GET", "/readyz")
    report.require("the server is ready", answer.status == 200)  # noqa: PLR2004
