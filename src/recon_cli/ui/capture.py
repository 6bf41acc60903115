"""What a terminal showed, as HTML."""

from __future__ import annotations

import io


def html(shown: str) -> str:
    """The text of a terminal with its colours as spans, escaped, for a dark `pre`."""
    from rich.console import Console  # noqa: PLC0415  heavy, and wanted by the demo alone
    from rich.terminal_theme import MONOKAI  # noqa: PLC0415  same
    from rich.text import Text  # noqa: PLC0415  same

    console = Console(record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(shown), soft_wrap=True)
    return console.export_html(theme=MONOKAI, code_format="{code}", inline_styles=True).rstrip("\n")
