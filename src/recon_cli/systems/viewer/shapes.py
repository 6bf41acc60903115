"""The tables of the viewer, in the layouts its two applications left behind, and how to tell them apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError
from recon_cli.core.schema import Column, ColumnType, ForeignKey, Merge, Schema

LOCAL = "local"
"""`data/models.db` beside the app: `file_paths` (JSON), relative to `files/`."""
WEB = "web"
"""`streamlit_3d.db` on the web host: three path columns, each path beginning with `files/`."""
FLAT = "local-flat"
"""An older `data/models.db`: three path columns, relative to `files/`."""

SPLIT_PATHS = ("obj_path", "mtl_path", "texture_paths")
_LOCAL_ONLY = frozenset({"last_accessed", "backup_paths"})

_ID = Column("id", nullable=False)
_NAME = Column("name", nullable=False)
_AUTHOR = Column("author")
_DESCRIPTION = Column("description")
_STORAGE = Column("storage_type", default="'web'")
_TOKEN = Column("share_token", nullable=False, unique=True, merge=Merge.PROTECT)
_KST_S = 9 * 3600
_CREATED = Column("created_at", ColumnType.TIMESTAMP, default="CURRENT_TIMESTAMP", naive_offsets_s=(_KST_S,))
_ACCESSED = Column("last_accessed", ColumnType.TIMESTAMP, merge=Merge.LIVE)
_COUNT = Column("access_count", ColumnType.INTEGER, default="0", merge=Merge.LIVE)
_HEIGHT = Column("real_height", ColumnType.REAL, default="1.0")
_BACKUP = Column("backup_paths", ColumnType.JSON)
_SPLIT = (Column("obj_path"), Column("mtl_path"), Column("texture_paths", ColumnType.JSON))
_HEAD = (_ID, _NAME, _AUTHOR, _DESCRIPTION)
_TAIL = (_CREATED, _ACCESSED, _COUNT, _HEIGHT)

_MODELS = {
    LOCAL: (*_HEAD, Column("file_paths", ColumnType.JSON, nullable=False), _BACKUP, _STORAGE, _TOKEN, *_TAIL),
    FLAT: (*_HEAD, *_SPLIT, _BACKUP, _STORAGE, _TOKEN, *_TAIL),
    WEB: (*_HEAD, _TOKEN, *_SPLIT, _STORAGE, _COUNT, _HEIGHT, _CREATED),
}

ANNOTATIONS = Schema(
    "annotations",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("model_token", nullable=False),
        Column("position_x", ColumnType.REAL),
        Column("position_y", ColumnType.REAL),
        Column("position_z", ColumnType.REAL),
        Column("text"),
        Column("completed", ColumnType.BOOLEAN, default="0"),
        _CREATED,
    ),
    ("id",),
    (ForeignKey("model_token", "models", "share_token", cascade=True),),
    "id",
    ("model_token", "text", "created_at"),
)
FEEDBACKS = Schema(
    "feedbacks",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        # hung on the model's id, with a point in the model and on the screen
        Column("model_id"),
        Column("x", ColumnType.REAL),
        Column("y", ColumnType.REAL),
        Column("z", ColumnType.REAL),
        Column("screen_x", ColumnType.REAL),
        Column("screen_y", ColumnType.REAL),
        Column("comment"),
        Column("feedback_type"),
        Column("status"),
        # hung on the share token, as annotations are
        Column("model_token"),
        Column("share_token"),
        Column("position_x", ColumnType.REAL),
        Column("position_y", ColumnType.REAL),
        Column("position_z", ColumnType.REAL),
        Column("text"),
        Column("author"),
        Column("completed", ColumnType.BOOLEAN),
        Column("created_at", ColumnType.TIMESTAMP),
    ),
    ("id",),
    (),
    "id",
    ("model_id", "model_token", "share_token", "comment", "text", "created_at"),
)


def schemas(shape: str) -> tuple[Schema, ...]:
    """The tables of a shape, models first.

    Both applications' feedback tables belong to every shape: what customers wrote has a place wherever it came from.
    """
    if shape not in _MODELS:
        raise DataError(f"the viewer has no table layout `{shape}`", hint=f"known are {', '.join(_MODELS)}")
    return (Schema("models", _MODELS[shape], ("id",)), ANNOTATIONS, FEEDBACKS)


def shape_for(columns: Mapping[str, Sequence[str]]) -> str | None:
    """The shape a target already has, by column names whatever their order; None without a table `models`.

    Raises:
        DataError: there is a table `models`, and it is not the viewer's.
    """
    if "models" not in columns:
        return None
    shape = _shape(frozenset(columns["models"]))
    if shape is None:
        raise DataError(
            "the table `models` is not the viewer's",
            cause=f"it has {', '.join(columns['models'])}",
            hint="name another target, or another system with `--system`",
        )
    return shape


def written_as(rows: Sequence[Mapping[str, Value]]) -> str | None:
    """The shape that the rows of a copy were written in, by their columns and, where those leave it open, paths."""
    names = frozenset(name for row in rows for name in row)
    shape = _shape(names)
    if shape == LOCAL or shape is None:
        return shape
    paths = [str(row["obj_path"]) for row in rows if row.get("obj_path")]
    if paths and not names & _LOCAL_ONLY:
        return WEB if any(path.replace("\\", "/").lstrip("/").startswith("files/") for path in paths) else FLAT
    return shape


def _shape(names: Collection[str]) -> str | None:
    if "id" not in names or "share_token" not in names:
        return None
    if "file_paths" in names:
        return LOCAL
    if "obj_path" not in names:
        return None
    return FLAT if _LOCAL_ONLY & frozenset(names) else WEB
