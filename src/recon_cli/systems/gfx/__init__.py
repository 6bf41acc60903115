"""GFX sessions: JSON exports of table computers on a NAS, as rows of `gfx_sessions`.

Not a `System`: nothing is rebuilt from folders here. A file is a record, and `recon sync` carries it (`feed.py`).
"""
