"""From SQLite to Postgres: profile, plan, copy, verify. The decisions are pure; `source` and `target*` act."""
