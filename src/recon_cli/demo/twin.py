"""A synthetic web host of the viewer, and the database it lost: tests and `recon demo` compare what comes back.

Names, people and numbers are made up from a seed; nothing here was ever a customer's.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from recon_cli.demo import pieces

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = dict[str, Cell]

STORE = "html/streamlit_data"
"""Where the application keeps its files, below the folder an FTP login lands in."""
BACKUP = "backup_20250901_030000_streamlit_3d.db"
_KST = timedelta(hours=9)
_CUSTOMERS = ("한빛전자", "두루상사", "가온기계", "새솔목공", "Nuri", "미르디자인")
_MODELS = ("로봇", "의자", "진열대", "Kiosk", "조명", "간판", "안내대")
_REMARKS = ("손잡이를 더 둥글게", "색이 너무 어둡습니다", "로고를 왼쪽으로", "the base is too thin", "다리 길이 확인")

LOCAL_MODELS = """CREATE TABLE models (id TEXT PRIMARY KEY, name TEXT NOT NULL, author TEXT, description TEXT,
 file_paths TEXT NOT NULL, backup_paths TEXT, storage_type TEXT DEFAULT 'web', share_token TEXT UNIQUE NOT NULL,
 created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, last_accessed TIMESTAMP, access_count INTEGER DEFAULT 0,
 real_height REAL DEFAULT 1.0)"""
WEB_MODELS = """CREATE TABLE models (id TEXT PRIMARY KEY, name TEXT NOT NULL, author TEXT, description TEXT,
 share_token TEXT UNIQUE NOT NULL, obj_path TEXT, mtl_path TEXT, texture_paths TEXT, storage_type TEXT DEFAULT 'web',
 access_count INTEGER DEFAULT 0, created_at DATETIME DEFAULT CURRENT_TIMESTAMP, real_height REAL DEFAULT 1.0)"""
ANNOTATIONS = """CREATE TABLE annotations (id INTEGER PRIMARY KEY AUTOINCREMENT, model_token TEXT NOT NULL
 REFERENCES models(share_token) ON DELETE CASCADE, position_x REAL NOT NULL, position_y REAL NOT NULL,
 position_z REAL NOT NULL, text TEXT NOT NULL, completed BOOLEAN DEFAULT 0,
 created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"""
FEEDBACKS = """CREATE TABLE feedbacks (id INTEGER PRIMARY KEY AUTOINCREMENT, model_id TEXT NOT NULL, x REAL, y REAL,
 z REAL, screen_x REAL, screen_y REAL, comment TEXT NOT NULL, feedback_type TEXT DEFAULT 'point',
 status TEXT DEFAULT 'pending', created_at DATETIME DEFAULT CURRENT_TIMESTAMP)"""


@dataclass(frozen=True, slots=True)
class Model:
    """The truth about one model. `textures` are the files as uploaded, `wanted` the names in its MTL."""

    id: str
    token: str
    name: str
    author: str
    description: str
    height_m: float
    created: datetime
    accessed: datetime
    visits: int
    textures: tuple[str, ...]
    wanted: tuple[str, ...]
    library: str
    object_name: str
    case: str

    @property
    def files(self) -> dict[str, object]:
        """Its paths as the local application writes them."""
        textures = [f"{self.id}/{name}" for name in self.textures]
        return {"obj_path": f"{self.id}/model.obj", "mtl_path": f"{self.id}/model.mtl", "texture_paths": textures}


@dataclass(frozen=True, slots=True)
class Twin:
    """A host on disk. `store` holds `files/`; `lost` is the vanished `models.db`, outside the tree."""

    root: Path
    store: Path
    lost: Path
    models: tuple[Model, ...]
    rows: tuple[Row, ...] = field(repr=False)
    """The rows of the lost `models`, as stored there (naive KST)."""
    annotations: tuple[Row, ...] = field(repr=False)
    feedbacks: tuple[Row, ...] = field(repr=False)


def make_host(root: Path, models: int = 50, seed: int = 1, *, database_copy: bool, lost: Path | None = None) -> Twin:
    """Write a host below `root` (made, must be empty) and the lost database beside it.

    The textures come in the proportions seen on real models: of five, two are stored under their name, one under what
    the uploader makes of it, one under another extension, one under a name of its own. `database_copy` puts
    `streamlit_3d.db` and an older backup of it on the host.
    """
    rng = random.Random(seed)  # noqa: S311  made-up data, nothing secret
    made = tuple(_model(rng, number) for number in range(models))
    store = root / STORE
    for number, model in enumerate(made):
        _write_files(store / "files" / model.id, model, rng, number)
    rows = tuple(map(_local_row, made))
    annotations, feedbacks = _annotations(rng, made), _feedbacks(rng, made)
    path = lost or root.parent / f"{root.name}-lost-models.db"
    write_database(path, {LOCAL_MODELS: ("models", rows), ANNOTATIONS: ("annotations", annotations)})
    if database_copy:
        _write_copies(store, made, annotations, feedbacks)
    return Twin(root, store, path, made, rows, annotations, feedbacks)


def write_database(path: Path, tables: Mapping[str, tuple[str, Sequence[Row]]]) -> None:
    """A SQLite database of these CREATE TABLE statements, each with its table's name and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, (table, rows) in tables.items():
            connection.execute(statement)
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",  # noqa: S608  names from this module
                    tuple(row.values()),
                )


