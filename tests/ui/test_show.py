from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.reports import environment, program
from tests.support.terminal import Seen, on_terminal

LONG = "모델/" + "x" * 120
TABLE = f"""
rows = [["a\\tb", 1, None], [{LONG!r}, 22, True]]
body = {{"z": 1, "a": [{{"k": "한"}}]}}
report = Report("recon.t/1", "two rows", body, (Table(("name", "size", "ok"), rows, "things"),))
"""
PROBLEMS = """
report = Report("recon.t/1", "30 items", problems=tuple(Problem(f"i{n}", "denied", "550\\n") for n in range(30)),
                exit_code=ExitCode.PARTIAL, hints=("try `recon doctor`",))
"""


def piped(body: str, folder: Path, **env: str) -> Seen:
    done = subprocess.run(
        program(body), cwd=folder, env=environment(**env), capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    return Seen(done.stdout.decode(), done.stderr.decode(), done.returncode)


def test_a_pipe_gets_whole_rows_and_nothing_else_on_standard_output(tmp_path: Path) -> None:
    seen = piped(TABLE + "show(report)", tmp_path)
    assert seen.out == f"a\\tb\t1\t\n{LONG}\t22\ttrue\n"
    assert seen.err == "two rows\n"


def test_two_tables_in_a_pipe_are_parted_by_an_empty_line(tmp_path: Path) -> None:
    body = 'show(Report("recon.t/1", "s", tables=(Table(("a",), [["x"]]), Table(("b",), iter([["y"], ["z"]])))))'
    assert piped(body, tmp_path).out == "x\n\ny\nz\n"


def test_without_a_table_the_summary_is_the_result(tmp_path: Path) -> None:
    seen = piped('show(Report("recon.t/1", "models: 12 created\\n"))', tmp_path)
    assert (seen.out, seen.err) == ("models: 12 created\\n\n", "")


def test_a_terminal_gets_a_table_that_cuts_nothing_away(tmp_path: Path) -> None:
    seen = on_terminal(program(TABLE + "show(report)"), tmp_path, environment(), columns=60)
    assert "\x1b[1m" in seen.out
    assert "…" not in seen.out
    assert seen.out.count("x") == 120
    assert "things" in seen.out
    assert seen.out.endswith("two rows\n")
    assert seen.err == ""


NARROW = """
columns = ("path", "annotations", "unchanged", "conflicts")
rows = [["files/" + "0" * 40 + "/model.obj", 3, 0, 12], ["b", 1, 2, 3]]
show(Report("recon.t/1", "two rows", tables=(Table(columns, rows),)))
"""


def test_a_narrow_terminal_gets_row_under_row_before_a_word_is_broken(tmp_path: Path) -> None:
    narrow = on_terminal(program(NARROW), tmp_path, environment(NO_COLOR="1"), columns=40).out
    assert [line.split() for line in narrow.splitlines() if line.startswith("annotations")] == [
        ["annotations", "3"],
        ["annotations", "1"],
    ]
    assert "files/" + "0" * 40 + "/model.obj" in "".join(narrow.split())
    wide = on_terminal(program(NARROW), tmp_path, environment(NO_COLOR="1"), columns=60).out
    assert "annotations   unchanged   conflicts" in wide


@pytest.mark.parametrize("wish", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_leaves_no_escape_code_at_all_not_even_bold(tmp_path: Path, wish: dict[str, str]) -> None:
    body = TABLE + PROBLEMS.replace("report =", "worse =") + "show(report); show(worse)"
    seen = on_terminal(program(body), tmp_path, environment(**wish))
    assert "\x1b" not in seen.out + seen.err
    assert "size" in seen.out
    assert "hint: try" in seen.err


def test_a_long_table_on_a_terminal_says_how_much_it_leaves_out(tmp_path: Path) -> None:
    body = 'show(Report("recon.t/1", "s", tables=(Table(("n",), ([n] for n in range(1005))),)))'
    seen = on_terminal(program(body), tmp_path, environment(NO_COLOR="1"))
    assert "999" in seen.out
    assert "1000" not in seen.out
    assert "… and 5 more rows" in seen.out
    assert piped(body, tmp_path).out.count("\n") == 1005


def test_a_stranger_cannot_reach_the_terminal_through_a_name(tmp_path: Path) -> None:
    body = """
evil = "\\x1b]0;owned\\x07\\x1b[2J"
tables, problems = (Table(("n",), [[evil]], evil),), (Problem(evil, evil, evil),)
show(Report("recon.t/1", evil, tables=tables, problems=problems, hints=(evil,)))
"""
    seen = on_terminal(program(body), tmp_path, environment(NO_COLOR="1"))
    assert "\x1b" not in seen.out + seen.err
    assert "\x07" not in seen.out + seen.err
    assert "\\x1b]0;owned" in seen.out


def test_json_is_one_document_in_a_stable_order_and_utf8_in_any_locale(tmp_path: Path) -> None:
    body = TABLE + "show(report, mode=Mode.JSON)"
    first, second = (piped(body, tmp_path, LANG="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii") for _ in range(2))
    assert first == second
    assert list(json.loads(first.out)) == ["schema", "summary", "exit_code", "z", "a", "problems"]
    assert '"한"' in first.out
    assert first.err == ""


def test_json_of_a_name_that_is_no_unicode_is_still_json(tmp_path: Path) -> None:
    seen = piped('show(Report("recon.t/1", "s", {"name": "\\udcb0a"}), mode=Mode.JSON)', tmp_path)
    assert json.loads(seen.out)["name"] == "\udcb0a"


def test_json_lines_stream_one_object_a_line(tmp_path: Path) -> None:
    body = """
def endless():
    for n in range(3):
        print(f"made {n}", file=sys.stderr, flush=True)
        yield {"n": n, "name": "a\\nb"}
show(Report("recon.t/1", "s", stream=endless()), mode=Mode.JSON_LINES)
"""
    seen = piped(body, tmp_path)
    assert [json.loads(line) for line in seen.out.splitlines()] == [{"n": n, "name": "a\nb"} for n in range(3)]


def test_quiet_is_silent_on_success_and_tells_everything_else_on_standard_error(tmp_path: Path) -> None:
    quiet = "show(report, screen=Screen(sys.stdout, sys.stderr, quiet=True))"
    assert piped(TABLE + quiet, tmp_path) == Seen("", "", 0)
    seen = piped(PROBLEMS + quiet, tmp_path)
    assert seen.out == ""
    assert seen.err.startswith("30 items\n30 problems:\n  i0: denied (550\\n)\n")


def test_problems_are_counted_and_the_first_twenty_shown(tmp_path: Path) -> None:
    seen = piped(PROBLEMS + "show(report)", tmp_path)
    assert seen.out == "30 items\n"
    assert seen.err.splitlines()[0] == "30 problems:"
    assert seen.err.count(": denied") == 20
    assert "… and 10 more; `--json` lists them all" in seen.err
    assert seen.err.endswith("hint: try `recon doctor`\n")
    document = json.loads(piped(PROBLEMS + "show(report, mode=Mode.JSON)", tmp_path).out)
    assert len(document["problems"]) == 30


def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path) -> None:
    body = 'show(Report("recon.t/1", "s", tables=(Table(("n",), ([n] for n in range(200_000))),))); sys.exit(3)'
    running = subprocess.Popen(
        program(body), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline() == b"0\n"
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait(30) == 3


def test_rich_is_imported_for_a_table_on_a_terminal_only(tmp_path: Path) -> None:
    body = TABLE + "show(report); print('rich' in sys.modules)"
    assert piped(body, tmp_path).out.endswith("False\n")
    assert on_terminal(program(body), tmp_path, environment()).out.endswith("True\n")
    plain = 'show(Report("recon.t/1", "s")); print("rich" in sys.modules)'
    assert on_terminal(program(plain), tmp_path, environment()).out == "s\nFalse\n"
