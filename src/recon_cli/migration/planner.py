"""From what is declared and what is held to a MigrationPlan. Pure: the same source gives the same plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from recon_cli.core.catalog import DeclaredColumn, DeclaredForeignKey, DeclaredTable, Generated
from recon_cli.migration import choose, defaults, linked, translation
from recon_cli.migration.choose import Asked, Choice
from recon_cli.migration.indexes import key_indexes, plan_indexes, unique_of
from recon_cli.migration.introspect import Source, numbered, row_number
from recon_cli.migration.names import SYSTEM_COLUMNS, Names
from recon_cli.migration.objects import plan_objects
from recon_cli.migration.plan import (
    CheckPlan,
    Coding,
    ColumnPlan,
    ForeignKeyPlan,
    IndexPlan,
    LeftOut,
    MigrationPlan,
    TablePlan,
)
from recon_cli.migration.policy import Policies
from recon_cli.migration.profile import ColumnProfile, Probe, TableProfile, probes
from recon_cli.migration.translation import LOOSE_TEXT, MIXED, SPELLED, Known, Relation, Untranslatable

_MOST_COLUMNS = 1600
_NUMERIC_WORDS = re.compile(r"NUM|DEC|BOOL|DATE|TIME")
"""In a declared type without a better word: NUMERIC affinity (https://sqlite.org/datatype3.html, section 3.1)."""

_COMPARED = {"NOCASE": "whatever the case", "RTRIM": "whatever the blanks at the end"}


class Planner:
    """One plan in the making."""

    def __init__(
        self, source: Source, profiles: Mapping[str, TableProfile], policies: Policies, *, quick: bool = False
    ) -> None:
        self.quick = quick
        self.source, self.profiles, self.policies = source, profiles, policies
        self.relations = Names()
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self.known = Known()
        self.tables: dict[str, TablePlan] = {}
        self.renamed: dict[str, str] = {}

    def plan(self, name: str, state: str, system: str = "") -> MigrationPlan:
        """Everything."""
        catalog = self.source.catalog
        declared = [table for table in catalog.tables if table.name in self.profiles]
        for table in declared:
            self.tables[table.name] = self._columns_of(table)
        self._agree(declared)
        for table in declared:
            self.known.relations[table.name.lower()] = self._relation(table)
        for table in declared:
            self.tables[table.name] = self._finished(table)
        objects = plan_objects(self)
        return MigrationPlan(
            name,
            tuple(self.tables.values()),
            tuple(objects),
            tuple(self.left_out),
            tuple(self.notes),
            tuple(chain.from_iterable(one.unreadable for one in self.profiles.values())),
            self.policies,
            system=system,
            state=state,
            renamed={**self.renamed, **self.relations.renamed},
            quick=self.quick,
        )

    def leave(self, item: str, reason: str, hint: str = "") -> None:
        """Say what has no equal."""
        self.left_out.append(LeftOut(item, reason, hint))

    def _columns_of(self, table: DeclaredTable) -> TablePlan:
        profile = self.profiles[table.name]
        names = Names(SYSTEM_COLUMNS)
        columns = tuple(self._column(table, column, profile, names) for column in table.columns)
        self.renamed.update({f"{table.name}.{old}": new for old, new in names.renamed.items()})
        if len(columns) > _MOST_COLUMNS:
            self.leave(f"table {table.name}", f"{len(columns)} columns, Postgres takes {_MOST_COLUMNS}")
        return TablePlan(
            table.name,
            self.relations.take(table.name),
            columns,
            counter=table.counter,
            rows=profile.rows,
            size_bytes=sum(one.total_bytes for one in profile.columns.values()) + 9 * profile.rows * len(columns),
            longest_bytes=max((one.longest_bytes for one in profile.columns.values()), default=0),
            included=len(columns) <= _MOST_COLUMNS,
            rowid=row_number(table),
            numbered=numbered(table),
            source_key=table.key,
            virtual=table.options.get("virtual", ""),
        )

    def _column(self, table: DeclaredTable, column: DeclaredColumn, profiles: TableProfile, names: Names) -> ColumnPlan:
        profile = profiles.columns.get(column.name, ColumnProfile())
        place = f"{table.name}.{column.name}"
        number = numbered(table) and column.name == table.key[0]
        if number:
            choice = Choice("bigint", Coding.INT, "the row number")
        else:
            choice = choose.choose(Asked(place, column, profile, self._probes(table, column), self.policies))
        required = (not column.nullable or column.name in table.key) and not profile.nulls
        if not column.nullable and profile.nulls:
            self.leave(f"{place} NOT NULL", f"{profile.nulls} rows are NULL all the same")
        compare = "" if column.collation in {None, "BINARY"} else str(column.collation).upper()
        zone = self.policies.zones.get(place, self.policies.naive_zone)
        if compare:
            how = _COMPARED.get(compare, "an order of the application's own")
            self.notes.append(f"{place}: compares letter by letter now (was {column.collation}, {how})")
        if "virtual" in table.options and number and not column.name.startswith("id"):
            self.notes.append(
                f"column {place}: the row number of the {table.options['virtual']} table, kept as its key"
            )
        return ColumnPlan(
            column.name,
            names.take(column.name),
            choice.type,
            choice.coding,
            column.declared,
            nullable=not required,
            identity=number and "virtual" not in table.options,
            compare=compare,
            zone=zone if choice.coding is Coding.STAMP_ZONE else "",
            holds=tuple(sorted(profile.held)),
            careful=choice.careful,
            why=choice.why,
        )

    def _probes(self, table: DeclaredTable, column: DeclaredColumn) -> Probe:
        found = probes(table, column)
        place = f"{table.name}.{column.name}"
        if place in self.policies.json_columns:
            found |= Probe.JSON
        return found

    def _agree(self, tables: Sequence[DeclaredTable]) -> None:
        """Columns that point at each other have one type."""
        columns = {(table.name, one.name): one for table in self.tables.values() for one in table.columns}
        for (name, _), changed in linked.agreed(columns, self._links(tables)):
            table = self.tables[name]
            replaced = tuple(changed if one.name == changed.name else one for one in table.columns)
            self.tables[name] = replace(table, columns=replaced)

    def _links(self, tables: Sequence[DeclaredTable]) -> Iterator[tuple[linked.Place, linked.Place]]:
        for table in tables:
            for key in table.foreign_keys:
                parent = self._find(key.table)
                if parent is None:
                    continue
                for name, target in zip(key.columns, key.targets or parent.source_key, strict=False):
                    one, other = self._column_plan(table.name, name), self._column_plan(parent.name, target)
                    if one is not None and other is not None:
                        yield (table.name, one.name), (parent.name, other.name)

    def _find(self, name: str) -> TablePlan | None:
        return next((table for table in self.tables.values() if table.name.lower() == name.lower()), None)

    def _column_plan(self, table: str, name: str) -> ColumnPlan | None:
        return next((one for one in self.tables[table].columns if one.name.lower() == name.lower()), None)

    def _relation(self, table: DeclaredTable) -> Relation:
        plan = self.tables[table.name]
        number = table.key[0].lower() if plan.numbered else ""
        return Relation(plan.target, {one.name.lower(): (one.target, _meant(one)) for one in plan.columns}, number)

    def _finished(self, table: DeclaredTable) -> TablePlan:
        """With everything that needs to know all columns of all tables."""
        plan = self.tables[table.name]
        columns = tuple(
            self._completed(table, declared, column)
            for declared, column in zip(table.columns, plan.columns, strict=True)
        )
        plan = replace(plan, columns=columns)
        targets = {one.name.lower(): one.target for one in columns}
        key, unique = self._key(table, plan)
        return replace(
            plan,
            key=tuple(targets[name.lower()] for name in key),
            key_name=self.relations.take(table.key_name or f"{table.name}_pkey") if key else "",
            indexes=(*unique, *plan_indexes(self, table, plan)),
            foreign_keys=tuple(self._foreign_keys(table, plan)),
            checks=tuple(self._checks(table)),
        )

    def _completed(self, table: DeclaredTable, declared: DeclaredColumn, column: ColumnPlan) -> ColumnPlan:
        place = f"{table.name}.{column.name}"
        if declared.generated is not Generated.NO:
            return self._generated(table, declared, column)
        if declared.default is None or column.identity:
            return column
        try:
            return replace(column, default=defaults.default(declared.default, column, self.known, table.name))
        except Untranslatable as why:
            self.leave(f"{place} DEFAULT {declared.default}", str(why), "give the column a default in Postgres by hand")
            return column

    def _generated(self, table: DeclaredTable, declared: DeclaredColumn, column: ColumnPlan) -> ColumnPlan:
        place = f"{table.name}.{column.name}"
        try:
            found = defaults.generated(declared.expression or "", column, self.known, table)
        except Untranslatable as why:
            self.leave(f"{place} GENERATED AS ({declared.expression})", f"{why}; its values are copied")
            return column
        if declared.generated is Generated.VIRTUAL:
            self.notes.append(f"{place}: VIRTUAL → STORED")
        return replace(column, expression=found)

    def _key(self, table: DeclaredTable, plan: TablePlan) -> tuple[tuple[str, ...], list[IndexPlan]]:
        profile = self.profiles[table.name]
        empty = [name for name in table.key if profile.columns[name].nulls and not plan.numbered]
        unique = key_indexes(self, table, plan)
        if not empty:
            return table.key, unique
        self.leave(
            f"{table.name} PRIMARY KEY ({', '.join(table.key)})",
            f"{', '.join(empty)} holds NULL, which no primary key of Postgres may; it is UNIQUE instead",
        )
        return (), [*unique, unique_of(self, table, plan)]

    def _foreign_keys(self, table: DeclaredTable, plan: TablePlan) -> Iterator[ForeignKeyPlan]:
        names = Names()
        for key in table.foreign_keys:
            item = f"{table.name} FOREIGN KEY ({', '.join(key.columns)}) → {key.table}"
            parent = self._find(key.table)
            if parent is None:
                self.leave(item, f"there is no table {key.table}")
                continue
            targets = key.targets or parent.source_key
            columns = [self._column_plan(table.name, name) for name in key.columns]
            others = [self._column_plan(parent.name, name) for name in targets]
            if not others or None in columns or None in others or len(columns) != len(others):
                self.leave(item, f"{key.table} has no such columns")
                continue
            own = [one.target for one in columns if one]
            yield ForeignKeyPlan(
                names.take(key.name or f"{plan.target}_{'_'.join(own)}_fkey"),
                tuple(own),
                parent.target,
                tuple(one.target for one in others if one),
                _actions(key),
            )

    def _checks(self, table: DeclaredTable) -> Iterator[CheckPlan]:
        names = Names()
        for number, check in enumerate(table.checks, 1):
            try:
                told = translation.expression(check.expression, self.known, table.name, "boolean")
            except Untranslatable as why:
                self.leave(f"{table.name} CHECK ({check.expression})", str(why))
                continue
            if told == "TRUE":
                self.notes.append(f"{table.name}: CHECK ({check.expression}) holds by the type alone")
                continue
            suffix = "" if number == 1 else str(number)
            yield CheckPlan(names.take(check.name or f"{self.tables[table.name].target}_check{suffix}"), told)


def _actions(key: DeclaredForeignKey) -> str:
    words = [f"ON DELETE {key.on_delete}"] if key.on_delete else []
    words += [f"ON UPDATE {key.on_update}"] if key.on_update else []
    words += [key.deferrable] if key.deferrable else []
    return " ".join(words)


def _meant(column: ColumnPlan) -> str:
    """The type that expressions go by: text in a column that SQLite gives no TEXT affinity compares otherwise."""
    if column.coding in {Coding.TEXT_OF_ANY, Coding.BYTES_OF_ANY}:
        return SPELLED if _is_spelled(column) else MIXED
    return LOOSE_TEXT if column.type == "text" and choose.affinity(column.declared) != "texts" else column.type


def _is_spelled(column: ColumnPlan) -> bool:
    """Whether its text tells its values apart: integers, and texts that SQLite would not take for numbers."""
    numeric = choose.affinity(column.declared) in {"integers", "reals"} or _NUMERIC_WORDS.search(
        column.declared.upper()
    )
    return column.coding is Coding.TEXT_OF_ANY and set(column.holds) <= {"integers", "texts"} and bool(numeric)
