"""Moving a SQLite database: the plan, what came of it, and what was rejected."""

from __future__ import annotations

from tools.schemas.build import (
    Document,
    Schema,
    cell,
    count,
    either,
    file,
    flag,
    line,
    listed,
    mapped,
    maybe,
    names,
    number,
    report,
    text,
    thing,
)

_LEFT_OUT = listed(
    "what has no equal in the target",
    thing("one of it", {"item": text("what"), "reason": text("why"), "hint?": text("what to do about it")}),
)
_VERDICT: dict[str, Schema] = {
    "source_rows": count("rows of the source"),
    "target_rows": count("rows of the target"),
    "differing_columns": names("columns whose values differ"),
    "differing_keys": names("the first keys that differ"),
}
_COLUMN = thing(
    "a column",
    {
        "name": text("in the source"),
        "target": text("in the target"),
        "type": text("in the target"),
        "coding": text("how a stored value becomes a value of its new column"),
        "declared": text("its type in the source"),
        "nullable": flag("whether it may be empty"),
        "identity": flag("whether the target numbers it"),
        "default": maybe(text("SQL of the target")),
        "expression": maybe(text("SQL of the target, of a generated column")),
        "compare": text("the collation that the source compares by; empty where it is by bytes"),
        "zone": text("of its times"),
        "holds": names("storage classes that its values have"),
        "careful": flag("whether each value is looked at"),
        "why": text("the reason for its type"),
    },
)
_TABLE = thing(
    "a table",
    {
        "name": text("in the source"),
        "target": text("in the target"),
        "columns": listed("columns", _COLUMN),
        "key": names("columns of the key"),
        "key_name": text("of its constraint"),
        "indexes": listed(
            "indexes",
            thing(
                "an index",
                {
                    "name": text("in the target"),
                    "parts": names("SQL of the target"),
                    "unique": flag("whether values are unique"),
                    "where": maybe(text("SQL of the target")),
                    "constraint": flag("whether it was made for a UNIQUE constraint"),
                    "source": text("the statement it was"),
                },
            ),
        ),
        "foreign_keys": listed(
            "foreign keys",
            thing(
                "a foreign key",
                {
                    "name": text("in the target"),
                    "columns": names("here"),
                    "table": text("the other table"),
                    "targets": names("columns there"),
                    "actions": text("SQL"),
                },
            ),
        ),
        "checks": listed("checks", thing("a check", {"name": text("in the target"), "expression": text("SQL")})),
        "counter": {"type": ["integer", "null"], "description": "the last number given out"},
        "rows": count("rows in it"),
        "size_bytes": count("about"),
        "longest_bytes": count("of its longest row"),
        "included": flag("false leaves it out"),
        "rowid": text("how the source calls the row number"),
        "numbered": flag("whether the key is that number"),
        "source_key": names("columns of the key in the source"),
        "virtual": text("the module of a virtual table"),
    },
)
_PLAN: dict[str, Schema] = {
    "source": text("the SQLite file"),
    "tables": listed("tables", _TABLE),
    "objects": listed(
        "views and triggers",
        thing(
            "one of them",
            {
                "kind": text("what it is"),
                "name": text("in the source"),
                "target": text("in the target"),
                "statements": names("SQL of the target"),
                "source": text("the statement it was"),
            },
        ),
    ),
    "left_out": _LEFT_OUT,
    "notes": names("what was decided"),
    "unreadable": names("pages that are damaged"),
    "policies": thing(
        "what was asked for",
        {
            "on_nul": text("what to do with NUL in text"),
            "on_invalid_utf8": text("what to do with text that is not UTF-8"),
            "on_mixed": text("what to do with a column of several kinds of values"),
            "on_orphans": text("what to do with a foreign key that rows break"),
            "naive_zone": text("the zone of times without an offset"),
            "zones": mapped("the same for single columns", text("a zone")),
            "json_columns": names("text columns that are JSON"),
        },
    ),
    "system": text("whose meaning of times and JSON"),
    "state": text("tells whether the source is as it was"),
    "renamed": mapped("names that had to change", text("the new name")),
    "quick": flag("whether the plan was made without looking at every value"),
}

