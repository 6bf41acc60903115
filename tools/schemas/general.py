"""Scans, settings, health, splats, and errors."""

from __future__ import annotations

from tools.schemas.build import (
    EXIT_CODE,
    cell,
    count,
    file,
    flag,
    line,
    listed,
    maybe,
    number,
    report,
    text,
    thing,
)

_POINT = listed("x, y and z, in the splat's unit", {"type": "number"})

DOCUMENTS = (
    file(
        "recon.error/1",
        "Why a command failed, on one line of standard error.",
        "every command with `--json` that fails",
        {
            "code": EXIT_CODE,
            "slug": text("the kind of error in a word"),
            "message": text("what could not be done"),
            "cause": maybe(text("why, in the other side's words where there are any")),
            "hint": maybe(text("what to type or to look at next")),
            "retryable": flag("whether the same command may succeed later without anybody's help"),
        },
    ),
    report(
        "recon.version/1",
        "What a bug report needs.",
        "`recon --version --json`",
        {
            "version": text("of recon"),
            "python": text("the version of Python"),
            "platform": text("the system it runs on"),
        },
    ),
    report(
        "recon.scan/1",
        "What a store holds in numbers, and whether the listing is proven complete.",
        "`recon scan --json`",
        {
            "url": text("the store, without a password"),
            "directories": count("folders in it"),
            "files": count("files in it"),
            "size_bytes": count("the sizes of all files together"),
            "complete": flag("whether every folder is proven complete"),
        },
    ),
    line(
        "recon.scan-entry/1",
        "A file, a folder or a link of a store.",
        "the lines of `recon scan --json-lines`",
        thing(
            "",
            {
                "path": text("below the store's root; bytes that are not UTF-8 are replaced"),
                "type": text("what it is", "file", "dir", "link", "other"),
                "size": maybe(count("in bytes, where it is known")),
                "mtime": maybe(text("when it was changed, ISO 8601 in UTC")),
                "mtime_precision": text("how exact that is"),
                "listed_by": text("the command or the way that told of it"),
                "raw_name?": text("its name as percent-encoded bytes, where it is not UTF-8"),
                "note?": text("what is odd about it"),
            },
        ),
    ),
    report(
        "recon.config/1",
        "Every setting that holds.",
        "`recon config show --json`",
        {
            "settings": listed(
                "one for each key",
                thing(
                    "a setting",
                    {
                        "key": text("its name in recon.toml"),
                        "value": cell("what it is set to; secrets are never shown"),
                        "layer": text(
                            "where it was set", "default", "system", "user", "project", "environment", "flag"
                        ),
                        "where": text("the file and line, or the variable"),
                    },
                ),
            )
        },
    ),
    report(
        "recon.config-check/1",
        "Whether the settings are right; what is wrong stands in `problems`.",
        "`recon config check --json`",
        {},
    ),
    report(
        "recon.doctor/1",
        "What was looked at, and what is wrong.",
        "`recon doctor --json`",
        {
            "checks": listed(
                "in the order they were made",
                thing(
                    "one check",
                    {
                        "check": text("what was looked at"),
                        "status": text("how it is", "ok", "warn", "fail"),
                        "detail": text("what was found"),
                        "mend": text("how to mend it; empty where nothing is wrong"),
                        "code": EXIT_CODE,
                    },
                ),
            )
        },
    ),
    report(
        "recon.demo/1",
        "What the tour did.",
        "`recon demo --json`",
        {
            "folder": text("where it is left, with an `index.html`"),
            "parts": listed(
                "the parts of the tour",
                thing(
                    "a part",
                    {
                        "name": text("its name, as `--only` takes it"),
                        "proven": text("what was proven; empty where it was skipped"),
                        "missing": text("what is not installed; empty where nothing is"),
                        "steps": listed(
                            "its commands",
                            thing(
                                "a step",
                                {
                                    "title": text("what it shows"),
                                    "command": text("what was typed"),
                                    "exit_code": EXIT_CODE,
                                    "output": text("what a terminal showed"),
                                },
                            ),
                        ),
                    },
                ),
            ),
        },
    ),
    report(
        "recon.serve/1",
        "Where the server listens; printed once it does.",
        "`recon serve --json`",
        {
            "url": text("its address"),
            "pid": count("its process"),
            "root": text("the folder that holds the jobs"),
        },
    ),
    report(
        "recon.splat-info/1",
        "What a splat holds.",
        "`recon splat info --json`",
        {
            "path": text("the file"),
            "format": text("how it is written"),
            "gaussians": count("Gaussians in it"),
            "degree": count("of its spherical harmonics, 0 to 3"),
            "size_bytes": count("of the file"),
            "valid": count("Gaussians that are numbers"),
            "bounds_min?": _POINT,
            "bounds_max?": _POINT,
            "middle?": _POINT,
            "mean_opacity?": number("from 0 to 1"),
            "median_size?": number("in the splat's unit"),
        },
    ),
    report(
        "recon.splat-convert/1",
        "What was written in another format.",
        "`recon splat convert --json`",
        {
            "source": text("the file that was read"),
            "target": text("the file that was written"),
            "format": text("of the target"),
            "read": count("Gaussians of the source"),
            "gaussians": count("Gaussians of the target"),
            "size_bytes": count("of the target; 0 in a dry run"),
            "written": flag("false in a dry run"),
        },
    ),
    report(
        "recon.splat-clean/1",
        "What was left out.",
        "`recon splat clean --json`",
        {
            "source": text("the file that was read"),
            "target": text("the file that was written"),
            "before": count("Gaussians of the source"),
            "after": count("Gaussians of the target"),
            "removed_by_neighbours": count("those far from all others"),
            "removed_by_clusters": count("those in small clusters"),
        },
    ),
    report(
        "recon.splat-view/1",
        "The page that was made.",
        "`recon splat view --json`",
        {
            "source": text("the splat"),
            "target": text("the page"),
            "size_bytes": count("of the page"),
        },
    ),
)
