"""Backups: what the commands say, and the files of a snapshot."""

from __future__ import annotations

from tools.schemas.build import (
    EXIT_CODE,
    Document,
    Schema,
    cell,
    count,
    file,
    flag,
    listed,
    mapped,
    maybe,
    names,
    number,
    report,
    text,
    thing,
)

_SNAPSHOT = text("the snapshot")
_WHERE = text("the destination")
_MADE = text("when, ISO 8601")
_AGES = {
    "drill_age_seconds": maybe(number("since the last drill that passed")),
    "last_drill_timestamp_seconds": maybe(number("when that was, in seconds since 1970")),
}
_CHANGES = {"added": count("rows"), "removed": count("rows"), "changed": count("rows")}
_KEPT_BESIDE = {
    "format": text("the snapshot's format"),
    "made": maybe(_MADE),
    "took_s": maybe(number("seconds")),
    "host": text("the machine that made it"),
    "rows": count("rows in it"),
    "source": text("the database, without a password"),
    "tool": text("who wrote it"),
    "changes": names("what became of each table since the snapshot before, where that is known"),
}
_COUNTS = {
    "inserted": count("new rows"),
    "updated": count("overwritten rows"),
    "deleted": count("removed rows"),
    "unchanged": count("rows that were so already"),
    "conflicts": count("rows that stayed as they are"),
}
_ONE = {
    "backup": text("its name"),
    "source": text("the database"),
    "snapshot": text("the snapshot"),
    "where": _WHERE,
    "changed": flag("false where nothing had changed since the last"),
    "rows": count("rows in it"),
    "size_bytes": maybe(count("of the snapshot, where that is known")),
    "note": maybe(text("what is odd about it")),
    "verified": flag("whether it was proven whole"),
    **_AGES,
    "removed": count("older snapshots that were removed"),
    "kept": maybe(count("snapshots that were kept")),
}


def _declared(words: str, members: dict[str, Schema]) -> Schema:
    return listed(words, thing("one of them; what has its usual value is left out", members))


_TABLES = _declared(
    "tables",
    {
        "name": text("its name"),
        "columns": _declared(
            "columns",
            {
                "name": text("its name"),
                "declared?": text("its type in the database's words"),
                "kind?": text("what its values are"),
                "nullable?": flag("whether it may be empty"),
                "default?": text("SQL"),
                "numbered?": text("how the database numbers it"),
                "generated?": text("how it is computed"),
                "expression?": text("SQL"),
                "collation?": text("how it is sorted"),
                "comment?": text("for people"),
            },
        ),
        "key?": names("columns of the primary key"),
        "key_name?": text("of its constraint"),
        "indexes?": _declared(
            "indexes",
            {
                "name": text("its name"),
                "parts": names("columns or SQL"),
                "unique?": flag("whether values are unique"),
                "where?": text("SQL"),
                "method?": text("the kind of index"),
                "expressions?": listed("which parts are SQL", count("the place of a part")),
                "constraint?": text("the constraint it was made for"),
                "sql?": text("the whole statement"),
            },
        ),
        "foreign_keys?": _declared(
            "foreign keys",
            {
                "columns": names("here"),
                "table": text("the other table"),
                "targets": names("columns there"),
                "name?": text("of the constraint"),
                "on_delete?": text("what then"),
                "on_update?": text("what then"),
                "deferrable?": text("when it is checked"),
            },
        ),
        "checks?": _declared("checks", {"expression": text("SQL"), "name?": text("of the constraint")}),
        "options?": mapped("words of the engine that belong to the table", text("a word")),
        "counter?": {"type": "integer", "description": "the last number given out"},
        "comment?": text("for people"),
        "sql?": text("the whole statement"),
    },
)

