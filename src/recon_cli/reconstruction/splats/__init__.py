"""Files of Gaussians: `.ply`, `.splat` and `.spz`, read and written."""
