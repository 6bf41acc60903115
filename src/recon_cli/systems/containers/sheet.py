"""Sheets (.xlsx), read row by row by openpyxl. A sheet is a zip archive of XML, so its size is looked at first."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from recon_cli.core.errors import ToolMissingError
from recon_cli.systems.containers.lists import MOST_ROWS, Row, column_name
from recon_cli.systems.feed import Unfit

MOST_BYTES = 256 << 20
"""What all parts may come to when they are unpacked."""
_MOST_PARTS = 1000
_MOST_COLUMNS = 200


def rows(raw: bytes) -> list[Row] | Unfit:
    """The rows of the first sheet behind its line of names, or why they cannot be read.

    Raises:
        ToolMissingError: openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: PLC0415  an extra, and heavy
    except ImportError as exc:
        hint = "run `pip install 'recon-cli[xlsx]'`, or save the sheet as CSV"
        raise ToolMissingError("sheets (.xlsx) need openpyxl", cause=str(exc), hint=hint) from exc
    odd = _odd(raw)
    if odd is not None:
        return odd
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        try:
            return list(_rows(book.worksheets[0].iter_rows(max_col=_MOST_COLUMNS, values_only=True)))
        finally:
            book.close()
    except Exception as exc:  # noqa: BLE001  the library raises whatever a broken sheet makes it stumble over
        return Unfit("no sheet", f"{type(exc).__name__}: {exc}"[:300])


def _odd(raw: bytes) -> Unfit | None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            found = parts.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, OverflowError) as exc:
        return Unfit("no sheet", str(exc), waits=True)
    if len(found) > _MOST_PARTS or sum(one.file_size for one in found) > MOST_BYTES:
        return Unfit("too big", f"a sheet of more than {MOST_BYTES >> 20} MiB unpacked, or {_MOST_PARTS} parts")
    return None


def _rows(found: Iterator[tuple[object, ...]]) -> Iterator[Row]:
    columns = [column_name("" if name is None else name) for name in next(found, ())]
    for number, cells in enumerate(found, 2):
        if any(cell is not None for cell in cells):
            yield f"row {number}", dict(zip(columns, cells, strict=False))
        if number > MOST_ROWS + 1:
            return
