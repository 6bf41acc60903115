"""Photos to Gaussian splats: what each stage does; `jobs` runs them."""
