"""The trainer for machines without a GPU: numba kernels with gradients by hand."""

from recon_cli.reconstruction.training.cpu.trainer import TRAINER, warm

__all__ = ["TRAINER", "warm"]
