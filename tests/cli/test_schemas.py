"""Every JSON document has a published schema, and every schema a document.

`tests.support.recon` holds what each test makes recon print against them; here are the files that it writes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import jsonschema_rs
import pytest

from tests.docs.scenes import demo
from tests.support import published
from tests.support.recon import SOURCES, Recon, in_folder
from tools.schemas import DOCUMENTS

NAME = re.compile(r"recon\.[a-z][a-z.-]*/[0-9]+")
WITHOUT_A_MEMBER = {*published.LINES.values(), "recon.queue-item/1"}
PUT_TOGETHER = {"recon.queue-requeued/1", "recon.queue-dropped/1"}
"""Names that the code makes of two parts."""


def test_every_name_in_the_code_has_a_schema_and_every_schema_a_name() -> None:
    texts = [path.read_text("utf-8") for path in (SOURCES / "recon_cli").rglob("*.py")]
    in_code = {name for text in texts for name in NAME.findall(text)}
    assert in_code | PUT_TOGETHER | WITHOUT_A_MEMBER == set(DOCUMENTS)
    assert {path.name for path in published.SCHEMAS.iterdir()} == {one.file for one in DOCUMENTS.values()}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_schema_is_one_and_every_member_is_described(name: str) -> None:
    schema = published.read(name)
    jsonschema_rs.Draft202012Validator(schema, registry=published.registry())
    assert schema["title"] == name
    assert schema["description"]
    assert not [path for path, member in members(schema) if not member.get("description")]


def test_a_member_that_no_schema_names_is_found() -> None:
    document = {"schema": "recon.version/1", "summary": "", "exit_code": 0, "problems": []}
    document |= {"version": "0", "python": "3", "platform": "Linux"}
    published.check(document)
    with pytest.raises(AssertionError, match="unheard"):
        published.check({**document, "unheard": 1})
    with pytest.raises(AssertionError, match="python"):
        published.check({name: value for name, value in document.items() if name != "python"})


def test_plans_runs_and_sidecars_are_as_their_schemas_say(tmp_path: Path) -> None:
    with demo(tmp_path):
        recon = in_folder(tmp_path)
        recon("recover", "models", "--plan-out", "plan.json", "--json")
        run = recon("apply", "plan.json", "--json").document["run"]
        written = [tmp_path / "plan.json", *(tmp_path / "state" / "runs" / run).glob("[pu]*.json")]
        assert {path.name for path in written} == {"plan.json", "undo.json"}
        for path in written:
            published.check(json.loads(path.read_bytes()))
        recon("check", "models", "--json", expect=None)
        recon("check", "models", "--history", "--json")
        recon("undo", run, "--json")
        recon("undo", "--json")


def test_the_files_of_a_snapshot_and_its_reports_are_as_their_schemas_say(tmp_path: Path) -> None:
    recon = in_folder(tmp_path)
    with closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, words TEXT CHECK (words <> ''))")
        database.execute("CREATE INDEX by_words ON notes (words)")
        database.executemany("INSERT INTO notes VALUES (?, ?)", [(1, "one"), (2, "둘")])
    (tmp_path / "recon.toml").write_text(
        '[stores.app]\nurl = "sqlite:///app.db"\n[backups.nightly]\nfrom = "app"\nto = "./nightly"\nverify = "drill"\n'
    )
    for words in (("run", "--dry-run"), ("run",), ("list", "nightly"), ("show", "nightly"), ("verify", "nightly")):
        recon("backup", *words, "--json")
    for words in (("--sql",), ("--table", "notes")):
        recon("backup", "show", "nightly", *words, "--json")
    recon("backup", "diff", "nightly", "app", "--json")
    recon("backup", "import", "nightly", "sqlite:///new.db", "--json")
    recon("backup", "prune", "nightly", "--keep-last", "1", "--json")
    manifests = [*(tmp_path / "nightly").rglob("manifest.json"), *(tmp_path / "nightly").rglob("run.json")]
    assert {path.name for path in manifests} == {"manifest.json", "run.json"}
    for path in manifests:
        published.check(json.loads(path.read_bytes()))


def test_lines_of_a_queue_are_as_their_schema_says(tmp_path: Path) -> None:
    recon = in_folder(tmp_path)
    recon("record", "add", "--to", "gate.db", "TCNU8971796", "nonsense", "--json", expect=None)
    lines = exported(recon)
    assert {"reason" in line for line in lines} == {True, False}
    for line in lines:
        published.check(line, "recon.queue-item/1")


def exported(recon: Recon) -> list[dict[str, object]]:
    recon("queue", "export", "all.jsonl", "--json")
    return [json.loads(line) for line in (recon.folder / "all.jsonl").read_text().splitlines()]


def members(schema: object, path: str = "") -> list[tuple[str, dict[str, object]]]:
    """Every member that a schema names, at any depth."""
    if isinstance(schema, list):
        return [found for one in schema for found in members(one, path)]
    if not isinstance(schema, dict):
        return []
    named = schema.get("properties") if isinstance(schema.get("properties"), dict) else {}
    below = [found for key, one in schema.items() if key != "properties" for found in members(one, path)]
    for name, one in named.items():
        below += [(f"{path}.{name}", one), *members(one, f"{path}.{name}")]
    return below
