"""Foreign keys of a SQLite file after a load: none may be broken that was whole before, unless the source had it so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import apsw

from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.base import Loading
from recon_cli.stores.bulk.sqlite_open import ask

Broken = tuple[str, int | None, str, int]
"""A row of PRAGMA foreign_key_check: table, row number (None without one), parent, which of its foreign keys."""
_NAMED = 5


class Links:
    """What was broken before, to be compared with what is broken after."""

    def __init__(self, db: apsw.Connection, loading: Loading, before: list[Broken] | None = None) -> None:
        self._db, self._loading = db, loading
        self._before = Counter(self._broken(quietly=True) if before is None else before)
        self._notes: list[str] = []

    def _broken(self, *, quietly: bool = False) -> list[Broken]:
        try:
            return [
                (str(table), number, str(parent), key)
                for table, number, parent, key in ask(self._db, "PRAGMA foreign_key_check")
            ]
        except apsw.SQLError as exc:  # "foreign key mismatch": the parent's columns are not unique
            if not quietly:
                self._notes.append(f"foreign keys could not be verified: {exc}")
            return []

    def look(self, whole: Collection[str]) -> list[str]:
        """Notes about what the snapshot itself had broken. `whole`: tables whose content is the snapshot's, lower case.

        Raises:
            DataError: a row points at nothing, and did not before, neither here nor in the source.
        """
        after = self._broken()
        new = list((Counter(after) - self._before).elements())
        ours = [one for one in new if not self._of_the_source(one, whole)]
        if ours:
            raise DataError(
                f"{ours[0][0]}: {len(ours)} rows would point at rows of {ours[0][2]} that are not there",
                cause="; ".join(_told(one) for one in ours[:_NAMED]),
                hint="import the tables they point at, too",
            )
        counted = Counter((table, parent) for table, _, parent, _ in new)
        self._notes += [
            f"{table}: {rows} rows point at rows of {parent} that are not there, as in the source"
            for (table, parent), rows in sorted(counted.items())
        ]
        return self._notes

    def _of_the_source(self, one: Broken, whole: Collection[str]) -> bool:
        """Both ends are just as the snapshot has them, or the source had no such parent."""
        table, _, parent, _ = one
        sources = {declared.name.lower() for declared in self._loading.source.tables}
        return table.lower() in whole and (parent.lower() in whole or parent.lower() not in sources)


def _told(one: Broken) -> str:
    table, number, parent, _ = one
    return f"{table} row {number if number is not None else '(without number)'} → {parent}"
