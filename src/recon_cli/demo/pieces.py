"""Small real files made from nothing: PNG, JPEG, OBJ, MTL, PLY. For synthetic twins only."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence

_LEVELS = 16


def png(shade: int, side: int = 4) -> bytes:
    """A valid grey PNG of `side` × `side` pixels."""
    rows = b"".join(b"\0" + bytes([shade % 256]) * side for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg(shade: int) -> bytes:
    """A valid baseline JPEG of 8 × 8 pixels; `shade` goes into a comment, so that two of them differ."""
    table = bytes([1] + [0] * 15 + [0])
    segments = (
        (0xFE, b"shade %d" % shade),
        (0xDB, b"\0" + b"\1" * 64),
        (0xC0, struct.pack(">BHHB", 8, 8, 8, 1) + b"\1\x11\0"),
        (0xC4, b"\x00" + table),
        (0xC4, b"\x10" + table),
        (0xDA, b"\1\1\0\0\x3f\0"),
    )
    body = b"".join(struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part for marker, part in segments)
    return b"\xff\xd8" + body + b"\x3f\xff\xd9"


def obj(rng: random.Random, height_cm: float, *, library: str, name: str, crlf: bool = False) -> bytes:
    """A closed box of `height_cm` with a jittered middle ring, as a modelling program exports it."""
    half, low = rng.uniform(20, 90), round(rng.uniform(-40, 40), 3)
    lines = ["# exported for the demo", f"mtllib {library}", *([f"o {name}"] if name else [])]
    for level in range(_LEVELS):
        y = low + height_cm * level / (_LEVELS - 1)
        ring = ((-half, -half), (half, -half), (half, half), (-half, half))
        lines += [f"v {x + rng.uniform(-1, 1):.4f} {y:.5f} {z:.4e}" for x, z in ring]
    lines += ["vt 0.0 0.0", "vt 1.0 1.0", "vn 0.0 1.0 0.0", "usemtl skin"]
    for level in range(_LEVELS - 1):
        first = level * 4 + 1
        lines += [f"f {first + k}/1/1 {first + (k + 1) % 4}/2/1 {first + 4 + k}/2/1" for k in range(4)]
    return ("\r\n" if crlf else "\n").join([*lines, ""]).encode()


def mtl(textures: Sequence[str], *, encoding: str = "utf-8", crlf: bool = False) -> bytes:
    """One material for each texture, with the options and folders that exporters leave in front of the name."""
    lines = ["# exported for the demo"]
    for number, texture in enumerate(textures):
        option = "-s 1 1 1 " if number % 2 else ""
        lines += [f"newmtl skin{number or ''}", "Kd 0.8 0.8 0.8", f"map_Kd {option}{texture}"]
    return ("\r\n" if crlf else "\n").join([*lines, ""]).encode(encoding)


def gaussians(count: int, *, cut: int = 0) -> bytes:
    """A splat cloud as PLY with 3 + 3 + 4 + 4 + 1 properties, `cut` bytes missing at its end."""
    names = ["x", "y", "z", *(f"f_dc_{n}" for n in range(3)), *(f"scale_{n}" for n in range(3))]
    names += [*(f"rot_{n}" for n in range(4)), "opacity"]
    head = "".join(f"property float {name}\n" for name in names)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{head}end_header\n".encode()
    body = header + b"".join(struct.pack(f"<{len(names)}f", *([row / 7] * len(names))) for row in range(count))
    return body[: len(body) - cut] if cut else body
