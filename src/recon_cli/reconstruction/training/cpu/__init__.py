"""The trainer for machines without a GPU: numba kernels with gradients by hand."""
