"""What an operator can ask of a migration beside the plain run: policies, plans, rejects, merging, deltas, systems."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.migration.landing import Landing
from tests.support.recon import Done, Recon, in_folder


@pytest.fixture
def recon(tmp_path: Path, landing: Landing) -> Recon:
    return in_folder(tmp_path, RECON_STORES_PASSWORD=landing.password)


def made(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(sql)
    return path


def move(recon: Recon, source: Path, landing: Landing, *options: str, expect: int | None = 0) -> Done:
    return recon("migrate", source, landing.url, "--schema", landing.schema, "--json", *options, expect=expect)


def rows(landing: Landing, query: str) -> list[tuple[Any, ...]]:
    with landing.connect() as connection:
        connection.execute(f'SET search_path = "{landing.schema}"')
        return connection.execute(query).fetchall()


ODD = """
CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
INSERT INTO notes VALUES (1, 'a' || char(0) || 'b', 'fine'), (2, 'ok', CAST(x'61ff62' AS TEXT)), (3, 'good', 'good');
"""


def test_text_that_postgres_cannot_hold_is_rejected_mended_and_loaded(
    recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    source = made(tmp_path / "odd.db", ODD)
    done = move(recon, source, landing, expect=3).document
    assert done["rejected"] == 2
    assert rows(landing, "SELECT id FROM notes") == [(3,)]
    path = tmp_path / done["rejects"]
    head, *lines = path.read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert [(one["table"], one["rowid"], one["column"], one["hex"]) for one in told] == [
        ("notes", 1, "title", "610062"),
        ("notes", 2, "body", "61ff62"),
    ]
    told[0]["value"] = "mended"
    path.write_text("\n".join([head, *map(json.dumps, told)]) + "\n")
    again = move(recon, source, landing, "--rejects", str(path), expect=3).document
    assert (again["loaded"], again["rejected"]) == (1, 1)
    assert rows(landing, "SELECT * FROM notes ORDER BY id") == [(1, "mended", "fine"), (3, "good", "good")]


@pytest.mark.parametrize(
    ("policy", "title", "body"),
    [("strip", "ab", "ab"), ("escape", "a\\x00b", "a\\xffb"), ("bytea", b"a\0b", b"a\xffb")],
)
def test_text_that_postgres_cannot_hold_by_policy(
    recon: Recon, tmp_path: Path, landing: Landing, policy: str, title: object, body: object
) -> None:
    source = made(tmp_path / "odd.db", ODD)
    move(recon, source, landing, "--on-nul", policy, "--on-invalid-utf8", policy)
    assert rows(landing, "SELECT title FROM notes WHERE id = 1") == [(title,)]
    assert rows(landing, "SELECT body FROM notes WHERE id = 2") == [(body,)]


MIXED = """
CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO t VALUES (1, 5), (2, 'many'), (3, 2.5);
"""


def test_values_of_several_kinds_widen_the_column_or_are_rejected(
    recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    source = made(tmp_path / "mixed.db", MIXED)
    plan = recon("migrate", source, "--plan", "--json").document
    assert [(one["name"], one["type"]) for one in plan["tables"][0]["columns"]] == [("id", "bigint"), ("n", "text")]
    done = move(recon, source, landing, "--on-mixed", "reject", expect=3).document
    assert done["rejected"] == 2
    assert rows(landing, "SELECT id, n FROM t") == [(1, 5)]


def test_a_plan_is_kept_edited_and_applied_exactly(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    source = made(
        tmp_path / "app.db",
        "CREATE TABLE a(id INTEGER PRIMARY KEY, old TEXT); INSERT INTO a VALUES (1, 'x'); CREATE TABLE b(x);",
    )
    path = tmp_path / "plan.json"
    recon("migrate", source, "--plan-out", path)
    plan = json.loads(path.read_text())
    plan["tables"][0]["columns"][1]["target"] = "new"
    plan["tables"][1]["included"] = False
    path.write_text(json.dumps(plan))
    move(recon, source, landing, "--plan-in", str(path))
    assert rows(landing, "SELECT id, new FROM a") == [(1, "x")]
    assert rows(landing, "SELECT to_regclass('b')") == [(None,)]
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("INSERT INTO a VALUES (2, 'y')")
    changed = move(recon, source, landing, "--plan-in", str(path), "--on-exists", "replace", expect=5)
    assert "has changed since the plan" in changed.err


def test_running_again_ends_in_the_same_state(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    source = made(tmp_path / "app.db", "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES (1, 'x')")
    move(recon, source, landing)
    assert "already there" in move(recon, source, landing).document["summary"]
    with landing.connect() as connection:
        connection.execute(f"UPDATE \"{landing.schema}\".a SET v = 'z'")
    move(recon, source, landing, expect=4)
    assert rows(landing, "SELECT v FROM a") == [("z",)]


def test_rows_are_added_to_what_is_there_or_win_over_it(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    source = made(
        tmp_path / "app.db",
        "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES (1, 'source'), (2, 'source')",
    )
    with landing.connect() as connection:
        connection.execute(f'CREATE SCHEMA "{landing.schema}"')
        connection.execute(f'CREATE TABLE "{landing.schema}".a(id bigint PRIMARY KEY, v text, more int)')
        connection.execute(f"INSERT INTO \"{landing.schema}\".a VALUES (1, 'target', 1), (9, 'target', 1)")
    move(recon, source, landing, "--on-exists", "append")
    assert rows(landing, "SELECT id, v FROM a ORDER BY id") == [(1, "target"), (2, "source"), (9, "target")]
    move(recon, source, landing, "--on-exists", "upsert")
    assert rows(landing, "SELECT id, v, more FROM a ORDER BY id") == [
        (1, "source", 1),
        (2, "source", None),
        (9, "target", 1),
    ]


def test_a_delta_brings_new_and_changed_rows(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    source = made(
        tmp_path / "app.db",
        "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT, updated_at TIMESTAMP); CREATE TABLE log(line TEXT);"
        "INSERT INTO a VALUES (1, 'x', '2026-01-01 00:00:00'), (2, 'y', '2026-01-02 00:00:00');"
        "INSERT INTO log VALUES ('one');",
    )
    move(recon, source, landing)
    made(
        source,
        "INSERT INTO a VALUES (3, 'z', '2026-01-03 00:00:00'); INSERT INTO log VALUES ('two');"
        "UPDATE a SET v = 'X', updated_at = '2026-01-04 00:00:00' WHERE id = 1;",
    )
    done = move(recon, source, landing, "--delta-by", "updated_at").document
    assert {one["table"]: one["rows"] for one in done["tables"]} == {"a": 3, "log": 1}
    assert rows(landing, "SELECT id, v FROM a ORDER BY id") == [(1, "X"), (2, "y"), (3, "z")]
    assert rows(landing, "SELECT line FROM log ORDER BY 1") == [("one",), ("two",)]
    assert recon("migrate", "verify", source, landing.url, "--schema", landing.schema, "--json").document["equal"]


def test_orphans_are_listed_and_the_key_holds_from_now_on_if_asked(
    recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    source = made(
        tmp_path / "app.db",
        "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id));"
        "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 99);",
    )
    done = move(recon, source, landing, "--on-orphans", "not-valid").document
    assert done["orphans"] == [{"table": "c", "foreign_key": "c_p_fkey", "rows": 1, "values": "(99)"}]
    assert rows(landing, "SELECT convalidated FROM pg_constraint WHERE conname = 'c_p_fkey'")[-1] == (False,)


VIEWER = """
CREATE TABLE models(id TEXT PRIMARY KEY, name TEXT NOT NULL, file_paths TEXT NOT NULL, share_token TEXT UNIQUE NOT NULL,
  created_at TIMESTAMP, real_height REAL DEFAULT 1.0);
