"""Views, triggers and virtual tables: what can be said in Postgres, and what is left out with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from recon_cli.core.catalog import DeclaredObject
from recon_cli.migration import defaults, translation
from recon_cli.migration.plan import ColumnPlan, ObjectPlan
from recon_cli.migration.translation import Relation, Untranslatable
from recon_cli.stores.bulk.postgres_link import quote
from recon_cli.stores.bulk.sqlite_catalog import SEARCH, SPATIAL, outside_content
from recon_cli.stores.bulk.sqlite_words import module, tokens, unquoted

if TYPE_CHECKING:
    from recon_cli.migration.planner import Planner

_NAME = r"(?:\"(?:[^\"]|\"\")+\"|`[^`]+`|\[[^\]]+\]|\w+)"
_TOUCH = re.compile(
    rf"CREATE (?:TEMP |TEMPORARY )?TRIGGER (?:IF NOT EXISTS )?{_NAME} (?P<when>AFTER|BEFORE) UPDATE"
    rf"(?: OF (?P<of>{_NAME}(?: , {_NAME})*))? ON (?P<table>{_NAME})(?: FOR EACH ROW)?"
    rf"(?: WHEN (?P<guard>.+?))? BEGIN UPDATE (?P<same>{_NAME}) SET (?P<column>{_NAME}) = (?P<value>.+?)"
    rf" WHERE (?P<key>{_NAME}) = (?:NEW|OLD) \. (?P<key2>{_NAME}) ; END ;?",
    re.IGNORECASE | re.DOTALL,
)
_GUARD = re.compile(
    rf"\(? ?(?:NEW|OLD) \. (?P<one>{_NAME}) (?:=|==|IS|IS NOT DISTINCT FROM|<=) (?:NEW|OLD) \. (?P<two>{_NAME}) ?\)?",
    re.IGNORECASE,
)


def plan_objects(planner: Planner) -> list[ObjectPlan]:
    """All that is not a table, views in the order in which they can be created."""
    found: list[ObjectPlan] = []
    _report_virtual(planner)
    views = [one for one in planner.source.catalog.objects if one.kind == "view"]
    found += _views(planner, views)
    for one in planner.source.catalog.objects:
        if one.kind == "trigger":
            found += _trigger(planner, one)
    return found


def _report_virtual(planner: Planner) -> None:
    kept = {table.name for table in planner.source.catalog.tables}
    for one in planner.source.catalog.objects:
        if one.kind != "virtual table":
            continue
        name, arguments = module(one.sql)
        if one.name in kept:
            what = "its words are searched by `tsvector` there" if name in SEARCH else "PostGIS has spatial indexes"
            planner.leave(f"virtual table {one.name}", f"{name} is SQLite's own; its rows became a table", what)
        elif name in SEARCH and outside_content(arguments):
            planner.leave(f"virtual table {one.name}", f"an {name} index of {outside_content(arguments)}", "tsvector")
        else:
            known = name in SEARCH | SPATIAL
            why = "has no content of its own" if known else "is a module that recon does not know"
            planner.leave(f"virtual table {one.name}", f"{name or 'it'} {why}")


def _views(planner: Planner, views: list[DeclaredObject]) -> Iterator[ObjectPlan]:
    names = {one.name.lower() for one in views}
    waiting, reasons = list(views), dict[str, str]()
    while waiting:
        done = []
        for one in waiting:
            body = _body(one.sql)
            missing = (set(translation.tables_of(body)) & names) - set(planner.known.relations) - {one.name.lower()}
            if missing:
                reasons[one.name] = f"it reads {', '.join(sorted(missing))}, which is not there"
                continue
            done.append(one)
            try:
                yield _view(planner, one, body)
            except Untranslatable as why:
                planner.leave(f"view {one.name}", str(why), one.sql)
        waiting = [one for one in waiting if one not in done]
        if not done:
            break
    for one in waiting:
        planner.leave(f"view {one.name}", reasons[one.name], one.sql)


def _body(sql: str) -> str:
    """What stands behind AS."""
    place = next((word.end for word in tokens(sql) if word.upper == "AS"), len(sql))
    return sql[place:].strip().rstrip(";")


def _view(planner: Planner, one: DeclaredObject, body: str) -> ObjectPlan:
    columns = planner.source.view_columns.get(one.name, ())
    told, types = translation.query_with_types(body, planner.known)
    if not columns or len(types) != len(columns):
        raise Untranslatable("its columns are not known")
    target = planner.relations.take(one.name)
    listed = {name.lower(): (name, kept or "text") for name, kept in zip(columns, types, strict=True)}
    planner.known.relations[one.name.lower()] = Relation(target, listed)
    names = ", ".join(map(quote, columns))
    return ObjectPlan("view", one.name, target, (f"CREATE VIEW {{name}} ({names}) AS {_braced(told)}",), one.sql)


def _braced(sql: str) -> str:
    return sql.replace("{", "{{").replace("}", "}}")


def _trigger(planner: Planner, one: DeclaredObject) -> Iterator[ObjectPlan]:
    found = _TOUCH.fullmatch(" ".join(word.text for word in tokens(one.sql)).replace(" .", " . ").replace("  ", " "))
    table = next((t for t in planner.tables.values() if t.name.lower() == (one.table or "").lower()), None)
    hint = "write it anew for Postgres"
    if found is None or table is None or unquoted(found["same"]).lower() != table.name.lower():
        planner.leave(f"trigger {one.name}", f"it is written for SQLite, on {one.table}", hint)
        return
    name = unquoted(found["column"]).lower()
    column = next((c for c in table.columns if c.name.lower() == name), None)
    guarded = found["guard"] is None or _same_column(found["guard"], name)
    if column is None or not guarded or not _by_key(table.source_key, table.rowid, unquoted(found["key"])):
        planner.leave(f"trigger {one.name}", "it does more than keep a time", hint)
        return
    try:
        value = defaults.default(
            found["value"].replace(" ( ", "(").replace(" )", ")"), column, planner.known, table.name
        )
    except Untranslatable as why:
        planner.leave(f"trigger {one.name}", str(why), hint)
        return
    target = planner.relations.take(one.name)
    field = quote(column.target)
    guard = f" WHEN (NEW.{field} IS NOT DISTINCT FROM OLD.{field})" if found["guard"] else ""
    of = f" OF {', '.join(_columns_of(table.columns, found['of']))}" if found["of"] else ""
    body = f"BEGIN NEW.{field} := {value or 'NULL'}; RETURN NEW; END"
    yield ObjectPlan(
        "trigger",
        one.name,
        target,
        (
            f"CREATE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $recon${_braced(body)}$recon$",
            (
                f"CREATE TRIGGER {quote(target)} BEFORE UPDATE{of} ON {{schema}}.{_braced(quote(table.target))}"
                f" FOR EACH ROW{guard} EXECUTE FUNCTION {{name}}()"
            ),
        ),
        one.sql,
    )


def _same_column(guard: str, name: str) -> bool:
    found = _GUARD.fullmatch(guard.strip())
    return found is not None and unquoted(found["one"]).lower() == unquoted(found["two"]).lower() == name


def _by_key(key: tuple[str, ...], rowid: str, name: str) -> bool:
    return [name.lower()] == [one.lower() for one in key] or name.lower() in {rowid, "rowid", "oid", "_rowid_"}


def _columns_of(columns: tuple[ColumnPlan, ...], listed: str) -> list[str]:
    wanted = {unquoted(one.strip()).lower() for one in listed.split(",")}
    return [quote(c.target) for c in columns if c.name.lower() in wanted]
