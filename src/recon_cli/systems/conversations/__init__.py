"""Conversations: append-only Markdown logs of chat rooms, as turns that are found again by their content.

A `Feed` alone: the file is the record, and `recon sync` carries what it says (`feed.py`).
"""
