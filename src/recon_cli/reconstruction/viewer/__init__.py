"""One HTML file that shows a splat, without a network."""

from recon_cli.reconstruction.viewer.page import write

__all__ = ["write"]