def _model(rng: random.Random, number: int) -> Model:
    created = datetime(2025, 7, 1, 1, tzinfo=UTC) + timedelta(hours=31 * number, seconds=rng.randrange(3600))
    what = f"{rng.choice(_CUSTOMERS)}_{rng.choice(_MODELS)}{number}"
    height = round(rng.uniform(0.4, 4.8), 1)
    day = (created + _KST).strftime("%y%m%d")
    name = f"{day}_{what}_{height}m" if number % 5 < 3 else f"{day}_{what}"  # noqa: PLR2004  three of five names
    case, textures, wanted = _textures(number, name)
    older = f"{(created - timedelta(days=40)).strftime('%y%m%d')}_{what}"
    library, object_name = {
        3: ("model.mtl", name),
        4: (f"{older}.mtl", name),
    }.get(number % 5, (f"{name}.mtl", "" if number % 2 else older))
    return Model(
        _uuid(rng).hex,
        str(_uuid(rng)),
        name,
        rng.choice(("김하늘", "이도윤", "Park", "")),
        rng.choice(("", "시안 2차", "final, for the fair", "고객 확인 중")),
        height,
        created,
        created + timedelta(days=rng.randrange(1, 30), minutes=rng.randrange(600)),
        rng.randrange(200),
        textures,
        wanted,
        library,
        object_name,
        case,
    )


