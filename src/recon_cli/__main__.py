"""`python -m recon_cli`, for machines where `recon` is not on the path."""

from __future__ import annotations

from recon_cli.cli.main import program

if __name__ == "__main__":
    program()
