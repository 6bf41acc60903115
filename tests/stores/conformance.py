"""What every RecordStore is held to. Each test here runs on memory, SQLite, Postgres and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import pytest

from recon_cli.core.canonical import Value, encode
from recon_cli.core.codec import dump_change, load_change
from recon_cli.core.errors import DataError, GuardError
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.record import EMPTY, Record
from recon_cli.core.schema import Column, ColumnType, ForeignKey, Schema, normal
from recon_cli.stores.base import RecordStore, Undo

MODELS = Schema(
    "models",
    (
        Column("id", nullable=False, length=32),
        Column("name", nullable=False),
        Column("paths", ColumnType.JSON),
        Column("share_token", unique=True, length=64),
        Column("created_at", ColumnType.TIMESTAMP),
        Column("access_count", ColumnType.INTEGER, default="0"),
        Column("real_height", ColumnType.REAL, default="1.0"),
        Column("public", ColumnType.BOOLEAN, default="0"),
        Column("thumb", ColumnType.BLOB),
    ),
    ("id",),
)
NOTES = Schema(
    "notes",
    (Column("id", ColumnType.INTEGER), Column("model_token", length=64), Column("text")),
    ("id",),
    (ForeignKey("model_token", "models", "share_token", cascade=True),),
    "id",
)
SCHEMAS = {"notes": NOTES, "models": MODELS}


class Bench(Protocol):
    """A store under test and another program's way to the same tables."""

    kind: str
    url: str
    password: str | None
    store: RecordStore

    def sql(self, *statements: str) -> None: ...

    def dump(self) -> object: ...


def create(table: str, **values: Value) -> Change:
    return Change(ChangeKind.CREATE, table, (values.get("id"),), values)


def update(table: str, key: Value, before: dict[str, Value] | None = None, **after: Value) -> Change:
    return Change(ChangeKind.UPDATE, table, (key,), after, before)


def model(key: str, **values: Value) -> Change:
    return create("models", **{"id": key, "name": f"name of {key}", "share_token": f"t-{key}", **values})


def write(store: RecordStore, *changes: Change) -> Undo:
    return store.apply(changes, SCHEMAS, base={}, prepared=lambda _undo: None)


def row(store: RecordStore, table: str, key: Value) -> dict[str, Value]:
    return next(dict(one.values) for one in store.read(table) if one.values["id"] == key)


def keys(store: RecordStore, table: str) -> list[Value]:
    return [one.values["id"] for one in store.read(table, ("id",))]


