"""Figures of a benchmark, and the table of all of them: `python tests/benchmarks/figures.py [NAME …]` (make bench).

`NAME=1000` runs one at another scale, if it has any.

Timings say nothing alone: every benchmark measures a peer in the same run and prints the ratio.
"""

import asyncio
import importlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

from bot.base import logs  # noqa: E402 - the path first


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, ours, the peer's, and our share of it (`ratio`, in words what it means)."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""


class Clock:
    """Seconds that a block took, of the wall and of this process."""

    wall = 0.0
    cpu = 0.0


@asynccontextmanager
async def measured() -> AsyncIterator[Clock]:
    clock = Clock()
    wall, cpu = time.perf_counter(), time.process_time()
    yield clock
    clock.wall, clock.cpu = time.perf_counter() - wall, time.process_time() - cpu


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def main(names: list[str]) -> None:
    known = sorted(file.stem.removeprefix("bench_") for file in HERE.glob("bench_*.py"))
    logs.set_up(level="WARNING")
    unknown = {name.partition("=")[0] for name in names} - set(known)
    if unknown:
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for one in names or known:
        name, _, scale = one.partition("=")
        print(f"\n{name}", flush=True)
        show(asyncio.run(importlib.import_module(f"bench_{name}").run(*([int(scale)] if scale else []))))


def show(found: list[Figure]) -> None:
    for figure in found:
        peer = f"   peer {figure.peer}" if figure.peer else ""
        ratio = f"   ratio {figure.ratio}" if figure.ratio else ""
        print(f"  {figure.what:<58} {figure.ours}{peer}{ratio}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
