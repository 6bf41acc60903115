"""Loops over pixels and points, compiled by numba and kept in recon's cache folder.

numba reads where to keep them when it is first imported, so it is said here, before any module of this package can.
"""

import os

from recon_cli.ops.paths import cache_dir

FOLDER = cache_dir() / "kernels"
os.environ.setdefault("NUMBA_CACHE_DIR", str(FOLDER))
