"""`recon migrate`: plan, copy, verify, swap in."""