CREATE TABLE annotations(id INTEGER PRIMARY KEY, model_token TEXT REFERENCES models(share_token) ON DELETE CASCADE,
  created_at TIMESTAMP);
INSERT INTO models VALUES ('ab12', '로고', '{"obj_path":"ab12/model.obj","texture_paths":[]}', 'tok-1',
  '2026-01-02 03:04:05', 2.3);
INSERT INTO annotations VALUES (7, 'tok-1', '2026-01-02 12:00:00');
"""


def test_the_viewers_times_are_korean_and_its_paths_json(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    source = made(tmp_path / "models.db", VIEWER)
    move(recon, source, landing, "--system", "viewer")
    found = rows(
        landing,
        "SELECT created_at AT TIME ZONE 'UTC', file_paths ->> 'obj_path', share_token, pg_typeof(file_paths)::text"
        " FROM models",
    )
    assert [str(cell) for cell in found[0]] == ["2026-01-01 18:04:05", "ab12/model.obj", "tok-1", "jsonb"]
    assert rows(landing, "SELECT count(*) FROM annotations JOIN models ON model_token = share_token") == [(1,)]


def test_a_large_source_that_is_not_what_it_seems_is_looked_at_again(
    recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    source = tmp_path / "large.db"
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, at TIMESTAMP, body TEXT)")
        filler = "x" * 2000
        db.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)",
            ((n, n, f"2026-01-{1 + n % 28:02d} 10:00:00", filler) for n in range(1, 6001)),
        )
        db.execute("UPDATE t SET n = 'five thousand', at = 'yesterday' WHERE id = 5000")
    move(recon, source, landing)
    assert rows(landing, "SELECT n, at FROM t WHERE id = 5000") == [("five thousand", "yesterday")]
    assert rows(landing, "SELECT count(*), pg_typeof(max(n))::text FROM t") == [(6000, "text")]


def test_a_target_whose_columns_are_of_other_types_is_told_column_by_column(
    recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    source = made(
        tmp_path / "app.db",
        "CREATE TABLE a(id INTEGER PRIMARY KEY, at TEXT, gone INTEGER); INSERT INTO a VALUES (1, 'x', 3), (2, 'y', 4);"
        "CREATE TABLE b(id INTEGER PRIMARY KEY); INSERT INTO b VALUES (1)",
    )
    move(recon, source, landing)
    with landing.connect() as connection:
        connection.execute(f'ALTER TABLE "{landing.schema}".a ALTER at TYPE bytea USING NULL, DROP gone')
        connection.execute(f'DELETE FROM "{landing.schema}".a WHERE id = 2')
    told = ("migrate", "verify", source, landing.url, "--schema", landing.schema, "--json")
    document = recon(*told, expect=4).document
    assert {(one["item"], one["reason"]) for one in document["problems"]} >= {
        ("a.at", "is bytea in the target, and text in the plan"),
        ("a.gone", "is not in the target"),
    }
    assert {one["table"]: (one["equal"], one["source_rows"], one["target_rows"]) for one in document["tables"]} == {
        "a": (False, 2, 1),
        "b": (True, 1, 1),
    }


def test_another_sqlite_file_can_be_the_target(recon: Recon, tmp_path: Path) -> None:
    source = made(tmp_path / "app.db", "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES (1, 'x')")
    recon("migrate", source, tmp_path / "copy.db")
    assert recon("migrate", "verify", source, tmp_path / "copy.db", "--json").document["equal"]
    recon("migrate", source, tmp_path / "copy.db", expect=5)


def test_the_ends_can_be_named_by_options(recon: Recon, tmp_path: Path, landing: Landing) -> None:
    made(tmp_path / "app.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    places = (
        f"[stores.app]\nurl = 'sqlite:///app.db'\n[stores.pg]\nurl = '{landing.url}'\nschema = '{landing.schema}'\n"
    )
    (tmp_path / "recon.toml").write_text(f"version = 1\n{places}")
    recon.env["RECON_STORES_PG_PASSWORD"] = landing.password
    recon("migrate", "--from-store", "app", "--plan")
    recon("migrate", "--from-store", "app", "--to-store", "pg")
    recon("migrate", "verify", "--from-store", "app", "pg")
    recon("migrate", "app", "--to-store", "pg", "--on-exists", "replace")
    assert rows(landing, "SELECT id FROM t") == [(1,), (2,)]
    assert "one place too many" in recon("migrate", "app", "pg", "--to-store", "pg", expect=2).err
    assert "no source is named" in recon("migrate", "--to-store", "pg", expect=2).err


@pytest.mark.parametrize("native", ["on", "off"])
def test_a_large_source_that_a_sample_misjudges_is_moved_by_all_its_values_and_found_equal_later(
    native: str, recon: Recon, tmp_path: Path, landing: Landing
) -> None:
    recon.env["RECON_NATIVE"] = native
    source = tmp_path / "large.db"
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT, flag BOOLEAN)")
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", ((n, "x" * 1000, n % 2) for n in range(1, 7001)))
        db.execute("UPDATE t SET flag = 2 WHERE id = 6001")
    assert move(recon, source, landing).document["rows"] == 7000
    assert "already there" in move(recon, source, landing).document["summary"]
    assert rows(landing, "SELECT flag, count(*) FROM t GROUP BY flag ORDER BY flag")[-1] == (2, 1)
