"""What a finished job gives away under its public key: viewer page and splats, by known names only."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response

from recon_cli.core.errors import NotFoundError
from recon_cli.core.states import State
from recon_cli.ops import lock
from recon_cli.reconstruction import work
from recon_cli.reconstruction.jobtable import Row
from recon_cli.web.answers import RefusedError
from recon_cli.web.serving import Serving

_ENDINGS = {".splat", ".ply", ".spz"}
_VIEWER = "viewer.html"
FETCHED = ".fetched"
"""Below the root: results of jobs that workers left elsewhere. Emptied at each start."""
_FETCH_S = 600
_OLDER = {
    "scene.splat": ("*/point_cloud/iteration_*/scene.splat",),
    "cloud.ply": ("export/cloud.ply", "*/point_cloud/iteration_*/point_cloud_filtered.ply"),
}
"""Where both generations of the reconstruction server left what is asked for."""
_SCRIPT_BYTES = 1 << 18
_WAITING = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>not ready yet</title>
<h3>Result is not ready yet. Please check again later.</h3></html>"""
_ENDED = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>no result</title><h3>This job ended without a result.</h3></html>"""


def job_of(serving: Serving, pub_key: str) -> Row:
    """The job of a public key.

    Raises:
        RefusedError: there is none.
    """
    try:
        if pub_key.isascii() and pub_key.isalnum():
            return serving.desk.table.of_key(pub_key)
    except NotFoundError:
        pass
    raise RefusedError(404, "Invalid viewer key")


def viewer(serving: Serving, pub_key: str, headers: Mapping[str, str]) -> Response:
    """The viewer page; a word where there is none yet."""
    row = job_of(serving, pub_key)
    if row.state is not State.DONE:
        return HTMLResponse(_ENDED if row.state in {State.FAILED, State.CANCELLED} else _WAITING)
    page = _file(serving, row, _VIEWER)
    stat = page.stat()
    policy = _policy(page, stat.st_mtime_ns, stat.st_size)
    return _sent(page, headers, "text/html; charset=utf-8", {"content-security-policy": policy})


def file(serving: Serving, pub_key: str, name: str, headers: Mapping[str, str]) -> Response:
    """A splat of a finished job."""
    row = job_of(serving, pub_key)
    if row.state is not State.DONE:
        raise RefusedError(404, "Result is not ready yet")
    found = _file(serving, row, name)
    return _sent(
        found, headers, "application/octet-stream", {"content-disposition": f'inline; filename="{found.name}"'}
    )


def _file(serving: Serving, row: Row, name: str) -> Path:
    """The file of that name. What is looked for is what lies there: the name is compared, never made a path of."""
    found = _files(_folder(serving, row)).get(name) if work.is_id(row.id) else None
    if found is None:
        raise RefusedError(404, "no such file")
    return found


def _folder(serving: Serving, row: Row) -> Path:
    """Where the job's result lies: its folder, or what was fetched of it from the depot of the workers, once."""
    here = serving.desk.work(row.id).folder
    if serving.fleet is None or (here / "result").is_dir() or serving.desk.table.fleet.run(row.id) is None:
        return here
    there = serving.desk.root / FETCHED / row.id
    if not (there / "result").is_dir():
        if serving.desk.table.fleet.kept(row.id):
            raise RefusedError(404, "Result is not ready yet")  # a worker brings it home just now
        from recon_cli.jobs.worker import depot  # noqa: PLC0415  only where there are workers

        there.mkdir(parents=True, exist_ok=True)
        with lock.waited_for(there / ".lock", _FETCH_S):
            if not (there / "result").is_dir():
                depot.results(serving.fleet.files, row.id, there / "result")
    return there


def _files(folder: Path) -> dict[str, Path]:
    """What may be given away, by name."""
    found: dict[str, Path] = {}
    for name, patterns in _OLDER.items():
        there = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
        if there:
            found[name] = there[0]
    result = folder / "result"
    for path in result.iterdir() if result.is_dir() else ():
        if path.is_file() and not path.is_symlink() and (path.suffix in _ENDINGS or path.name == _VIEWER):
            found[path.name] = path
    if "scene.ply" in found:
        found["cloud.ply"] = found["scene.ply"]
    return found


def _sent(path: Path, headers: Mapping[str, str], kind: str, more: Mapping[str, str]) -> Response:
    """The file, with ranges; nothing where the caller has it already."""
    sent = FileResponse(path, media_type=kind, stat_result=path.stat(), headers={**more, "cache-control": "no-cache"})
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    if sent.headers["etag"] in known or "*" in known:
        return Response(status_code=304, headers={"etag": sent.headers["etag"], "cache-control": "no-cache"})
    return sent


@lru_cache(maxsize=256)
def _policy(page: Path, _changed_ns: int, size: int) -> str:
    """What a viewer page may do: run the one script that it holds, by its sum, and nothing of anybody else."""
    with page.open("rb") as opened:
        head = opened.read(_SCRIPT_BYTES)
        opened.seek(max(0, size - _SCRIPT_BYTES))
        tail = opened.read()
    style, script = _inside(head, b"<style>", b"</style>"), _inside(tail, b"<script>", b"</script>")
    return f"default-src 'none'; script-src {script}; style-src {style}; frame-ancestors 'self'; base-uri 'none'"


def _inside(raw: bytes, begin: bytes, end: bytes) -> str:
    """The sum of the last element between these tags, as a policy names it."""
    content = raw.rpartition(begin)[2].rpartition(end)[0]
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
