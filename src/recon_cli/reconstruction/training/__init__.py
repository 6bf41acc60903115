"""From a solved scene to Gaussians: one interface, three backends."""
