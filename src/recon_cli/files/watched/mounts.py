"""How a folder is mounted: over a network or through FUSE the kernel does not see what others write."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "davfs")
_OTHERS = ("virtiofs", "vboxsf", "vmhgfs", "prl_fs", "overlay")
_FAR = frozenset((*_NETWORK, *_OTHERS))
"""Overlay, too: what is written into its lower folders is not told."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


def kind_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the file system that a folder is on; None where the machine does not say."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    where = folder.resolve()
    best, kind = -1, None
    for words in (line.split(" ") for line in lines):
        point = Path(_ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), words[1]))
        if (where == point or point in where.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), words[2]  # of two at one place the later hides the other
    return kind


def is_far(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether a folder has to be polled: it is on a network or FUSE mount, or nobody knows."""
    kind = kind_of(folder, mounts)
    return kind is None or kind in _FAR or kind.startswith("fuse")
