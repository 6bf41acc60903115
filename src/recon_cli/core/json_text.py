"""JSON as others wrote it: whatever is none is one kind of error."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str | bytes, **how: Any) -> Any:  # noqa: ANN401  any JSON; the arguments are those of json.loads
    """A JSON document.

    Raises:
        ValueError: it is none, or is nested deeper than Python can follow: a stranger's file must not end a run.
    """
    try:
        return json.loads(text, **how)
    except RecursionError as exc:
        raise ValueError("it is nested too deep") from exc
