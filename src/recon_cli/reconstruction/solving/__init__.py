"""Cameras from photos: features, matches, a sparse model by a ladder of mappers, undistorted photos."""
