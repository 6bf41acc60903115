"""Reconstruct: a folder of photos to a Gaussian splat, with a row that remembers every stage."""