class RecordStoreConformance:
    """Collected by test_conformance.py."""

    def test_a_store_without_tables_is_empty_and_stays_so(self, bench: Bench) -> None:
        assert bench.store.columns() == {}
        assert list(bench.store.read("models", ("id",))) == []
        assert bench.store.fingerprint("models") == EMPTY

    def test_missing_tables_are_created_parents_first_and_rows_come_back_as_promised(self, bench: Bench) -> None:
        wanted: dict[str, Value] = {
            "paths": {"obj": "a/모델.obj", "tex": ["1.png"]},
            "created_at": "2024-03-01T09:30:00.250000+09:00",
            "real_height": 2.3,
            "public": True,
            "thumb": b"\x00\xff",
        }
        write(bench.store, create("notes", model_token="t-a", text="좋아요"), model("a", **wanted))
        got = row(bench.store, "models", "a")
        for name, value in wanted.items():
            assert encode(got[name]) == encode(bench.store.insert_literal(MODELS, name, value))
            assert MODELS.column(name).same(got[name], value)
        assert got["access_count"] == 0
        assert [one.values for one in bench.store.read("notes")] == [{"id": 1, "model_token": "t-a", "text": "좋아요"}]
        assert bench.store.columns()["notes"] == ("id", "model_token", "text")

    def test_the_literal_is_the_same_before_and_after_the_table_exists(self, bench: Bench) -> None:
        asked = {"created_at": "2024-03-01 09:30:00", "real_height": 2, "public": True, "paths": '{"a": 1}'}
        before = {name: bench.store.insert_literal(MODELS, name, value) for name, value in asked.items()}
        write(bench.store, model("a", **asked))
        got = row(bench.store, "models", "a")
        assert {name: encode(got[name]) for name in asked} == {name: encode(value) for name, value in before.items()}

    def test_rows_are_read_in_key_order(self, bench: Bench) -> None:
        names = ["b", "a", "C", "Z", "가", "_", "é", "10", "9"]
        write(bench.store, *(model(name) for name in names))
        assert keys(bench.store, "models") == sorted(names)

    def test_reading_by_a_column_that_is_not_there_names_it(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        with pytest.raises(DataError, match="share_tokn") as caught:
            list(bench.store.read("models", ("share_tokn",)))
        assert "share_token" in (caught.value.hint or "")

    def test_the_fingerprint_is_the_sum_of_the_rows_read(self, bench: Bench) -> None:
        write(bench.store, *(model(name, thumb=name.encode()) for name in "abc"))
        digests = [one.digest() for one in bench.store.read("models")]
        assert bench.store.fingerprint("models") == EMPTY.plus(*digests)

    def test_an_update_writes_only_the_columns_it_names(self, bench: Bench) -> None:
        write(bench.store, model("a", real_height=2.5), model("b"))
        before = row(bench.store, "models", "a")
        write(bench.store, update("models", "a", {"name": "name of a"}, name="새 이름"))
        assert row(bench.store, "models", "a") == {**before, "name": "새 이름"}

    def test_a_delete_removes_the_row_and_undo_brings_it_back(self, bench: Bench) -> None:
        write(bench.store, model("a"), model("b"), model("c"))
        before = bench.dump()
        undo = write(bench.store, Change(ChangeKind.DELETE, "models", ("b",), None))
        assert keys(bench.store, "models") == ["a", "c"]
        bench.store.revert(undo)
        assert bench.dump() == before

    def test_undo_leaves_an_equal_dump(self, bench: Bench) -> None:
        write(bench.store, model("a"), create("notes", model_token="t-a", text="one"), model("b"))
        before = bench.dump()
        undo = write(
            bench.store,
            create("notes", model_token="t-c", text="two"),
            model("c"),
            update("models", "a", name="other", real_height=9.5),
        )
        bench.store.revert(_through_json(undo))
        assert bench.dump() == before

    def test_undo_takes_created_tables_away(self, bench: Bench) -> None:
        before = bench.dump()
        undo = write(bench.store, create("notes", model_token="t-a", text="one"), model("a"))
        assert set(undo.created_tables) == {"models", "notes"}
        bench.store.revert(_through_json(undo))
        assert bench.store.columns() == {}
        assert bench.dump() == before

    def test_undo_twice_changes_nothing_the_second_time(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        undo = write(bench.store, model("b"), update("models", "a", name="other"))
        bench.store.revert(undo)
        write(bench.store, model("c"))
        after = bench.dump()
        bench.store.revert(undo)
        assert bench.dump() == after

    def test_undo_refuses_when_a_row_changed_since_and_names_it(self, bench: Bench) -> None:
        undo = write(bench.store, model("a"), model("b"))
        write(bench.store, update("models", "b", name="edited by the app"))
        before = bench.dump()
        with pytest.raises(GuardError) as caught:
            bench.store.revert(undo)
        assert "b" in (caught.value.cause or "")
        assert bench.dump() == before

    def test_undo_keeps_rows_that_others_added_since(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        undo = write(bench.store, model("b"), update("models", "a", name="other"))
        write(bench.store, model("c"))
        bench.store.revert(undo)
        assert keys(bench.store, "models") == ["a", "c"]
        assert row(bench.store, "models", "a")["name"] == "name of a"

    def test_undo_refuses_to_drop_a_table_with_rows_of_others(self, bench: Bench) -> None:
        undo = write(bench.store, model("a"))
        write(bench.store, model("b"))
        with pytest.raises(GuardError, match="models"):
            bench.store.revert(undo)
        assert keys(bench.store, "models") == ["a", "b"]

    def test_a_target_that_moved_on_is_refused(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        base = {"models": bench.store.fingerprint("models")}
        write(bench.store, update("models", "a", name="moved"))
        before = bench.dump()
        with pytest.raises(GuardError, match="moved on"):
            bench.store.apply([model("b")], SCHEMAS, base=base, prepared=_never)
        assert bench.dump() == before

    def test_the_base_may_cover_tables_that_do_not_change_or_exist(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        base = {"models": bench.store.fingerprint("models"), "notes": EMPTY}
        undo = bench.store.apply([model("b")], SCHEMAS, base=base, prepared=lambda _undo: None)
        assert undo.base == base
        assert undo.result["models"] == bench.store.fingerprint("models")

    @pytest.mark.parametrize(
        "change",
        [
            model("a"),
            update("models", "nobody", name="x"),
            update("models", "a", {"name": "what the plan saw"}, name="x"),
            Change(ChangeKind.DELETE, "models", ("nobody",), None),
        ],
        ids=["create-existing", "update-missing", "update-other-value", "delete-missing"],
    )
    def test_a_change_that_does_not_fit_the_rows_is_refused(self, bench: Bench, change: Change) -> None:
        write(bench.store, model("a"))
        before = bench.dump()
        with pytest.raises(GuardError, match="moved on"):
            write(bench.store, model("z"), change)
        assert bench.dump() == before

    def test_nothing_is_written_when_prepared_raises(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        before = bench.dump()
        with pytest.raises(RuntimeError, match="disk full"):
            bench.store.apply(
                [model("b"), update("models", "a", name="x"), create("notes", model_token="t-a")],
                SCHEMAS,
                base={},
                prepared=_disk_full,
            )
        assert bench.dump() == before

    def test_prepared_gets_the_undo_that_apply_returns(self, bench: Bench) -> None:
        seen: list[Undo] = []
        undo = bench.store.apply([model("a")], SCHEMAS, base={}, prepared=seen.append)
        assert seen == [undo]

    def test_a_column_the_table_lacks_is_named_with_a_hint(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        wider = replace(MODELS, columns=(*MODELS.columns, Column("real_heigth")))
        with pytest.raises(DataError, match="real_heigth") as caught:
            bench.store.apply([model("b", real_heigth=2.0)], {"models": wider}, base={}, prepared=_never)
        assert "real_height" in (caught.value.hint or "")
        assert keys(bench.store, "models") == ["a"]

    def test_a_token_used_by_another_row_is_refused_by_row_and_column(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        before = bench.dump()
        with pytest.raises(DataError, match=r"row c .*share_token"):
            write(bench.store, model("b"), model("c", share_token="t-a"))
        assert bench.dump() == before

    def test_a_missing_value_is_refused_by_row_and_column(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        with pytest.raises(DataError, match=r"row b .*name"):
            write(bench.store, model("b", name=None))
        assert keys(bench.store, "models") == ["a"]

    def test_odd_values_come_back_exactly_or_are_refused_by_column(self, bench: Bench) -> None:
        write(bench.store, model("plain"))
        for number, (column, value) in enumerate(_odd_values()):
            before = bench.store.fingerprint("models")
            literal = bench.store.insert_literal(MODELS, column, value)
            refusal = _refusal(bench.store, model(f"k{number}", **{column: value}))
            if refusal is None:
                got = row(bench.store, "models", f"k{number}")[column]
                assert encode(got) == encode(literal), (column, value)
            else:
                assert f"`{column}`" in refusal.message, (column, value, refusal.message)
                assert bench.store.fingerprint("models") == before

    def test_odd_text_that_every_engine_can_hold_is_held(self, bench: Bench) -> None:
        texts = ["", " ", "'; DROP TABLE models; --", "%s %% ?", "한글 é 𝄞", "a\nb\tc\\d", "NULL", '"x"']
        write(bench.store, *(model(f"k{number}", name=text) for number, text in enumerate(texts)))
        assert [row(bench.store, "models", f"k{number}")["name"] for number in range(len(texts))] == texts

    def test_a_change_after_a_change_to_the_same_row_builds_on_it(self, bench: Bench) -> None:
        before = bench.dump()
        undo = write(bench.store, model("a"), update("models", "a", name="x"), update("models", "a", real_height=3.5))
        assert (row(bench.store, "models", "a")["name"], row(bench.store, "models", "a")["real_height"]) == ("x", 3.5)
        bench.store.revert(undo)
        assert bench.dump() == before

    def test_a_key_is_found_however_it_is_spelled(self, bench: Bench) -> None:
        events = Schema("events", (Column("at", ColumnType.TIMESTAMP), Column("what")), ("at",))
        first = Record("events", {"at": "2024-03-01 09:30:00", "what": "a"})
        made = Change(ChangeKind.CREATE, "events", events.key_of(first), first.values)
        bench.store.apply([made], {"events": events}, base={}, prepared=lambda _undo: None)
        key = (normal(ColumnType.TIMESTAMP, "2024-03-01T18:30:00+09:00"),)
        changed = Change(ChangeKind.UPDATE, "events", key, {"what": "b"})
        bench.store.apply([changed], {"events": events}, base={}, prepared=lambda _undo: None)
        assert [one.values["what"] for one in bench.store.read("events")] == ["b"]

    def test_odd_names_of_tables_and_columns_are_quoted(self, bench: Bench) -> None:
        schema = Schema('or"der %s`', (Column("id", length=9), Column('se"lect %'), Column("a`b")), ("id",))
        change = Change(ChangeKind.CREATE, schema.table, ("1",), {"id": "1", 'se"lect %': "x", "a`b": None})
        undo = bench.store.apply([change], {schema.table: schema}, base={}, prepared=lambda _undo: None)
        assert bench.store.columns() == {schema.table: ("id", 'se"lect %', "a`b")}
        assert [one.values for one in bench.store.read(schema.table, ("id",))] == [dict(change.after or {})]
        bench.store.revert(undo)
        assert bench.store.columns() == {}

    def test_closing_twice_is_allowed_and_the_probe_names_the_engine(self, bench: Bench) -> None:
        write(bench.store, model("a"))
        assert bench.kind.lower() in bench.store.probe()["engine"].lower()
        bench.store.close()
        bench.store.close()

    def test_a_reader_that_stops_early_blocks_nobody(self, bench: Bench) -> None:
        write(bench.store, *(model(f"k{number}") for number in range(50)))
        rows = bench.store.read("models")
        next(rows)
        rows.close()  # type: ignore[attr-defined]  # generators close
        write(bench.store, model("a"))


def _refusal(store: RecordStore, change: Change) -> DataError | None:
    try:
        write(store, change)
    except DataError as exc:
        return exc
    return None


def _odd_values() -> Iterator[tuple[str, Value]]:
    for value in (0, -1, (1 << 63) - 1, -(1 << 63), 1 << 63):
        yield "access_count", value
    for number in (-0.0, 5e-324, 1.7976931348623157e308, 0.1, float("inf"), float("-inf"), float("nan"), 1e22):
        yield "real_height", number
    for text in ("with\0nul", "bad\udcff byte", "half \ud800 pair", "x" * 100_000):
        yield "name", text
    yield "thumb", bytes(range(256))
    yield "thumb", b""
    for document in ({"a": [1, 2.5, None, True, "\u0000"]}, [], {}, '{"a":1.10}', '"text"', "null", "not json"):
        yield "paths", document
    for moment in ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "not a time", "2024-02-30 00:00:00"):
        yield "created_at", moment
    yield "public", 2
    yield "name", "y" * 300
    yield "share_token", "y" * 65


def _through_json(undo: Undo) -> Undo:
    return replace(undo, changes=tuple(load_change(dump_change(change)) for change in undo.changes))


def _never(_undo: Undo) -> None:
    pytest.fail("prepared must not be called")


def _disk_full(_undo: Undo) -> None:
    raise RuntimeError("disk full")
