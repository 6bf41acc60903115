"""Which of the names that files mention is the model's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from recon_cli.core.evidence import Evidence
from recon_cli.systems import naming
from recon_cli.systems.viewer.confidence import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Heard:
    """A name and where it stands; `method` says how much its place is worth."""

    text: str
    source: str
    method: str


def rank(heard: Iterable[Heard], model: str, folder: str) -> tuple[Evidence, ...]:
    """The names, the model's own first: by the convention before others, the newest date first.

    Where nothing names the model, its id stands in, because the column must hold something.
    """
    parsed = {naming.parse(one.text): one for one in reversed([*heard]) if one.text.strip()}
    dated = [(name, one) for name, one in reversed(parsed.items()) if name.day is not None]
    newest = max((name.day for name, _ in dated if name.day), default=None)
    found = [_evidence(name, one, older=name.day != newest) for name, one in dated]
    found += [_undated(name, one) for name, one in reversed(parsed.items()) if name.day is None]
    chosen = sorted(found, key=lambda one: -one.confidence)
    return tuple(chosen) or (_nameless(model, folder),)


def _evidence(name: naming.Name, heard: Heard, *, older: bool) -> Evidence:
    found = Evidence(name.text, heard.source, heard.method, CONFIDENCE[heard.method])
    if not older:
        return found
    return replace(found, confidence=CONFIDENCE["older-name"], note="another name has a newer date")


def _undated(name: naming.Name, heard: Heard) -> Evidence:
    if name.generic:
        note = "an exporter's word"
        return Evidence(name.text, heard.source, heard.method, CONFIDENCE["generic-name"], note)
    worth = CONFIDENCE["name-off-convention"] * CONFIDENCE[heard.method] / CONFIDENCE["mtllib"]
    return Evidence(name.text, heard.source, heard.method, worth, "does not begin with a date")


def _nameless(model: str, folder: str) -> Evidence:
    note = "no file names the model, its id stands in"
    return Evidence(model, folder, "nameless", CONFIDENCE["nameless"], note)
