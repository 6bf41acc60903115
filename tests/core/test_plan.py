"""The plan: what is filled, what is disputed, what is never touched."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recon_cli.core.canonical import Value
from recon_cli.core.codec import dump_change, load_change
from recon_cli.core.evidence import Evidence, Finding
from recon_cli.core.plan import ChangeKind, diff, renumbered
from recon_cli.core.record import Record
from recon_cli.core.schema import Column, ColumnType, Merge, Schema

MODELS = Schema(
    "models",
    (
        Column("id", nullable=False),
        Column("name"),
        Column("share_token", merge=Merge.PROTECT),
        Column("access_count", ColumnType.INTEGER, merge=Merge.LIVE),
        Column("created_at", ColumnType.TIMESTAMP),
        Column("file_paths", ColumnType.JSON),
    ),
    key=("id",),
)


def row(**values: Value) -> Record:
    return Record("models", values)


def found(**values: Value) -> Finding:
    evidence = {name: (Evidence(value, "files/a", "test", 0.9),) for name, value in values.items()}
    return Finding(Record("models", values), evidence)


def test_an_unknown_record_is_created_with_its_evidence() -> None:
    plan = diff(MODELS, [], [found(id="a", name="robot")])
    (change,) = plan.changes
    assert change.kind is ChangeKind.CREATE
    assert change.after == {"id": "a", "name": "robot"}
    assert change.evidence["name"][0].method == "test"


def test_an_empty_cell_is_filled_and_the_old_value_is_remembered() -> None:
    plan = diff(MODELS, [row(id="a", name=" ", share_token="t")], [found(id="a", name="robot", share_token="t")])
    (change,) = plan.changes
    assert (change.kind, change.after, change.before) == (ChangeKind.UPDATE, {"name": "robot"}, {"name": " "})


def test_a_different_value_is_a_conflict_and_the_store_keeps_its_own() -> None:
    plan = diff(MODELS, [row(id="a", name="old")], [found(id="a", name="new")])
    assert not plan.changes
    (conflict,) = plan.conflicts
    assert (conflict.column, conflict.have, conflict.candidates[0].value) == ("name", "old", "new")
    assert plan.unchanged == 1


def test_a_taken_column_follows_the_evidence_but_a_known_token_never_does() -> None:
    have = [row(id="a", name="old", share_token="known")]
    plan = diff(MODELS, have, [found(id="a", name="new", share_token="other")], take={"name", "share_token"})
    (change,) = plan.changes
    assert change.after == {"name": "new"}
    assert [conflict.column for conflict in plan.conflicts] == ["share_token"]


def test_a_live_counter_is_left_alone_without_a_word() -> None:
    plan = diff(MODELS, [row(id="a", access_count=9)], [found(id="a", access_count=3)])
    assert (plan.changes, plan.conflicts, plan.unchanged) == ((), (), 1)


def test_one_moment_and_one_document_spelled_twice_are_equal() -> None:
    have = [row(id="a", created_at="2026-01-02 03:04:05", file_paths='{"b": 1, "a": 2}')]
    plan = diff(MODELS, have, [found(id="a", created_at="2026-01-02T12:04:05+09:00", file_paths='{"a":2,"b":1}')])
    assert (plan.changes, plan.conflicts) == ((), ())


def test_a_naive_time_may_mean_the_zone_that_its_writer_lived_in() -> None:
    schema = Schema("t", (Column("id"), Column("at", ColumnType.TIMESTAMP, naive_offsets_s=(9 * 3600,))), ("id",))
    want = [Finding(Record("t", {"id": "a", "at": "2026-01-02T03:04:05+00:00"}))]

    def conflicts(stored: str) -> int:
        return len(diff(schema, [Record("t", {"id": "a", "at": stored})], want).conflicts)

    assert conflicts("2026-01-02 12:04:05") == 0
    assert conflicts("2026-01-02 03:04:05") == 0
    assert conflicts("2026-01-02 10:04:05") == 1
    assert conflicts("2026-01-02T12:04:05+00:00") == 1


def test_rows_the_evidence_does_not_know_are_named_and_never_deleted() -> None:
    plan = diff(MODELS, [row(id="a"), row(id="b")], [found(id="a")])
    assert plan.extra == (("b",),)
    assert plan.count(ChangeKind.DELETE) == 0


CELLS = st.one_of(st.none(), st.just(""), st.text(max_size=3))
ROWS = st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries({"name": CELLS, "share_token": CELLS}))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(have=ROWS, want=ROWS, take=st.booleans())
def test_applying_a_plan_and_planning_again_changes_nothing(
    have: dict[str, dict[str, Value]], want: dict[str, dict[str, Value]], *, take: bool
) -> None:
    taken = {"name"} if take else set()
    stored = {key: {"id": key, **values} for key, values in have.items()}
    findings = [found(id=key, **values) for key, values in want.items()]
    for change in diff(MODELS, map(_record, stored.values()), findings, take=taken).changes:
        stored[str(change.key[0])] = {**stored.get(str(change.key[0]), {}), **(change.after or {})}
    again = diff(MODELS, map(_record, stored.values()), findings, take=taken)
    assert again.changes == ()
    known = {key: values["share_token"] for key, values in have.items() if str(values["share_token"] or "").strip()}
    assert {key: stored[key]["share_token"] for key in known} == known


def _record(values: dict[str, Value]) -> Record:
    return Record("models", values)


@given(ROWS)
def test_a_change_survives_its_plan_file(want: dict[str, dict[str, Value]]) -> None:
    for change in diff(MODELS, [], [found(id=key, **values) for key, values in want.items()]).changes:
        assert load_change(dump_change(change)) == change


REMARKS = Schema(
    "remarks",
    (Column("id", ColumnType.INTEGER), Column("text"), Column("done", ColumnType.BOOLEAN)),
    ("id",),
    autoincrement="id",
    natural=("text",),
)


def remark(number: int, text: str, *, done: bool = False) -> Record:
    return Record("remarks", {"id": number, "text": text, "done": done})


def test_an_old_remark_whose_number_was_given_away_again_gets_a_fresh_one_once() -> None:
    have = [remark(1, "new"), remark(2, "other")]
    want = [Finding(remark(1, "old"))]
    (placed,) = renumbered(REMARKS, have, want)
    assert placed.record.values["id"] == 3
    (again,) = renumbered(REMARKS, [*have, placed.record], want)
    assert again.record.values["id"] == 3


def test_a_remark_that_was_only_ticked_off_since_stays_the_same_remark() -> None:
    (placed,) = renumbered(REMARKS, [remark(1, "old", done=True)], [Finding(remark(1, "old"))])
    assert placed.record.values["id"] == 1