DOCUMENTS = (
    file(
        "recon.migration-plan/1",
        "Everything that a migration will do, to be looked at and edited.",
        "the file of `recon migrate --plan-out`",
        _PLAN,
    ),
    report(
        "recon.migrate-plan/1",
        "The same, and how long it will take.",
        "`recon migrate --plan --json`",
        {**_PLAN, "estimated_s": number("seconds")},
    ),
    report(
        "recon.migrate/1",
        "What was moved, and whether it is equal.",
        "`recon migrate --json`",
        {
            "source": text("the SQLite file"),
            "target": text("the database"),
            "to_schema?": text("the schema there"),
            "rows": count("rows that were moved"),
            "rejected": count("rows that the target cannot hold"),
            "rejects?": maybe(text("the file that has them")),
            "resumed_units?": count("parts that an earlier run had finished"),
            "took_s": number("seconds"),
            "tables": listed(
                "each table",
                thing(
                    "a table",
                    {
                        "table": text("in the source"),
                        "to?": text("in the target"),
                        "rows": count("rows that were moved"),
                        "rejected?": count("rows that were not"),
                        "columns?": listed(
                            "what became of its columns",
                            thing(
                                "a column",
                                {
                                    "column": text("in the source"),
                                    "to": text("in the target"),
                                    "declared": text("its type in the source"),
                                    "type": text("its type in the target"),
                                    "why": text("the reason for it"),
                                },
                            ),
                        ),
                        "verified?": maybe(flag("whether it is equal; null where that was not asked")),
                        **{f"{name}?": schema for name, schema in _VERDICT.items()},
                    },
                ),
            ),
            "left_out": _LEFT_OUT,
            "orphans?": listed(
                "foreign keys that rows break",
                thing(
                    "one of them",
                    {
                        "table": text("where"),
                        "foreign_key": text("which"),
                        "rows": count("rows that break it"),
                        "values": cell("the first of them"),
                    },
                ),
            ),
            "damage?": names("pages that cannot be read"),
            "notes": names("what was decided or translated"),
            "renamed?": mapped("names that had to change", text("the new name")),
        },
    ),
    report(
        "recon.migrate-verify/1",
        "Whether a target is equal to its source.",
        "`recon migrate verify --json`",
        {
            "source": text("the SQLite file"),
            "target": text("the database"),
            "to_schema": text("the schema there"),
            "equal": flag("whether nothing differs"),
            "tables": listed(
                "each table", thing("a table", {"table": text("its name"), "equal": flag("whether it is"), **_VERDICT})
            ),
            "absent": names("tables that are not in the target"),
        },
    ),
    report(
        "recon.migrate-rejects/1",
        "What was loaded of a file of rejected rows.",
        "`recon migrate --rejects FILE --json`",
        {
            "loaded": count("rows that are in now"),
            "rejected": count("rows that still do not fit"),
            "rejects": maybe(text("the file that has them; null where none is left")),
        },
    ),
    Document(
        "recon.rejects/1",
        "Where rows belong, on the first line; then the rows that were rejected, each on a line of its own.",
        "each line of the file of `recon migrate --rejects-to`",
        either(
            "",
            file(
                "recon.rejects/1",
                "",
                "",
                {
                    "to": text("the schema of the target"),
                    "plan": {"$ref": "recon.migration-plan-1.json", "description": "the plan of the run"},
                },
            ).schema,
            line(
                "",
                "",
                "",
                thing(
                    "a row",
                    {
                        "table": text("where"),
                        "rowid": {"type": ["integer", "null"], "description": "its number in the source"},
                        "column": text("the value that does not fit"),
                        "reason": text("why"),
                        "value": cell("that value"),
                        "hex?": text("its bytes"),
                        "row": mapped("all values by column", cell("a value")),
                    },
                ),
            ).schema,
        ),
    ),
)
