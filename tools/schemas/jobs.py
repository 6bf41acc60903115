"""Reconstruction jobs, their workers, and the operator's overview."""

from __future__ import annotations

from dataclasses import replace

from tools.schemas import plans
from tools.schemas.build import (
    Document,
    Schema,
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
    renamed,
    report,
    text,
    thing,
)
from tools.schemas.queue import STATUS

_JOB = text("its id")
_STAGES = mapped("what each stage gave and took, by its name", mapped("a stage", cell("a value")))
_COUNTS = mapped("jobs by state", count("jobs"))
_SPREAD = thing(
    "of the jobs that are done", {"least": number("of all"), "median": number("of all"), "most": number("of all")}
)


def _row(more: dict[str, Schema]) -> Schema:
    """A job's row: the table may be another program's and have more columns."""
    known: dict[str, Schema] = {
        "job_id": _JOB,
        "pub_key?": cell("the key of its public page"),
        "status": cell("its state"),
        "step?": cell("what it does now"),
        "progress?": cell("in percent"),
        "created_at?": cell("when, ISO 8601"),
        "started_at?": cell("when, ISO 8601"),
        "completed_at?": cell("when, ISO 8601"),
        "error_message?": cell("why it failed"),
        "error_stage?": cell("where it failed"),
        "queue_position": cell("its place among those that wait"),
        "worker?": cell("who runs it"),
        "worker_since?": cell("since when, ISO 8601"),
        "pool?": text("which workers take it"),
        "takings?": count("how often one took it"),
    }
    return {**thing("a job's row", {**known, **more}), "additionalProperties": cell("another column of the table")}


_REQUEST: dict[str, Schema] = {
    "photos": text("the folder"),
    "preset": text("how much care is taken"),
    "trainer": text("what trains"),
    "sfm": text("what solves the cameras"),
    "iterations": maybe(count("of the training; null leaves it to the preset")),
    "max_gaussians": maybe(count("at most; null leaves it to the preset")),
    "original_resolution": flag("whether photos keep their size"),
    "filtered": flag("whether floaters are removed"),
    "use_all_views": flag("whether the views held out are trained on in the end"),
    "seed": count("where random numbers begin"),
    "threads": maybe(count("at most")),
    "min_side_px": count("the shortest side that a photo may have"),
    "max_pixels": count("the most that a photo may have"),
    "max_bytes": maybe(count("the most that a photo may take")),
    "video_frames": count("frames of one video at most"),
    "train_command": text("the template of an external trainer"),
    "colmap": text("the program"),
    "memory_mb": maybe(count("for each stage")),
    "time_limit_s": maybe(number("for each stage")),
}
_PHOTO = thing(
    "a file",
    {
        "source": text("its path below the folder"),
        "verdict": text("what becomes of it", "taken", "rejected", "duplicate", "ignored"),
        "reason": text("why"),
        "warnings": names("what is odd about it"),
        "name": text("of the working copy"),
        "sha256": text("of the file"),
        "width": count("of the working copy, in pixels"),
        "height": count("of the working copy, in pixels"),
        "camera": text("camera, lens, focal length and size"),
        "focal_px": maybe(number("the focal length in pixels")),
        "gps": {"type": ["array", "null"], "items": {"type": "number"}, "description": "latitude and longitude"},
        "sharpness": number("the greater the sharper"),
        "masked": flag("whether it has a mask"),
    },
)
_SHORT = thing(
    "a job",
    {
        "job_id": _JOB,
        "step": cell("what it does now"),
        "progress": cell("in percent"),
        "image_count": cell("photos"),
        "gaussian_count": cell("Gaussians"),
        "error_stage": cell("where it failed"),
        "error_message": cell("why it failed"),
        "pub_key": cell("the key of its public page"),
        "created_at": cell("when, ISO 8601"),
        "started_at": cell("when, ISO 8601"),
        "completed_at": cell("when, ISO 8601"),
        "state": cell("its state"),
    },
)

_ERROR = mapped("an error of the job", cell("a value"))


def _shown() -> Document:
    more: dict[str, Schema] = {
        "log_tail": names("the last lines of its log"),
        "errors": listed("its errors", _ERROR),
        "stages": _STAGES,
        "folder": text("of the job"),
        "files": names("results"),
        "viewer": maybe(text("the page that shows the result")),
    }
    row = _row({})
    common = report("recon.job.show/1", "One job with its errors, stages and files.", "`recon job show --json`", more)
    schema = {
        **common.schema,
        "properties": {**common.schema["properties"], **row["properties"]},
        "required": [*common.schema["required"], *row["required"]],
        "additionalProperties": row["additionalProperties"],
    }
    return replace(common, schema=schema)


