"""`python -m recon_cli`, for machines where `recon` is not on the path."""

from __future__ import annotations

import sys

from recon_cli.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