MANIFEST: dict[str, Schema] = {
    "tool": text("who wrote it"),
    "source": text("the database, without a password"),
    "consistency": text("what the source promised while it was read"),
    "compression": text("of the data files", "none", "zstd", "gzip"),
    "catalog": thing(
        "everything the database declares; what has its usual value is left out",
        {
            "engine": text("whose database it is"),
            "tables?": _TABLES,
            "objects?": _declared(
                "views, triggers, functions, types, sequences",
                {
                    "kind": text("what it is"),
                    "name": text("its name"),
                    "sql": text("the statement"),
                    "table?": text("the table it belongs to"),
                },
            ),
            "settings?": mapped("settings that are part of the content", cell("a text or a number")),
            "version?": text("of the engine"),
        },
    ),
    "tables": listed(
        "tables whose rows are there",
        thing(
            "a table",
            {
                "name": text("its name"),
                "folder": text("the folder of its data files"),
                "cut": thing(
                    "how rows are spread over files",
                    {
                        "scheme": text("the way", "range", "hash", "count"),
                        "size": count("the width, or rows of a file"),
                    },
                ),
                "rows": count("rows in it"),
                "content": text("the sum over its rows, in any order"),
                "tagged": names("columns in which a cell may be an object with a tag"),
                "shards": listed(
                    "data files",
                    thing(
                        "a file",
                        {
                            "name": text("without suffix"),
                            "rows": count("rows in it"),
                            "bytes": count("as stored"),
                            "plain_bytes": count("before compression"),
                            "sha256": text("of the file as stored"),
                        },
                    ),
                ),
            },
        ),
    ),
    "sha256": text("of everything before this line"),
}


def _manifest(name: str, words: str) -> Document:
    head: dict[str, Schema] = {"format": {"const": name, "description": "the format and its version"}}
    return Document(name, words, "`manifest.json` of a snapshot, under `format`", thing("", {**head, **MANIFEST}))


