"""Hints for mistyped words. Apart from `toml`, which is needed only where there is a settings file."""

from __future__ import annotations

from collections.abc import Iterable


def suggest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the nearest known words, or all of them."""
    import difflib  # noqa: PLC0415  only for a mistake

    choices = {one.lstrip("-"): one for one in sorted(known)}  # the dashes of options make all of them alike
    near = difflib.get_close_matches(word.lower().lstrip("-"), choices, n=2)
    if near:
        return "did you mean " + " or ".join(f"`{choices[one]}`" for one in near) + "?"
    return otherwise or ("known here: " + ", ".join(choices.values()) if choices else "")
