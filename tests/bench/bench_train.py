"""The CPU trainer beside torch's autograd at equal Gaussians and pixels; held-out quality against CPU seconds.

torch is not in the lock: `-s bench -- train --torch` installs it, else the peer is left out.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, in_turn
from tests.support import scenes
from tests.support.recon import KERNELS
from tools.figures import Figure

WHOLE = scenes.Size()
SMOKE = scenes.Size(160, 96, views=12, points=800)
GAUSSIANS, SMOKE_GAUSSIANS = 30_000, 2_000
TRAINING = ("standard", "1500", "30000", "400")
NAMES = {"ours": "recon", "torch": "torch autograd"}
SMOKE_TRAINING = ("quick", "100", "2000", "160")


def cases(wish: Wish) -> Iterator[results.Case]:
    """Steps in turn with torch, then one whole training."""
    folder = scenes.make(wish.scratch / "scene", SMOKE if wish.smoke else WHOLE)
    count = SMOKE_GAUSSIANS if wish.smoke else GAUSSIANS
    size = SMOKE if wish.smoke else WHOLE
    peers = [("torch", 2 if wish.smoke else 4)] if find_spec("torch") and "torch" not in wish.without else []
    told: dict[str, Any] = {}
    who = [("ours", 5 if wish.smoke else 40), *peers]
    steps = [contestant(one, ["steps", one, str(folder), str(count), str(number)], told) for one, number in who]
    outcomes = in_turn(steps, min(wish.runs, 3), wish.scratch, warm_ups=1)
    notes = {f"cpu s per step, {one}": round(told[one]["cpu_s_per_step"], 4) for one, _ in who}
    if peers:
        notes["steps per cpu s, ratio"] = round(told["torch"]["cpu_s_per_step"] / told["ours"]["cpu_s_per_step"], 1)
    sys.stderr.write(f"{notes}\n")
    per_step = tuple(Figure(NAMES[one], float(f"{told[one]['cpu_s_per_step']:.3g}"), "CPU-s a step") for one, _ in who)
    title = f"{count} Gaussians, {size.width}×{size.height}"
    yield results.Case(title, tuple(outcomes), "torch", notes, figures=per_step)
    words = ["whole", str(folder), *(SMOKE_TRAINING if wish.smoke else TRAINING)]
    outcomes = in_turn([contestant("ours", words, told)], 1, wish.scratch, warm_ups=0)
    rows = told["ours"]["curve"]
    notes = {f"dB at {cpu} cpu s": psnr for _, cpu, psnr, _, _ in rows}
    sys.stderr.write(f"{notes}\n")
    curve = tuple((round(cpu, 1), round(psnr, 1)) for _, cpu, psnr, _, _ in rows)
    yield results.Case(f"a whole training, {words[3]} steps", tuple(outcomes), "", notes, points=curve)


def contestant(who: str, words: list[str], told: dict[str, Any]) -> Contestant:
    """A process that prints what it measured of itself."""
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "RECON_CACHE_DIR": str(KERNELS)}
    return Contestant(NAMES[who], [sys.executable, "-m", "tests.bench.trainers", *words], keep(who, told), env)


def keep(who: str, told: dict[str, Any]) -> Callable[[Path], None]:
    """Keep the best of what a contestant said of itself."""

    def check(out: Path) -> None:
        said = json.loads(out.read_text().splitlines()[-1])
        best = told.get(who, {})
        slower = said.get("cpu_s_per_step", 0) > best.get("cpu_s_per_step", float("inf"))
        told[who] = best if slower else said

    return check


def versions() -> dict[str, str]:
    """What took part."""
    names = [name for name in ("numba", "numpy", "torch") if find_spec(name)]
    return {
        "recon": results.version(lister.program("recon"), "--version"),
        **{name: importlib.metadata.version(name) for name in names},
    }
