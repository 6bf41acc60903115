"""Recovery and drift: plans, runs, undo, checks, sidecars."""

from __future__ import annotations

from tools.schemas.build import (
    EXIT_CODE,
    PROBLEMS,
    Document,
    cell,
    count,
    either,
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

VALUE = cell("a value; what JSON has no kind for is an object with a tag: `$b` bytes, `$n` a decimal, `$t` a time, …")
ROW = mapped("a row by its columns", VALUE)
KEY = listed("the values of the key's columns", VALUE)
EVIDENCE = thing(
    "where a value may come from",
    {
        "value": VALUE,
        "source": text("a file, a listing, a copy of the database"),
        "method": text("how it was told from there"),
        "confidence": number("from 0 to 1"),
        "note?": text("what is odd about it"),
    },
)
CHANGES = listed(
    "rows to write, in order",
    thing(
        "one row",
        {
            "kind": text("what is done", "create", "update", "delete"),
            "table": text("where"),
            "key": KEY,
            "after": {**ROW, "type": ["object", "null"]},
            "before": {**ROW, "type": ["object", "null"]},
            "evidence": mapped("the candidates of each column, the chosen one first", listed("candidates", EVIDENCE)),
            "reason": text("why"),
        },
    ),
)
FINGERPRINTS = mapped(
    "what the tables held, by table",
    thing("a table", {"rows": count("rows in it"), "digest": text("over all of them")}),
)
_UNDO = "recon.undo/1"
_NUMBERS = {"create": count("new rows"), "update": count("changed rows"), "delete": count("removed rows")}
_HISTORY = {
    "at": text("when, ISO 8601 in UTC"),
    "items": count("items among the files"),
    "rows": count("rows of the table"),
    "orphans": count("items without a row"),
    "missing": count("rows without files"),
    "changed": count("files that are not as accepted"),
    "marked": count("rows marked as missing"),
    "unproven": count("folders that are not proven complete"),
    "alarm": count("1 when a count fell too far"),
}

PLAN = file(
    "recon.plan/1",
    "What `recon recover` would write, with the evidence for every field.",
    "`recon recover --json`, the file of `--plan-out`, `plan.json` of a run",
    {
        "summary?": text("the line that a person reads; not in files"),
        "exit_code?": EXIT_CODE,
        "system": text("whose rules made it"),
        "shape": text("the table layout"),
        "source": text("the files' URL"),
        "target": text("the records' URL"),
        "source_name": text("the files' name in recon.toml, if there is one"),
        "target_name": text("the records' name in recon.toml, if there is one"),
        "made_at": text("when, ISO 8601 in UTC"),
        "base": FINGERPRINTS,
        "unchanged": count("rows that are right already"),
        "changes": CHANGES,
        "conflicts": listed(
            "fields in which the row and the evidence disagree; nothing is written there",
            thing(
                "one field",
                {
                    "table": text("where"),
                    "key": KEY,
                    "column": text("the field"),
                    "have": VALUE,
                    "candidates": listed("what the evidence says", EVIDENCE),
                    "note": text("more about it"),
                },
            ),
        ),
        "problems": PROBLEMS,
        "digest?": text("SHA-256 over the plan; in a run's folder"),
    },
)
APPLIED = report(
    "recon.apply/1",
    "What was written.",
    "`recon apply --json`, `recon recover --apply --json`, `recon check --repair --apply --json`",
    {
        "run": maybe(text("by which `recon undo` takes it back; null where there was nothing to write")),
        "target": text("the records' URL"),
        "already_applied": flag("whether this plan had been applied before; nothing was written again"),
        "changes": thing("how many rows", _NUMBERS),
        "conflicts": count("fields left as they were"),
    },
)

DOCUMENTS = (
    PLAN,
    APPLIED,
    Document(
        _UNDO,
        "A run that was taken back; in a run's folder, what takes it back.",
        "`recon undo RUN --json`, `undo.json` of a run",
        either(
            "",
            report(
                _UNDO,
                "",
                "",
                {
                    "run": text("its name"),
                    "target": text("the records' URL"),
                    "changes": count("changes taken back"),
                },
            ).schema,
            file(
                _UNDO,
                "",
                "",
                {
                    "changes": CHANGES,
                    "created_tables": names("tables that the run made"),
                    "counters": mapped("the last number given out, by table", cell("a number")),
                    "base": FINGERPRINTS,
                    "result": FINGERPRINTS,
                },
            ).schema,
        ),
    ),
    report(
        "recon.runs/1",
        "What was applied, the newest first.",
        "`recon undo --json`, `recon undo RUN --dry-run --json`",
        {
            "runs": listed(
                "runs",
                thing(
                    "a run",
                    {
                        "run": text("its name"),
                        "state": text("how far it came"),
                        "system": text("whose rules made the plan"),
                        "target": text("the records' URL"),
                        "changes": count("changes of the plan"),
                    },
                ),
            )
        },
    ),
    report(
        "recon.check/1",
        "Whether files and records agree, both ways.",
        "`recon check --json`",
        {
            "source": text("the files' URL"),
            "target": text("the records' URL"),
            "items": count("items among the files"),
            "rows": count("rows of the table"),
            "orphans": count("items without a row"),
            "missing": count("rows without files"),
            "changed": count("files that are not as accepted"),
            "marked_missing": count("rows marked as missing already"),
            "complete": flag("whether every folder is proven complete"),
            "alarm": maybe(text("which count fell too far")),
            "differences": listed(
                "each of them",
                thing(
                    "one difference",
                    {
                        "drift": text("its kind"),
                        "key": text("of the row"),
                        "path": text("of the file or folder"),
                        "reason": text("what differs"),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.check-history/1",
        "What earlier checks counted, the oldest first.",
        "`recon check --history --json`",
        {"checks": listed("checks", thing("a check", _HISTORY))},
    ),
    report(
        "recon.rebuild/1",
        "Files that were put together from what a store holds.",
        "`recon recover --system conversations --json`",
        {
            "store": text("the store's URL"),
            "folder": text("where they belong"),
            "written": flag("false where only the plan was shown"),
            "new": count("files that are not here"),
            "grown": count("files of which the one here is a beginning"),
            "same": count("files that are as here"),
            "behind": count("files that go on here"),
            "different": count("files that went different ways; the one here stays"),
            "files": listed(
                "each of them",
                thing(
                    "a file",
                    {
                        "path": text("below the folder"),
                        "state": text("what it is to the one here", "new", "grown", "same", "behind", "different"),
                        "size_bytes": count("of the file that was put together"),
                        "exact": flag("whether it is byte for byte what was sent"),
                    },
                ),
            ),
        },
    ),
    file(
        "recon.sidecar/1",
        "An item's row, kept beside its files so that it can come back from there.",
        "`_recon.json` beside an item",
        {
            "system": text("whose rules"),
            "table": text("where the row belongs"),
            "row": ROW,
            "files?": mapped("the sizes of the files it was written for, by path", maybe(count("in bytes"))),
        },
    ),
)