def _textures(number: int, name: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The case, the files as stored, and the names as the MTL has them."""
    plain = f"skin_{number}.png"
    folder = "C:\\작업\\텍스처\\"
    if number % 20 == 12:  # noqa: PLR2004  one in twenty
        return "dotfile", (".png",), ("로고.png",)
    if number % 20 == 17:  # noqa: PLR2004  one in twenty
        return "collision", ("1.jpg",), ("앞면(1).jpg", "앞면 1.jpg")
    return (
        ("exact", (plain,), (plain,)),
        ("exact", (plain, f"base_{number}.jpg"), (folder + plain, f"base_{number}.jpg")),
        ("sanitised", (f"_{number}_.png",), (f"로봇_{number}_앞면.png",)),
        ("extension", (f"skin_{number}.jpg",), (plain,)),
        ("only", (f"upload{number}.jpg",), (f"{name}_바탕.tga",)),
    )[number % 5]


def _uuid(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def _write_files(folder: Path, model: Model, rng: random.Random, number: int) -> None:
    folder.mkdir(parents=True)
    crlf = number % 3 == 1
    height_cm = model.height_m * 100 * rng.uniform(0.99, 1.01)
    shape = pieces.obj(rng, height_cm, library=model.library, name=model.object_name, crlf=crlf)
    (folder / "model.obj").write_bytes(shape)
    encoding = "cp949" if number % 7 == 2 else "utf-8"  # noqa: PLR2004  one in seven
    (folder / "model.mtl").write_bytes(pieces.mtl(model.wanted, encoding=encoding, crlf=crlf))
    for texture in model.textures:
        (folder / texture).write_bytes(pieces.png(number) if texture.endswith(".png") else pieces.jpeg(number))
    moment = model.created.timestamp()
    for path in (*folder.iterdir(), folder):
        os.utime(path, (moment, moment))


def _naive(moment: datetime, ahead: timedelta = timedelta()) -> str:
    return (moment + ahead).strftime("%Y-%m-%d %H:%M:%S")


def _local_row(model: Model) -> Row:
    return {
        "id": model.id,
        "name": model.name,
        "author": model.author,
        "description": model.description,
        "file_paths": json.dumps(model.files),
        "backup_paths": None,
        "storage_type": "web",
        "share_token": model.token,
        "created_at": _naive(model.created, _KST),
        "last_accessed": _naive(model.accessed, _KST),
        "access_count": model.visits,
        "real_height": model.height_m,
    }


def _web_row(model: Model) -> Row:
    return {
        "id": model.id,
        "name": model.name,
        "author": model.author,
        "description": model.description,
        "share_token": model.token,
        "obj_path": f"files/{model.id}/model.obj",
        "mtl_path": f"files/{model.id}/model.mtl",
        "texture_paths": json.dumps([f"files/{model.id}/{name}" for name in model.textures]),
        "storage_type": "web",
        "access_count": model.visits,
        "created_at": _naive(model.created),
        "real_height": model.height_m,
    }


def _annotations(rng: random.Random, models: Sequence[Model]) -> tuple[Row, ...]:
    return tuple(
        {
            "id": number,
            "model_token": model.token,
            **{f"position_{axis}": round(rng.uniform(-2, 2), 4) for axis in "xyz"},
            "text": rng.choice(_REMARKS),
            "completed": rng.randrange(2),
            "created_at": _naive(model.created + timedelta(days=2, minutes=number), _KST),
        }
        for number, model in enumerate(_some(rng, models), start=1)
    )


def _feedbacks(rng: random.Random, models: Sequence[Model]) -> tuple[Row, ...]:
    return tuple(
        {
            "id": number,
            "model_id": model.id,
            **{axis: round(rng.uniform(-2, 2), 4) for axis in "xyz"},
            "screen_x": float(rng.randrange(1280)),
            "screen_y": float(rng.randrange(720)),
            "comment": rng.choice(_REMARKS),
            "feedback_type": "point",
            "status": rng.choice(("pending", "done")),
            "created_at": _naive(model.created + timedelta(days=3, minutes=number)),
        }
        for number, model in enumerate(_some(rng, models), start=1)
    )


def _some(rng: random.Random, models: Sequence[Model]) -> Iterable[Model]:
    return [model for model in models for _ in range(rng.randrange(3))]


def _write_copies(store: Path, models: Sequence[Model], annotations: Sequence[Row], feedbacks: Sequence[Row]) -> None:
    """The web application's database in UTC, and a backup from before the last models came."""
    in_utc = [{**row, "created_at": _shifted(str(row["created_at"]))} for row in annotations]
    rows = [_web_row(model) for model in models]
    full = {
        WEB_MODELS: ("models", rows),
        ANNOTATIONS: ("annotations", in_utc),
        FEEDBACKS: ("feedbacks", list(feedbacks)),
    }
    write_database(store / "streamlit_3d.db", full)
    older = [{**row, "access_count": int(row["access_count"] or 0) // 2} for row in rows[: len(rows) * 4 // 5]]
    write_database(store / BACKUP, {WEB_MODELS: ("models", older)})


def _shifted(text: str) -> str:
    return _naive(datetime.fromisoformat(text) - _KST)
