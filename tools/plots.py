"""Draw the plots of docs/performance.md and its tables from docs/performance/*.json: `python -m tools.plots`.

SVG written by hand, without a font to fetch, in the colours of the reader's light or dark page; the same figures give
the same bytes, so a test can say that a picture is current.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from tools import figures
from tools.figures import Case, Results, shown

WIDTH, LABELS, BARS, MARGIN = 760, 176, 330, 18
ROW, TITLE, GAP, HEAD = 22, 24, 12, 48
CURVE_HEIGHT, CURVE_TOP, CURVE_LEFT, CURVE_BOTTOM = 230, 26, 44, 44
ENGINES = {"sqlite": "SQLite", "postgres": "Postgres"}
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, sans-serif"
STYLE = """
 .paper { fill: #fff; stroke: #d0d7de } .text { fill: #1f2328 } .quiet { fill: #59636e } .line { stroke: #d8dee4 }
 .ours { fill: #0f766e } .peer { fill: #a5b0bb } .goal { stroke: #b45309 } .curve { stroke: #0f766e }
 .met { fill: #0f766e } .missed { fill: #b42318 }
 @media (prefers-color-scheme: dark) {
  .paper { fill: #1c2128; stroke: #373e47 } .text { fill: #e6edf3 } .quiet { fill: #a3adb8 } .line { stroke: #373e47 }
  .ours { fill: #2dd4bf } .peer { fill: #6b7683 } .goal { stroke: #f5a524 } .curve { stroke: #2dd4bf }
  .met { fill: #2dd4bf } .missed { fill: #ff8d80 }
 }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A command of ours or of a peer; its goal is a number, or times what `of` took. Lower is better but `most`."""

    name: str
    label: str = ""
    peer: bool = False
    goal: float | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Bars on one scale: a case of a benchmark."""

    title: str
    benchmark: str
    case: str
    bars: tuple[Bar, ...]
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture: its heading, and what better means."""

    heading: str
    better: str
    groups: tuple[Group, ...]
    curve: tuple[str, str] | None = field(default=None)
    """Benchmark and case whose points are drawn below the bars."""


def peer(name: str, label: str = "") -> Bar:
    """A bar of somebody else's."""
    return Bar(name, label, peer=True)


def listing(server: str, distance: str, goal: float, exact: float | None = None) -> Group:
    """A server at a distance."""
    bars = (Bar("recon scan", goal=goal, of="rclone"), Bar("recon scan, exact times", goal=exact, of="rclone"))
    return Group(f"{server}, {distance}", "scan", f"{server}, {distance}", (*bars, peer("rclone")))


def growth(title: str, case: str, goal: float) -> Group:
    """What a git repository grows by in a day."""
    name = f"100000 rows, 1 % changed a day ({case})"
    return Group(f"git, {title}", "git", name, (Bar("a day", "recon backup", goal=goal),), "kB a day")


def copied(title: str, case: str) -> Group:
    """A database moved."""
    third = 1 / 3  # three times the peer's speed
    bars = (
        Bar("recon, not verified", goal=third, of="pgloader"),
        Bar("recon migrate", "recon, verified"),
        Bar("in Python, not verified", goal=third, of="pgloader"),
        Bar("in Python", "in Python, verified"),
        peer("floor", "floor: ready COPY files"),
        peer("pgloader"),
    )
    return Group(title, "migrate", case, bars)


def searched(what: str, case: str, engine: str) -> Group:
    """A search among a million records."""
    bars = (Bar("recon record search", goal=2, of="bare SQL"), peer("bare SQL"))
    return Group(f"{what}, {ENGINES[engine]}", "records", f"{case} of 1000000, {engine}", bars)


def added(engine: str) -> Group:
    """Records added one by one."""
    return Group(
        f"20 000 added one by one, {ENGINES[engine]}",
        "records",
        f"20000 adds, {engine}",
        (Bar("recon record add"), peer("raw inserts")),
    )


NEAR = tuple(listing(server, "0 ms", 0.7) for server in ("vsftpd", "ProFTPD", "Pure-FTPd", "OpenSSH"))
FAR = tuple(listing(server, "40 ms", 0.1, 0.2) for server in ("vsftpd", "ProFTPD", "Pure-FTPd"))
SEARCHES = (("all of a million", "all"), ("an owner's since a day", "owner since"), ("a piece of text", "text"))
NOTICE = (Bar("median"), Bar("worst"))
PLOTS: dict[str, Plot] = {
    "scan": Plot("Listing 1 001 directories of 4 files", "seconds, shorter is better", (
        *FAR, listing("OpenSSH", "40 ms", 0.15), *NEAR,
    )),
    "backup": Plot("A million rows out as JSON, and back", "shorter is better", (
        Group("SQLite, out", "backup", "SQLite, 1000000 rows, out", (
            Bar("recon backup export", goal=1.1, of="sqlite3 .dump"), Bar("recon, zstd"), Bar("recon, one process"),
            peer("sqlite3 .dump"), peer("sqlite-utils rows"),
        )),
        Group("SQLite, in", "backup", "SQLite, 1000000 rows, in", (
            Bar("recon backup import", goal=0.5, of="sqlite3 < dump"), Bar("recon, zstd"),
            peer("sqlite3 < dump"), peer("sqlite-utils insert"),
        )),
        Group("Postgres, out", "backup", "Postgres, 1000000 rows, out", (
            Bar("recon backup export", goal=2, of="pg_dump"), Bar("recon, one process"), peer("pg_dump"),
        )),
        Group("Postgres, in", "backup", "Postgres, 1000000 rows, in", (
            Bar("recon backup import", goal=1.25, of="psql < pg_dump"), peer("psql < pg_dump"),
        )),
        growth("a counter and a time, rows anywhere", "a counter and a time, scattered", 70),
        growth("a counter and a time, the last rows", "a counter and a time, at the end", 30),
        growth("a random double too, rows anywhere", "and a random double, scattered", 70),
        growth("a random double too, the last rows", "and a random double, at the end", 30),
    )),
    "migrate": Plot("SQLite into Postgres", "seconds, shorter is better", (
        copied("wide: 5 tables, 1.2 million rows, 337 MiB", "wide, 1200000 rows"),
        copied("narrow: 2 million rows, 40 MiB", "narrow, 2000000 rows"),
    )),
    "sync": Plot("Files and waiting records to Postgres", "seconds, shorter is better", (
        Group("5 000 files of 2 KB", "sync", "5000 files of 2 KB, files to rows",
              (Bar("recon sync", goal=4, of="COPY"), peer("COPY"))),
        Group("1 000 files of 20 KB", "sync", "1000 files of 20 KB, files to rows", (Bar("recon sync"), peer("COPY"))),
        Group("1 000 records in one batch", "sync", "1000 records in one batch",
              (Bar("recon sync, one batch", goal=1), peer("COPY"))),
        Group("100 000 waiting records, drained", "sync", "100000 records waiting, drained",
              (Bar("recon queue replay", goal=60), peer("COPY"))),
    )),
    "queue": Plot("The outbox", "seconds, shorter is better", (
        Group("5 000 items of 2 kB, put", "queue", "5000 items of 2000 B, put", (
            Bar("recon outbox"), Bar("recon outbox, one by one"), peer("persist-queue"),
            peer("litequeue", "litequeue, not durable"),
        )),
        Group("5 000 items of 2 kB, put and taken", "queue", "5000 items of 2000 B, put and taken", (
            Bar("recon outbox"), peer("persist-queue"), peer("litequeue", "litequeue, not durable"),
        )),
        Group("20 000 items of 200 B, put and taken", "queue", "20000 items of 200 B, put and taken", (
            Bar("recon outbox"), peer("litequeue", "litequeue, not durable"),
        )),
    )),
    "records": Plot("Records added, and searched among a million", "seconds, shorter is better", (
        *(searched(what, case, engine) for engine in ENGINES for what, case in SEARCHES), *map(added, ENGINES),
    )),
    "serve": Plot("Over HTTP", "", (
        Group("status of a job: longer is better", "serve", "2000 × status",
              (Bar("recon serve"), peer("bare FastAPI", "a bare FastAPI route")), "requests/s"),
        Group("search in a table of records: longer is better", "serve", "2000 × search",
              (Bar("recon serve"), peer("bare FastAPI", "a bare FastAPI route")), "requests/s"),
        Group("from a commit in Postgres to the notice: shorter is better", "serve",
              "200 notices, postgres, one after the other", NOTICE, "ms"),
        Group("from a POST to the notice, SQLite: shorter is better", "serve",
              "200 notices, sqlite, one after the other", NOTICE, "ms"),
    )),
    "reconstruct": Plot("Training splats on a CPU", "", (
        Group("one step of 30 000 Gaussians at 400×224, processor seconds: shorter is better", "train",
              "30000 Gaussians, 400×224",
              (Bar("recon", goal=0.2, of="torch autograd"), peer("torch autograd"))),
    ), ("train", "a whole training, 1500 steps")),
}  # fmt: skip


def drawn(plot: Plot, results: dict[str, Results]) -> str:
    """The picture as SVG."""
    y, parts = HEAD, []
    for group in plot.groups:
        case = results[group.benchmark].case(group.case)
        bars = [bar for bar in group.bars if bar.name in case.values()]  # a peer may be left out of a run
        parts += list(_group(group, case, bars, y))
        y += TITLE + ROW * len(bars) + GAP
    if plot.curve:
        benchmark, name = plot.curve
        parts += list(_curve(results[benchmark].case(name).points, y))
        y += CURVE_HEIGHT + GAP
    heading = f'<text class="text" x="{MARGIN}" y="28" font-size="16" font-weight="600">{escape(plot.heading)}</text>'
    better = f'<text class="quiet" x="{WIDTH - MARGIN}" y="28" text-anchor="end">{escape(plot.better)}</text>'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-size="12" font-family="{FONT}">'
    paper = f'<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{y - 1}" rx="6"/>'
    title = f"<title>{escape(plot.heading)}</title>"
    return "\n".join([opening, title, f"<style>{STYLE}</style>", paper, heading, better, *parts, "</svg>"]) + "\n"


def _group(group: Group, case: Case, bars: Sequence[Bar], y: int) -> Iterator[str]:
    values = [case.values()[bar.name] for bar in bars]
    said = [f"{case.said(bar.name)} {group.unit}" for bar in bars]
    goals = [_goal(bar, case.values()) for bar in bars]
    scale = BARS / max(*values, *(goal for goal in goals if goal is not None), 0)
    yield f'<path class="line" d="M{MARGIN} {y + 1.5}H{WIDTH - MARGIN}"/>'
    yield f'<text class="text" x="{MARGIN}" y="{y + 19}" font-weight="600">{escape(group.title)}</text>'
    for number, measured in enumerate(zip(bars, values, said, goals, strict=True)):
        yield from _bar(*measured, scale, y + TITLE + ROW * number)


def _bar(bar: Bar, value: float, said: str, goal: float | None, scale: float, y: int) -> Iterator[str]:
    left = MARGIN + LABELS
    kind, weight = ("peer", "") if bar.peer else ("ours", ' font-weight="600"')
    yield f'<text class="text" x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(bar.label or bar.name)}</text>'
    yield f'<rect class="{kind}" x="{left}" y="{y + 3}" width="{max(value * scale, 1.5):.1f}" height="16" rx="2"/>'
    end = left + value * scale
    if goal is not None:
        at = left + goal * scale
        yield f'<path class="goal" d="M{at:.1f} {y}V{y + ROW}" stroke-width="2"/>'
        end = max(end, at)
    yield f'<text class="text" x="{end + 8:.1f}" y="{y + 15}"{weight}>{escape(said)}</text>'
    if goal is not None:
        verdict = "met" if value <= goal else "missed"
        yield (
            f'<text class="{verdict}" x="{WIDTH - MARGIN}" y="{y + 15}" text-anchor="end">'
            f"goal {shown(goal)}: {verdict}</text>"
        )


def _goal(bar: Bar, values: Mapping[str, float]) -> float | None:
    if bar.goal is None or not bar.of:
        return bar.goal
    return bar.goal * values[bar.of] if bar.of in values else None


def _curve(points: Sequence[tuple[float, float]], y: int) -> Iterator[str]:
    """Held-out quality against processor seconds."""
    top, bottom, left, right = y + CURVE_TOP + 12, y + CURVE_HEIGHT - CURVE_BOTTOM + 8, CURVE_LEFT + MARGIN, WIDTH - 34
    low, high = int(min(value for _, value in points)), int(max(value for _, value in points)) + 1
    ticks = range(0, int(max(x for x, _ in points)) + 10, 10)

    def place(x: float, value: float) -> tuple[float, float]:
        return left + x / ticks[-1] * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    yield f'<path class="line" d="M{MARGIN} {y + 1.5}H{WIDTH - MARGIN}"/>'
    title = "a made scene of 50 views: held-out PSNR in dB, by CPU seconds of training"
    yield f'<text class="text" x="{MARGIN}" y="{y + 19}" font-weight="600">{title}</text>'
    for value in range(low, high + 1, 2):
        _, level = place(0, value)
        yield f'<path class="line" d="M{left} {level:.1f}H{right}"/>'
        yield f'<text class="quiet" x="{left - 8}" y="{level + 4:.1f}" text-anchor="end">{value}</text>'
    for tick in ticks:
        x, _ = place(tick, low)
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick}</text>'
    places = [place(*point) for point in points]
    line = " ".join(f"{x:.1f},{level:.1f}" for x, level in places)
    yield f'<polyline class="curve" points="{line}" fill="none" stroke-width="2"/>'
    for x, level in places:
        yield f'<circle class="ours" cx="{x:.1f}" cy="{level:.1f}" r="3"/>'


def pictures() -> dict[str, str]:
    """Each picture's name, and what it is by today's figures."""
    results = {one.name: one for one in figures.known()}
    return {f"speed-{name}.svg": drawn(plot, results) for name, plot in PLOTS.items()}


def main() -> None:
    """Write all pictures, and the tables of the page."""
    for name, picture in pictures().items():
        (figures.DOCS / "pictures" / name).write_text(picture, "utf-8")
    figures.PAGE.write_text(figures.page_of(figures.PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
