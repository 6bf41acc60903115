"""Trainers by name; each backend is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from recon_cli.core.errors import UsageError
from recon_cli.reconstruction.training.base import Trainer

NAMES = ("auto", "cpu", "gsplat", "command")


def choose(name: str) -> Trainer:
    """The trainer of that name; `auto` is gsplat where it can run, else the CPU.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in NAMES:
        raise UsageError(f"no trainer `{name}`", hint=f"use one of {', '.join(f'`{one}`' for one in NAMES)}")
    if name == "auto":
        gpu = _load("gsplat")
        return _load("cpu") if gpu.available() else gpu
    return _load(name)


def _load(name: str) -> Trainer:
    trainer: Trainer = import_module(f"recon_cli.reconstruction.training.{name}").TRAINER
    return trainer
