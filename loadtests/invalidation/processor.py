"""The processor time of a program and of everything it has started, as Linux counts it."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat, counted from the one after the name: man 5 proc.
_PARENT: Final = 1
_TIMES: Final = slice(11, 15)


def seconds_used() -> float:
    """By this process, its descendants, and those of them that have ended and were waited for."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    used: dict[int, int] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                # It has ended meanwhile.
                continue
            pid = int(directory.name)
            children[int(fields[_PARENT])].append(pid)
            used[pid] = sum(int(ticks) for ticks in fields[_TIMES])
    ours, ticks = [os.getpid()], 0
    while ours:
        pid = ours.pop()
        ticks += used.get(pid, 0)
        ours += children[pid]
    return ticks / _TICKS_A_SECOND
