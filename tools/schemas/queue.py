"""The outbox and its dead letters."""

from __future__ import annotations

from tools.schemas.build import (
    Document,
    count,
    either,
    file,
    flag,
    line,
    listed,
    mapped,
    maybe,
    number,
    report,
    text,
    thing,
)

_META = mapped("what came along with it", text("a value"))
_HEAD = {
    "id": count("its number"),
    "target": text("where it is to go"),
    "table": text("the table there"),
    "key": text("what makes it the same thing"),
    "age_s": number("how long it has been there"),
    "size_bytes": count("of its content"),
    "failures": count("attempts that failed"),
    "detail": text("what the target said last"),
    "meta": _META,
}
_WHOLE = {
    "id": count("its number"),
    "target": text("where it is to go"),
    "table": text("the table there"),
    "key": text("what makes it the same thing"),
    "meta": _META,
    "put_at": number("when it was put, in seconds since 1970"),
    "failures": count("attempts that failed"),
    "payload?": text("its content, where that is UTF-8"),
    "payload_base64?": text("its content, where it is not"),
    "digest": text("over its content, in hex"),
}
_BURIED = {
    "reason": text("why it was given up"),
    "detail": text("what the target said"),
    "buried_at": number("when, in seconds since 1970"),
}
_ACCOUNTS = {
    "put": count("items that ever came in"),
    "acked": count("items that were delivered"),
    "dropped": count("items that an operator threw away"),
    "lost": count("items lost to damage"),
}
_IDS = {"ids": listed("numbers of dead letters", count("a number"))}
_TAKEN = {
    "new": count("items that are new here"),
    "new_dead": count("dead letters that are new here"),
    "known": count("those that were known already"),
}

STATUS = {
    "depth": count("items that wait"),
    "oldest_age_s": maybe(number("how long the oldest has waited")),
    "in_flight": count("items that somebody is delivering"),
    "spilled": count("items set aside on disk because the target is away"),
    "dead": count("dead letters"),
    **_ACCOUNTS,
    "by_failures": mapped("waiting items by how often they failed", count("items")),
    "dead_by_reason": mapped("dead letters by reason", count("dead letters")),
    "waiting_by_table": listed(
        "waiting items by table",
        thing("a table", {"target": text("whose"), "table": text("its name"), "items": count("that wait")}),
    ),
    "circuits": listed(
        "targets and tables that are paused",
        thing(
            "a pause",
            {
                "target": text("who"),
                "table": text("its table; empty for all"),
                "failure": text("why, in a word"),
                "detail": text("what the target said"),
            },
        ),
    ),
    "size_bytes": count("of the queue's file"),
    "spilled_bytes": count("of what was set aside"),
    "estimated_s": maybe(number("how long delivering will take, as it goes now")),
}

_QUEUE = "recon.queue/1"

DOCUMENTS = (
    Document(
        _QUEUE,
        "How much waits, since when, and what is wrong.",
        "`recon queue status --json`, `GET /queue` of `recon serve`",
        either(
            "",
            report(_QUEUE, "", "", {"path?": text("the queue's file; not over HTTP"), **STATUS}).schema,
            file(
                _QUEUE,
                "",
                "",
                {"summary": text("that nothing was ever put"), "depth": count("0"), "dead": count("0")},
            ).schema,
        ),
    ),
    report(
        "recon.queue-peek/1",
        "The oldest items, without their contents.",
        "`recon queue peek --json`",
        {"items": listed("items", thing("an item", {**_HEAD, "leased_by": text("who is delivering it; else empty")}))},
    ),
    report(
        "recon.queue-verify/1",
        "Whether every item that was put is accounted for.",
        "`recon queue verify --json`",
        {
            "path": text("the queue's file"),
            "right": flag("whether it is"),
            "accounts": thing(
                "where items are",
                {
                    **_ACCOUNTS,
                    "waiting": count("items that wait"),
                    "spilled": count("items set aside on disk"),
                    "dead": count("dead letters"),
                },
            ),
        },
    ),
    report(
        "recon.queue-export/1",
        "What was written to a file.",
        "`recon queue export --json`, `recon queue dead export --json`",
        {
            "to": text("the file"),
            "items": count("lines in it"),
            "waiting?": count("of them, items that wait"),
            "dead?": count("of them, dead letters"),
            "size_bytes": count("of the file"),
        },
    ),
    line(
        "recon.queue-item/1",
        "An item, or a dead letter, with its content.",
        "the lines of `recon queue export` and `recon queue dead export`",
        thing("", {**_WHOLE, **{f"{name}?": schema for name, schema in _BURIED.items()}}),
    ),
    report(
        "recon.queue-import/1",
        "What was taken in from a file of `recon queue export`.",
        "`recon queue import --json`",
        _TAKEN,
    ),
    report(
        "recon.queue-adopt/1",
        "What was taken over from an older service's queue.",
        "`recon queue adopt --json`",
        _TAKEN,
    ),
    report(
        "recon.queue-replay/1",
        "What was delivered now.",
        "`recon queue replay --json`",
        {
            "targets": listed(
                "one for each target",
                thing(
                    "a target",
                    {
                        "target": text("its name or URL"),
                        "delivered": count("items it took"),
                        "retried": count("items that wait for another attempt"),
                        "buried": count("items given up"),
                        "waiting": count("items that still wait"),
                    },
                ),
            ),
            "delivered": count("items of all targets"),
            "waiting": count("items of all targets that still wait"),
        },
    ),
    report(
        "recon.queue-dead/1",
        "The dead letters, without their contents.",
        "`recon queue dead list --json`",
        {
            "dead": listed(
                "dead letters",
                thing(
                    "a dead letter",
                    {**_HEAD, "reason": text("why it was given up"), "buried_at": text("when, ISO 8601 in UTC")},
                ),
            )
        },
    ),
    report(
        "recon.queue-dead-letter/1", "One dead letter whole.", "`recon queue dead show --json`", {**_WHOLE, **_BURIED}
    ),
    report(
        "recon.queue-requeue/1",
        "Dead letters that wait again.",
        "`recon queue dead requeue --json`",
        {"requeued": count("how many")},
    ),
    report(
        "recon.queue-requeued/1",
        "Dead letters that would wait again.",
        "`recon queue dead requeue --dry-run --json`",
        _IDS,
    ),
    report(
        "recon.queue-drop/1",
        "Dead letters that were thrown away.",
        "`recon queue dead drop --json`",
        {"dropped": count("how many")},
    ),
    report(
        "recon.queue-dropped/1",
        "Dead letters that would be thrown away.",
        "`recon queue dead drop --dry-run --json`",
        _IDS,
    ),
)