DOCUMENTS = (
    _manifest("recon.snapshot/2", "A snapshot's table of contents, as it is written now."),
    _manifest("recon.snapshot/1", "A snapshot's table of contents, as recon 0.1 wrote it."),
    file(
        "recon.snapshot-run/1", "When, where and how a snapshot was made.", "`run.json` beside a snapshot", _KEPT_BESIDE
    ),
    file(
        "recon.snapshot-archive/1",
        "The same for a snapshot in one file, with its size and sum.",
        "the `.json` beside an archive",
        {
            "file": text("the archive's name"),
            "size_bytes": count("of the archive"),
            "sha256": text("of the archive"),
            **_KEPT_BESIDE,
        },
    ),
    report(
        "recon.backup-export/1",
        "The snapshot that was made.",
        "`recon backup export --json`",
        {
            "source": text("the database"),
            "snapshot": text("its name"),
            "where": _WHERE,
            "changed": flag("false where nothing had changed since the last"),
            "size_bytes": maybe(count("of the snapshot, where that is known")),
            "rows": count("rows in it"),
            "consistency": text("what the source promised while it was read"),
            "note": maybe(text("what is odd about it")),
            "swept": names("left-overs of killed runs that were removed"),
            "tables": listed(
                "each table",
                thing(
                    "a table",
                    {
                        "table": text("its name"),
                        "rows": count("rows now"),
                        "rows_before": maybe(count("rows of the snapshot before")),
                        "files": count("data files"),
                        "bytes": count("of its files"),
                        "changed": flag("since the snapshot before"),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.backup-list/1",
        "The snapshots of a destination, the oldest first.",
        "`recon backup list --json`",
        {
            "where": _WHERE,
            "latest": maybe(text("the newest good one")),
            "latest_age_seconds": maybe(number("since it was made")),
            "snapshots": listed(
                "each of them",
                thing(
                    "a snapshot",
                    {
                        "name": text("its name"),
                        "made": _MADE,
                        "size_bytes": maybe(count("of it, where that is known")),
                        "fault": maybe(text("why it is not good")),
                        "newer_format": maybe(text("the format, where this recon is too old to read it")),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.backup-show/1",
        "What a snapshot holds.",
        "`recon backup show --json`",
        {
            "snapshot": _SNAPSHOT,
            "format": text("its format"),
            "tool": text("who wrote it"),
            "engine": text("whose database it is"),
            "version": text("of the engine"),
            "source": text("the database"),
            "consistency": text("what the source promised while it was read"),
            "compression": text("of the data files"),
            "settings": mapped("settings that are part of the content", cell("a text or a number")),
            "rows": count("rows in it"),
            "tables": listed(
                "each table",
                thing(
                    "a table",
                    {
                        "table": text("its name"),
                        "rows": count("rows in it"),
                        "files": count("data files"),
                        "bytes": count("of its files"),
                        "key": text("columns of its key"),
                        "columns": count("how many it has"),
                        "schema": listed(
                            "its columns",
                            thing(
                                "a column",
                                {
                                    "name": text("its name"),
                                    "type": text("in the database's words"),
                                    "kind": text("what its values are"),
                                    "nullable": flag("whether it may be empty"),
                                },
                            ),
                        ),
                    },
                ),
            ),
            "objects": listed(
                "views, triggers and the like",
                thing("one of them", {"kind": text("what it is"), "name": text("its name")}),
            ),
        },
    ),
    report(
        "recon.backup-sql/1",
        "The SQL that a snapshot carries.",
        "`recon backup show --sql --json`",
        {
            "snapshot": _SNAPSHOT,
            "sql": listed(
                "each piece",
                thing(
                    "a piece",
                    {
                        "where": text("what it belongs to"),
                        "plain": flag("false where it runs only with `--trust-sql`"),
                        "sql": text("the words"),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.backup-rows/1",
        "Rows of a table of a snapshot.",
        "`recon backup show --table --json`",
        {
            "snapshot": _SNAPSHOT,
            "table": text("its name"),
            "of": count("rows that the table has"),
            "columns": names("their names"),
            "rows": listed("rows", listed("a row by its columns", cell("a value"))),
        },
    ),
    report(
        "recon.backup-verify/1",
        "Whether a snapshot is whole and comes back.",
        "`recon backup verify --json`",
        {
            "snapshot": _SNAPSHOT,
            "files": count("data files that were read"),
            "rows": count("rows that were read"),
            "damaged": count("places that are damaged; `problems` names them"),
            "drill": maybe(text("where it was restored; null without a drill")),
            "differences": listed(
                "what came back otherwise",
                thing("a difference", {"table": text("where"), "reason": text("what differs")}),
            ),
            **_AGES,
        },
    ),
    report(
        "recon.backup-diff/1",
        "What differs between two snapshots or stores.",
        "`recon backup diff --json`",
        {
            "left": text("one side"),
            "right": text("the other side"),
            "equal": flag("whether nothing differs"),
            **_CHANGES,
            "tables": listed(
                "each table",
                thing(
                    "a table",
                    {
                        "table": text("its name"),
                        **_CHANGES,
                        "declared": names("what is declared otherwise"),
                        "first": listed(
                            "the first rows that differ",
                            thing(
                                "a row",
                                {
                                    "change": text("what became of it"),
                                    "key": cell("of the row"),
                                    "columns": cell("those that differ"),
                                },
                            ),
                        ),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.backup-import/1",
        "What was put into a database, or would be.",
        "`recon backup import --json`",
        {
            "snapshot": _SNAPSHOT,
            "target": text("the database"),
            "mode": text("what was done about rows that were there", "insert", "upsert", "replace", "merge"),
            "plan": flag("true where nothing was written"),
            "atomicity": maybe(text("what is not in one transaction; null where all is")),
            "tables": listed(
                "each table",
                thing("a table", {"table": text("its name"), "new": flag("whether it was made"), **_COUNTS}),
            ),
            "created_objects": names("indexes, views and the like that were made"),
            "notes": names("what was translated or left out"),
            "proof": maybe(text("how it was proven; null without")),
            **_COUNTS,
        },
    ),
    report(
        "recon.backup-prune/1",
        "Which snapshots stay and which go.",
        "`recon backup prune --json`",
        {
            "where": _WHERE,
            "dry_run": flag("true where nothing was removed"),
            "removed": count("how many"),
            "kept": count("how many"),
            "snapshots": listed(
                "each of them",
                thing(
                    "a snapshot",
                    {
                        "name": text("its name"),
                        "made": _MADE,
                        "verdict": text("what becomes of it", "keep", "remove"),
                        "why": text("the rules that keep it"),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.backup-plan/1",
        "The backups that would be made.",
        "`recon backup run --dry-run --json`",
        {
            "backups": listed(
                "each of them",
                thing(
                    "a backup",
                    {
                        "backup": text("its name"),
                        "from": text("the database"),
                        "to": text("the destination"),
                        "keep": text("the rules"),
                    },
                ),
            )
        },
    ),
    report(
        "recon.backup/1",
        "One backup: made, verified, older ones removed. It stands among `backups` of recon.backup-run/1.",
        "no command by itself",
        _ONE,
    ),
    report(
        "recon.backup-run/1",
        "Every backup of recon.toml.",
        "`recon backup run --json`, on one line",
        {
            "saved": count("backups that are new"),
            "unchanged": count("backups without a change since the last"),
            "failed": count("backups that failed"),
            "seconds": number("for all of them"),
            "backups": listed(
                "each of them",
                thing(
                    "a backup",
                    {
                        "exit_code": EXIT_CODE,
                        "seconds": number("for this one"),
                        "error": {"type": ["object", "null"], "description": "why it failed, as in recon.error/1"},
                        "backup": text("its name"),
                        **{f"{name}?": schema for name, schema in _ONE.items() if name != "backup"},
                    },
                ),
            ),
        },
    ),
)
