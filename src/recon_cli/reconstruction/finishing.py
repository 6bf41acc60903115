"""The last stages: Gaussians trained, cleaned, written in every format, and shown in a page."""

from __future__ import annotations

from collections.abc import Mapping

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ToolMissingError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work


def train(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Not there yet."""
    raise ToolMissingError("no trainer is built in yet")


def clean(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Not there yet."""
    raise ToolMissingError("no trainer is built in yet")


def export(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Not there yet."""
    raise ToolMissingError("no trainer is built in yet")


def viewer(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Not there yet."""
    raise ToolMissingError("no trainer is built in yet")
