"""Stores that hold rows as documents: key-value stores, Firestore, git. They declare nothing and keep no constraints.

Each adapter is a `Documents` (base.py); record store (held.py) and sink (landed.py) are written once on top of it.
"""
