"""Every key that settings know, in one table: the parser, `config show` and the reference page read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import urlsplit

Plain: TypeAlias = str | int | float | bool | tuple[str, ...]

NAMED = ("files", "stores", "tables", "backups", "syncs", "records")
"""Sections with a name of the operator's choice: `[files.NAME]`."""


class Kind(StrEnum):
    """What a value must be; the text is what an error message says was expected."""

    TEXT = "a text"
    ADDRESS = "a URL, or the path of a local file or folder"
    PATH = "a path"
    INTEGER = "a whole number of at least 1"
    NUMBER = "a number above 0"
    BOOLEAN = "true or false"
    SHARE = 'a share such as "10%", or a number from 0 to 1'
    TEXTS = "a list of texts"
    COMMAND = "a command: a text, or a list of words"


@dataclass(frozen=True, slots=True)
class Key:
    """One known key: where it stands, what it must be, what it means."""

    section: str
    name: str
    kind: Kind
    doc: str
    default: Plain | None = None
    choices: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The key as documents spell it: `files.NAME.url`, `scan.mtime`, `version`."""
        middle = ".NAME" if self.section in NAMED else ""
        return f"{self.section}{middle}.{self.name}".lstrip(".")

    @property
    def expected(self) -> str:
        """What an error message says was expected."""
        return "one of " + ", ".join(self.choices) if self.choices else self.kind.value

    def take(self, value: object) -> Plain:
        """A value of a TOML file, checked.

        Raises:
            ValueError: it is not what the key takes.
        """
        taken = _TAKE[self.kind](value)
        if self.choices and taken not in self.choices:
            raise ValueError(self.expected)
        return taken

    def parse(self, text: str) -> Plain:
        """The same from the text of an environment variable; lists are separated by commas.

        Raises:
            ValueError: it is not what the key takes.
        """
        return self.take(_PARSE.get(self.kind, str)(text))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _address(value: object) -> str:
    taken = _text(value)
    urlsplit(taken)  # refuses an IPv6 address without its bracket; a path has nothing that it could refuse
    return taken


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ValueError
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004  the caller turns this into one ConfigError
    return value


def _share(value: object) -> float:
    if isinstance(value, str):
        number, percent, rest = value.strip().partition("%")
        value = float(number) / (100 if percent else 1) if not rest else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError
    return float(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError  # noqa: TRY004  the caller turns this into one ConfigError
    return tuple(_text(item) for item in value)


def _command(value: object) -> str | tuple[str, ...]:
    taken = _text(value) if isinstance(value, str) else _texts(value)
    if not taken:
        raise ValueError
    return taken


def _parse_boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.strip().lower() not in words:
        raise ValueError
    return words[text.strip().lower()]


_TAKE: dict[Kind, Callable[[object], Plain]] = {
    Kind.TEXT: _text,
    Kind.ADDRESS: _address,
    Kind.PATH: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.SHARE: _share,
    Kind.TEXTS: _texts,
    Kind.COMMAND: _command,
}
_PARSE: dict[Kind, Callable[[str], object]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.BOOLEAN: _parse_boolean,
    Kind.TEXTS: lambda text: [item.strip() for item in text.split(",") if item.strip()],
}

_PLACE_SECRETS = (
    ("password_file", Kind.PATH, "a file whose first line is the password; keep it private (`chmod 600`)"),
    ("password_command", Kind.COMMAND, "a command whose first line of output is the password; run without a shell"),
)

_BACKUPS = tuple(
    Key("backups", *key)
    for key in (
        ("from", Kind.ADDRESS, "the database: a name from [stores] or a URL"),
        ("to", Kind.ADDRESS, "where its snapshots are kept: a name from [files], a URL, a folder or a git repository"),
        ("tables", Kind.TEXTS, "patterns of the tables to take; all where it is not set"),
        ("exclude", Kind.TEXTS, "patterns of tables to leave out"),
        (
            "compress",
            Kind.TEXT,
            "how data files, or archives, are compressed; archives with zstd if unset",
            None,
            ("none", "zstd", "gzip"),
        ),
        ("encrypt", Kind.TEXTS, "age recipients (`age1…`) that alone can read the snapshots"),
        ("shard_rows", Kind.INTEGER, "rows of one data file"),
        ("keep_last", Kind.INTEGER, "how many of the newest snapshots stay"),
        ("keep_daily", Kind.INTEGER, "for how many days the last snapshot of the day stays"),
        ("keep_weekly", Kind.INTEGER, "for how many weeks the last snapshot of the week stays"),
        ("keep_monthly", Kind.INTEGER, "for how many months the last snapshot of the month stays"),
        ("keep_yearly", Kind.INTEGER, "for how many years the last snapshot of the year stays"),
        ("max_drop", Kind.SHARE, "by how much rows may fall since the last snapshot before it is refused"),
        ("push", Kind.TEXT, "the git remote to push to afterwards, such as origin"),
        ("verify", Kind.TEXT, "how a new snapshot is proven", None, ("checksums", "drill")),
        ("drill_in", Kind.ADDRESS, "a server for the drill: a name from [stores] or a URL"),
        ("ping_url", Kind.TEXT, "a heartbeat of this backup: called at the start, on success and on failure"),
        ("textfile", Kind.PATH, "a file for node_exporter's textfile collector, ending in .prom"),
    )
)
_SYNCS = tuple(
    Key("syncs", name, kind, doc, choices=tuple(words))
    for name, kind, doc, *words in (
        ("system", Kind.TEXT, "whose files they are: gfx, containers, conversations"),
        ("from", Kind.ADDRESS, "the folder, such as the mount of a NAS: a name from [files] or a path"),
        ("to", Kind.ADDRESS, "the target: a name from [stores] or a URL"),
        ("copies", Kind.TEXTS, "more targets, names from [stores] or URLs; one that fails does not hold the others"),
        ("exclude_rooms", Kind.TEXTS, "conversations: patterns of rooms of which nothing is sent"),
        ("combined", Kind.TEXTS, "conversations: patterns of the file that holds all rooms once more"),
        ("zone", Kind.TEXT, "the time zone of times that say none, such as Asia/Seoul"),
        ("host", Kind.TEXT, "conversations: what this host is called in the rows; its own name if not set"),
        ("table", Kind.TEXT, "the main table, if it has not its usual name"),
        ("pattern", Kind.TEXT, "which files, as a pattern such as `*.json`"),
        ("registry", Kind.TEXT, "the list of PCs: a path, below `from` if relative"),
        ("observations", Kind.BOOLEAN, "whether to keep every place where a content was seen, in a second table"),
        ("on_drift", Kind.TEXT, "what happens when the target lost a column", "pause", "stash"),
        ("settle_s", Kind.NUMBER, "seconds between two equal looks at a file that make it ready"),
        ("patience_s", Kind.NUMBER, "seconds until a file that ends too early is given up"),
        ("rehash_s", Kind.NUMBER, "seconds until a file is read again although it looks the same"),
        ("poll_s", Kind.NUMBER, "seconds between two looks at the folders while watching"),
        ("rescan_s", Kind.NUMBER, "seconds between two looks at every file while watching"),
        ("batch", Kind.INTEGER, "records sent at once"),
        ("retries", Kind.INTEGER, "how often a refused record is tried again before it is given up"),
        ("rate", Kind.NUMBER, "records a second at most"),
        ("ping_url", Kind.TEXT, "a heartbeat of this sync: called at the start, on success and on failure"),
        ("textfile", Kind.PATH, "a file for node_exporter's textfile collector, ending in .prom"),
    )
)
_RECORDS = tuple(
    Key("records", *key)
    for key in (
        ("system", Kind.TEXT, "whose records they are: containers, conversations"),
        ("to", Kind.ADDRESS, "where they are: a name from [stores] or a URL"),
        ("table", Kind.TEXT, "the main table, if it has not its usual name"),
        ("zone", Kind.TEXT, "the time zone of times that say none, such as Asia/Seoul"),
        ("window_s", Kind.NUMBER, "seconds within which the same number is a duplicate; for `record init`"),
        ("batch", Kind.INTEGER, "records sent at once"),
        ("retries", Kind.INTEGER, "how often a refused record is tried again before it is given up"),
        ("archive_to", Kind.PATH, "the folder that `recon record prune` writes its archives to"),
        ("ping_url", Kind.TEXT, "a heartbeat of `prune`: called at the start, on success and on failure"),
    )
)

_SERVE = (
    Key(
        "serve",
        "host",
        Kind.TEXT,
        "the address that `recon serve` listens at; others than loopback need a token",
        "127.0.0.1",
    ),
    Key("serve", "port", Kind.INTEGER, "the port that it listens at", 8000),
    Key("serve", "token_file", Kind.PATH, "a file whose first line is the token for writing; keep it private"),
    Key(
        "serve", "token_command", Kind.COMMAND, "a command whose first line of output is the token; run without a shell"
    ),
    Key(
        "serve",
        "private",
        Kind.BOOLEAN,
        "whether reading needs the token, too; published viewers never do",
        default=False,
    ),
    Key("serve", "hosts", Kind.TEXTS, "names it is called by, besides localhost, such as recon.example.com"),
    Key("serve", "origins", Kind.TEXTS, "other sites whose pages may call it, such as https://app.example.com"),
    Key("serve", "worker", Kind.BOOLEAN, "whether it runs waiting jobs itself", default=True),
    Key(
        "serve", "vocabulary", Kind.TEXT, "the words for states in answers", "table", ("table", "running", "processing")
    ),
    Key("serve", "max_photos", Kind.INTEGER, "photos of one upload", 20),
    Key("serve", "max_photo_mb", Kind.NUMBER, "the largest photo of an upload", 30),
    Key("serve", "max_upload_mb", Kind.NUMBER, "the largest upload", 500),
    Key("serve", "max_sockets", Kind.INTEGER, "connections held open at the same time", 1000),
    Key("serve", "patience_s", Kind.NUMBER, "seconds that a client may keep it waiting", 30),
)

KEYS: tuple[Key, ...] = (
    Key("", "version", Kind.INTEGER, "the version of this file's format", 1),
    Key(
        "files",
        "url",
        Kind.ADDRESS,
        "where the files are: ftp, ftps, sftp, s3, http, https, file, or a folder; for snapshots also git",
    ),
    *(Key("files", name, kind, doc) for name, kind, doc in _PLACE_SECRETS),
    Key("files", "encoding", Kind.TEXT, "how names are encoded there: auto, utf-8, euc-kr, …"),
    Key(
        "files", "tls", Kind.TEXT, "TLS on FTP, where the URL does not say it", choices=("explicit", "implicit", "off")
    ),
    Key("files", "tls_verify", Kind.BOOLEAN, "whether the certificate must be valid"),
    Key("files", "ca_file", Kind.PATH, "certificates to trust besides the machine's own"),
    Key("files", "key_file", Kind.PATH, "the private key for SFTP"),
    Key("files", "known_hosts", Kind.PATH, "the SSH known_hosts file"),
    Key("files", "host_key", Kind.TEXT, "the SSH host key's fingerprint, `SHA256:…`, or `accept-new`"),
    Key("files", "zone", Kind.TEXT, "the time zone of the server's listings, such as Asia/Seoul"),
    Key("files", "branch", Kind.TEXT, "the branch of a git repository behind a network"),
    Key("files", "endpoint", Kind.TEXT, "the URL of an S3-compatible service; without, Amazon's"),
    Key("files", "region", Kind.TEXT, "the region of an S3 bucket"),
    Key("files", "access_key", Kind.TEXT, "the id of the S3 access key; its secret is the place's password"),
    Key("files", "timeout_s", Kind.NUMBER, "seconds without an answer before a connection is given up"),
    Key("files", "connections", Kind.INTEGER, "connections to this server at the same time"),
    Key("files", "retries", Kind.INTEGER, "how often a cut FTP connection is opened again"),
    Key("files", "dotfiles", Kind.TEXT, "on a web host whose index pages hide dotfiles: `none` says there are none"),
    Key("stores", "url", Kind.ADDRESS, "where the records are: sqlite, postgresql, mysql, redis, kv, firestore, git"),
    *(Key("stores", name, kind, doc) for name, kind, doc in _PLACE_SECRETS),
    Key("stores", "schema", Kind.TEXT, "the schema that holds the tables"),
    Key("stores", "branch", Kind.TEXT, "the branch of a git repository to write to; one of the host's own if not set"),
    Key("stores", "key_file", Kind.PATH, "the service account of Firestore, as JSON"),
    Key("stores", "ca_file", Kind.PATH, "certificates to trust besides the machine's own, for redis and kv"),
    Key("stores", "timeout_s", Kind.NUMBER, "seconds without an answer before a connection is given up"),
    Key("tables", "system", Kind.TEXT, "whose rules make records of files: viewer, reconstruction, …"),
    Key("tables", "from", Kind.ADDRESS, "the files: a name from [files] or a URL"),
    Key("tables", "to", Kind.ADDRESS, "the records: a name from [stores] or a URL"),
    Key("tables", "also", Kind.TEXTS, "older databases and JSON backups to take evidence from"),
    Key("tables", "take", Kind.TEXTS, "columns where new evidence may replace what is there"),
    Key("tables", "shape", Kind.TEXT, "the layout of a table that is to be created"),
    Key("tables", "zone", Kind.TEXT, "the time zone of naive times in `also`"),
    Key("scan", "connections", Kind.INTEGER, "connections to a server at the same time", 2),
    Key("scan", "mtime", Kind.TEXT, "how exact modification times are to be", "listed", ("exact", "listed", "none")),
    Key("scan", "encoding", Kind.TEXT, "how names are encoded: auto, utf-8, euc-kr, …", "auto"),
    Key("check", "max_drop", Kind.SHARE, "by how much counts may fall since the last check before it is an alarm"),
    Key("check", "textfile", Kind.PATH, "a file for node_exporter's textfile collector, ending in .prom"),
    Key("check", "hash", Kind.BOOLEAN, "whether to compare contents too", default=False),
    *_BACKUPS,
    *_SYNCS,
    *_RECORDS,
    Key("backup", "identity_file", Kind.PATH, "the age identity that opens encrypted snapshots; keep it private"),
    Key("backup", "workers", Kind.INTEGER, "processes that read a database at the same time", 2),
    Key(
        "backup", "max_drop", Kind.SHARE, "by how much rows may fall since the last snapshot before it is refused", 0.9
    ),
    Key("queue", "path", Kind.PATH, "the queue file; in the state folder if not set"),
    Key("queue", "max_items", Kind.INTEGER, "how many items the queue file holds; more are spilled", 10_000),
    Key("queue", "overflow", Kind.TEXT, "what a full queue does", "spill", ("spill", "block")),
    Key("reconstruct", "root", Kind.PATH, "the folder of the job folders", "recon-jobs"),
    Key(
        "reconstruct",
        "store",
        Kind.ADDRESS,
        "the job table: a name from [stores] or a URL; `jobs.db` in the root if not set",
    ),
    Key("reconstruct", "concurrent", Kind.INTEGER, "jobs of one root that run at the same time", 1),
    Key("reconstruct", "memory_mb", Kind.INTEGER, "memory of one stage; most of the machine's if not set"),
    Key("reconstruct", "time_limit_s", Kind.NUMBER, "seconds that one stage may take; its own limit if not set"),
    Key("reconstruct", "threads", Kind.INTEGER, "threads of one stage; all cores if not set"),
    Key("reconstruct", "min_side_px", Kind.INTEGER, "the shortest side of a photo that is taken", 100),
    Key("reconstruct", "max_megapixels", Kind.NUMBER, "the largest photo that is decoded", 120),
    Key("reconstruct", "max_photo_mb", Kind.NUMBER, "the largest photo file that is taken; any if not set"),
    Key("reconstruct", "video_frames", Kind.INTEGER, "the most frames that are taken of one video", 100),
    Key("reconstruct", "colmap", Kind.TEXT, "the COLMAP program, for `--sfm colmap`", "colmap"),
    Key("reconstruct", "train_command", Kind.TEXT, "the external trainer of `--trainer command`: a template"),
    *_SERVE,
    Key(
        "worker",
        "pool",
        Kind.TEXT,
        "which jobs a worker takes: `gpu` all, `cpu` those that need no GPU; `auto` looks for one",
        "auto",
        ("auto", "cpu", "gpu"),
    ),
    Key("worker", "concurrent", Kind.INTEGER, "jobs that one worker runs at the same time", 1),
    Key(
        "worker",
        "files",
        Kind.ADDRESS,
        "where workers find the files of jobs: a name from [files] or a URL; the shared root if not set",
    ),
    Key(
        "worker",
        "takeover_s",
        Kind.NUMBER,
        "seconds without a sign of life after which a worker's jobs go to others",
        30,
    ),
    Key(
        "worker",
        "tries",
        Kind.INTEGER,
        "how many workers a job may kill without finishing a stage before it has failed",
        3,
    ),
    Key(
        "worker",
        "scratch",
        Kind.PATH,
        "the folder on this machine where jobs are worked on; in the state folder if not set",
    ),
    Key("ping", "url", Kind.TEXT, "a heartbeat: called at the start, on success and on failure"),
    Key("state", "dir", Kind.PATH, "where checkpoints, histories and undo journals are kept"),
)

SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS if key.section))
_BY_PLACE = {(key.section, key.name): key for key in KEYS}


def find(section: str, name: str) -> Key | None:
    """The key `name` of a section; the root is the empty string."""
    return _BY_PLACE.get((section, name))


def names(section: str) -> tuple[str, ...]:
    """The key names of a section."""
    return tuple(key.name for key in KEYS if key.section == section)
