"""Files on their way to a database, and records as they happen."""

from __future__ import annotations

from tools.schemas.build import (
    EXIT_CODE,
    PROBLEMS,
    Document,
    cell,
    count,
    either,
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

_SYNCED = {
    "system?": text("whose files"),
    "source": text("the folder"),
    "target": text("where rows go"),
    "files?": count("files that were looked at"),
    "new?": count("of them new or changed; in a dry run"),
    "put?": count("records that were put into the outbox"),
    "unchanged?": count("files that were sent before"),
    "being_written?": count("files that are not whole yet"),
    "unfit?": count("files that cannot be read"),
    "refused?": count("records that became dead letters"),
    "delivered?": count("records that the target took"),
    "retried?": count("records that wait for another attempt"),
    "buried?": count("records given up"),
    "stashed?": count("records whose values were stashed for want of a column"),
    "waiting?": count("records that still wait"),
    "notes?": {**PROBLEMS, "description": "files that were taken with a remark"},
    "took_s?": number("seconds"),
}
_INIT = {
    "target": text("the store"),
    "table": text("the main table"),
    "changed": flag("whether the statements were run"),
    "sql": names("the statements"),
}
_VERIFIED = {
    "source": text("the folder"),
    "target": text("the store"),
    "files": count("files that were read"),
    "unfit": count("files that cannot be read"),
    "changing": count("files that changed meanwhile"),
    "agree": flag("whether every file is in the target"),
    "tables": listed(
        "each table",
        thing(
            "a table",
            {
                "table": text("its name"),
                "expected": count("rows that the files make"),
                "found": count("rows that are there"),
                "missing": count("rows that are not"),
                "different": count("rows that are there with other values"),
                "others": count("rows of no file"),
                "sums": mapped(
                    "sums over columns, of both sides",
                    thing("a column", {"files": cell("of the files"), "target": cell("of the target")}),
                ),
            },
        ),
    ),
}


def _several(one: str, members: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    head: dict[str, dict[str, object]] = {"schema": {"const": one, "description": "its kind"}, "exit_code": EXIT_CODE}
    return {"targets": listed("one for each target", thing("as for one target", {**head, **members}))}


_ARCHIVE = "recon.record-archive/1"
_CONST = {"const": _ARCHIVE, "description": "the format and its version"}

DOCUMENTS = (
    report(
        "recon.sync/1",
        "What was sent, and what waits.",
        "`recon sync --once --json`, `recon sync --watch --json`",
        _SYNCED,
    ),
    report(
        "recon.sync-several/1",
        "The same for several targets.",
        "`recon sync --json` with several targets",
        _several("recon.sync/1", _SYNCED),
    ),
    report("recon.sync-init/1", "What makes a target fit.", "`recon sync init --json`", _INIT),
    report(
        "recon.sync-init-several/1",
        "The same for several targets.",
        "`recon sync init --json` with several targets",
        _several("recon.sync-init/1", _INIT),
    ),
    report("recon.sync-verify/1", "Whether every file is in the target.", "`recon sync verify --json`", _VERIFIED),
    report(
        "recon.sync-verify-several/1",
        "The same for several targets.",
        "`recon sync verify --json` with several targets",
        _several("recon.sync-verify/1", _VERIFIED),
    ),
    report(
        "recon.record-add/1",
        "What was added, and what waits.",
        "`recon record add --json`",
        {
            "system": text("whose records"),
            "table": text("the main table"),
            "target": text("the store"),
            "put": count("records that were put into the outbox"),
            "known": count("records that were sent lately"),
            "refused": count("records that became dead letters"),
            "unusual": count("records that were taken with a remark"),
            "unread": count("files that cannot be read"),
            "delivered": count("records that the target took"),
            "buried": count("records that the target refused for good"),
            "waiting": count("records that still wait"),
            "took_s": number("seconds"),
        },
    ),
    report("recon.record-init/1", "What makes the tables.", "`recon record init --json`", _INIT),
    report(
        "recon.record-search/1",
        "A page of records.",
        "`recon record search --json`, `GET /records/TABLE` of `recon serve`",
        {
            "records": listed("in the order that was asked for", mapped("a record by its columns", cell("a value"))),
            "table": text("where they are"),
            "found": count("records of this page"),
            "next": maybe(text("what `--after` takes to go on; null at the end")),
        },
    ),
    line(
        "recon.record/1",
        "A record by the columns that its system names.",
        "the lines of `recon record search --json-lines` and `recon record tail --json`",
        mapped("", cell("a value; times in ISO 8601, in UTC")),
    ),
    report(
        "recon.record-stats/1",
        "How many records there are.",
        "`recon record stats --json`",
        {
            "table": text("where they are"),
            "by": names("what they are counted by"),
            "total": count("all of them"),
            "groups": listed(
                "each group: its values by the words of `by`, and its `count`", mapped("a group", cell(""))
            ),
        },
    ),
    report(
        "recon.record-prune/1",
        "What was archived and deleted.",
        "`recon record prune --json`",
        {
            "table": text("where they were"),
            "before": text("records before this moment, ISO 8601"),
            "records?": count("in a dry run: how many there are"),
            "archive?": maybe(text("the archive's file; null where nothing is older")),
            "archived?": count("records in the archive"),
            "deleted?": count("records that were deleted"),
            "dropped?": names("partitions that were dropped whole"),
        },
    ),
    Document(
        _ARCHIVE,
        "Records that were archived: a first line, the records in order, and a last line with their number and sum.",
        "each line of the file of `recon record prune`",
        either(
            "",
            thing(
                "the first line",
                {
                    "archive": _CONST,
                    "target": text("where they were"),
                    "before": text("records before this moment, ISO 8601"),
                    "written_at": text("when, ISO 8601"),
                },
            ),
            thing("a record", {"table": text("where it was"), "row": mapped("its cells", cell("a value"))}),
            thing(
                "the last line",
                {
                    "archive": _CONST,
                    "rows": mapped("records by table", count("records")),
                    "sha256": text("of all lines before"),
                },
            ),
        ),
    ),
)
