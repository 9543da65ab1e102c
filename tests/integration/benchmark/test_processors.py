"""The processor time of programs that a benchmark measures."""

import os
import subprocess
import sys
import time
from typing import Final

from benchmark.processors import POSTGRES, REDIS, Clock, Clocks, stores_of

_SPINNING: Final = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


def test_own_time_is_what_the_process_knows_of_itself() -> None:
    clock = Clock(os.getpid())
    before, snapshot = clock.seconds(), time.process_time()

    while time.process_time() < snapshot + 0.2:
        pass

    # The kernel counts ticks of 10 ms.
    assert abs(clock.seconds() - before - (time.process_time() - snapshot)) < 0.05


def test_family_counts_children_that_have_ended() -> None:
    alone, family = Clock(os.getpid()), Clock(os.getpid(), family=True)
    before = family.seconds() - alone.seconds()

    subprocess.run([sys.executable, "-c", _SPINNING], check=True)

    assert family.seconds() - alone.seconds() - before >= 0.19


def test_process_that_is_gone_is_left_out() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    clocks = Clocks({"child": Clock(child.pid), "own": Clock(os.getpid())})
    before = clocks.seconds()

    child.wait()

    assert set(before) == {"child", "own"}
    assert set(clocks.since(before)) == {"own"}


async def test_stores_on_this_machine_are_found(database_url: str, redis_url: str) -> None:
    clocks = await stores_of(database_url, redis_url)

    assert set(clocks) == {POSTGRES, REDIS}
    assert all(clock.seconds() > 0 for clock in clocks.values())


async def test_stores_elsewhere_are_not_looked_for() -> None:
    assert await stores_of("postgresql://db.example/holdfast", "redis://cache.example/0") == {}
