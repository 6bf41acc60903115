"""Photos to Gaussian splats: photos judged, cameras solved, Gaussians trained, cleaned, written and shown."""
