"""The jobs of `recon backup`: the only place where databases, snapshots and the places that keep them meet."""