DOCUMENTS = (
    report(
        "recon.reconstruct/1",
        "A job that was run to its end.",
        "`recon reconstruct --json`, `recon job retry JOB --json`",
        {
            "job": _JOB,
            "status": cell("its state"),
            "folder": text("of the job"),
            "photos": text("the folder it was made of"),
            "preset": text("how much care was taken"),
            "stages": _STAGES,
            "files": names("results"),
            "out?": text("the folder that they were copied to"),
        },
    ),
    report(
        "recon.reconstruct.photos/1",
        "Which files of a folder can be used.",
        "`recon reconstruct --dry-run --json`",
        {"photos": listed("each file", _PHOTO), "counts": mapped("files by verdict", count("files"))},
    ),
    report(
        "recon.reconstruct.resume/1",
        "What a job has left to do.",
        "`recon reconstruct --resume JOB --dry-run --json`",
        {"job": _JOB, "stages": names("stages that are not done, in order")},
    ),
    report(
        "recon.reconstruct.queued/1",
        "A job that waits for a worker.",
        "`recon reconstruct --queue --json`",
        {"job": _JOB, "pool": text("which workers take it"), "folder": text("of the job")},
    ),
    file(
        "recon.job/1",
        "The wishes of a job; what is null is left to the preset.",
        "`job.json` in a job's folder",
        _REQUEST,
    ),
    file(
        "recon.job-report/1",
        "What a job was asked for, and what every stage gave and took.",
        "`report.json` among a job's results",
        {"job": _JOB, "request": thing("the wishes", _REQUEST), "stages": _STAGES},
    ),
    report(
        "recon.job.list/1",
        "All jobs, the newest first.",
        "`recon job list --json`",
        {"jobs": listed("jobs", _row({})), "counts": _COUNTS},
    ),
    _shown(),
    report(
        "recon.job.log/1",
        "The last lines that a job said.",
        "`recon job log --json`",
        {"job": _JOB, "path": text("the log's file"), "lines": names("lines")},
    ),
    report(
        "recon.job.cancel/1",
        "A job that was ended.",
        "`recon job cancel --json`",
        {"job": _JOB, "status": text("its state"), "seconds": number("until it had stopped")},
    ),
    report(
        "recon.job.again/1",
        "A job that waits again.",
        "`POST /jobs/JOB/retry` of `recon serve`",
        {"job": _JOB, "status": text("its state")},
    ),
    report(
        "recon.job.retry/1",
        "Jobs that went on, or would.",
        "`recon job retry --json` with several jobs, for workers, or with `--dry-run`",
        {
            "would?": names("in a dry run: ids"),
            "queued?": names("ids of jobs that wait for a worker"),
            "done?": names("ids of jobs that are done"),
            "failed?": names("ids of jobs that are not"),
        },
    ),
    report(
        "recon.job.delete/1",
        "Jobs that were deleted.",
        "`recon job delete --json`",
        {"deleted": names("ids"), "would": names("in a dry run: ids")},
    ),
    report(
        "recon.job.fetch/1",
        "A job's files, copied from where workers leave them.",
        "`recon job fetch --json`",
        {"job": _JOB, "folder": text("where they are now"), "files": names("paths")},
    ),
    report(
        "recon.job.stats/1",
        "How jobs ended, and what came out of them.",
        "`recon job stats --json`",
        {
            "counts": _COUNTS,
            "done": mapped("what was measured", _SPREAD),
            "stage_seconds": mapped("seconds by stage", _SPREAD),
            "failed_stages": mapped("failed jobs by stage", count("jobs")),
        },
    ),
    Document(
        "recon.job.rebuild/1",
        "What was written to the job table, or would be.",
        "`recon job rebuild --json`",
        either("", *(renamed(one, "recon.job.rebuild/1") for one in (plans.PLAN, plans.APPLIED))),
    ),
    report(
        "recon.worker/1",
        "What a worker did until it was stopped.",
        "`recon worker run --json`",
        {
            "worker": text("its name"),
            "taken": count("jobs it took"),
            "ended": count("jobs that ended"),
            "returned": count("jobs given back"),
            "died": count("tries whose process died"),
            "lost": count("jobs that another worker took"),
        },
    ),
    report(
        "recon.worker.init/1",
        "The workers' tables.",
        "`recon worker init --json`",
        {"schema_is": text("what was done")},
    ),
    file(
        "recon.overview/1",
        "How the machine fares, as the operator's page shows it.",
        "`GET /overview` and `/events` of `recon serve`",
        {
            "trouble?": text("why the database does not answer; then nothing but `amiss` is there"),
            "at?": text("when, ISO 8601"),
            "jobs?": thing(
                "reconstruction",
                {
                    "counts": _COUNTS,
                    "days": listed(
                        "the last days",
                        thing(
                            "a day",
                            {
                                "day": text("its date"),
                                "made": count("jobs"),
                                "done": count("jobs"),
                                "failed": count("jobs"),
                            },
                        ),
                    ),
                    "running": listed("jobs", _SHORT),
                    "waiting": listed("jobs", _SHORT),
                    "failed": listed("jobs", _SHORT),
                    "done": listed("jobs", _SHORT),
                },
            ),
            "queue?": thing(
                "the outbox",
                {
                    "there": flag("false where nothing was ever put"),
                    "trouble?": text("why it cannot be read"),
                    **{f"{name}?": schema for name, schema in STATUS.items()},
                },
            ),
            "drift?": listed(
                "tables that are checked",
                thing(
                    "a table",
                    {
                        "name": text("its name"),
                        "amiss": count("differences at the last check"),
                        "checks": listed("earlier checks", mapped("a check", cell("a number"))),
                    },
                ),
            ),
            "disk?": thing("the disk of the jobs", {"free_bytes": count("left"), "total_bytes": count("in all")}),
            "amiss": listed(
                "what is wrong, the worst first",
                thing(
                    "one thing",
                    {"what": text("a word for it"), "count": count("how much"), "where": text("where to look")},
                ),
            ),
            "depths?": listed("how deep the outbox was: seconds since 1970, items", listed("a sample", count(""))),
        },
    ),
)
