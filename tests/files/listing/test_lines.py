from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.entry import EntryType, Precision
from recon_cli.files.listing.lines import LineReader
from recon_cli.files.listing.mlsx import mlsx_row, read_mlsd
from recon_cli.files.listing.rows import Row, Stamp
from recon_cli.files.listing.times import exact_stamp, unix_stamp

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type] # a date and perhaps a time


def read(line: bytes) -> Row:
    found = LineReader(NOW).read(line + b"\r\n")
    assert found.strange == []
    return found.rows[0]


UNIX = [
    (b"-rw-r--r--    1 1        1               5 Nov 21 09:31  lead", b" lead", EntryType.FILE, 5),
    (
        b" -rw-r--r--   1 0        0               5 Nov 21 09:31 indented by ProFTPD",
        b"indented by ProFTPD",
        EntryType.FILE,
        5,
    ),
    (b"-rw-r--r--   1 sam group 5 Nov 21 09:31 trail ", b"trail ", EntryType.FILE, 5),
    (b"-rw-r--r--+  1 sam group 5 Jul 14  2017 acl", b"acl", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam 5 Nov 21 09:31 no group column", b"no group column", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam Domain Users 1234 Nov 21 09:31 owner with space", b"owner with space", EntryType.FILE, 1234),
    (b"-rw-r--r--   1 sam group 5 2026-11-21 09:31 iso", b"iso", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam group 5 21 Nov 09:31 day first", b"day first", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam group 5 Nov 21 09:31 5 Nov 21 09:31 x", b"5 Nov 21 09:31 x", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam group 5 Nov 21 09:31 a -> b", b"a -> b", EntryType.FILE, 5),
    (b"drwxr-xr-x   2 sam group 4096 Nov 21 09:31 d -> e", b"d -> e", EntryType.DIR, None),
    (b"lrwxrwxrwx   1 sam group 9 Nov 21 09:31 lnk -> plain.txt", b"lnk", EntryType.LINK, None),
    (b"lrwxrwxrwx   1 sam group 1 Nov 21 09:31 a -> b -> c", b"a -> b", EntryType.LINK, None),
    (b"lrwxrwxrwx   1 sam group 6 Nov 21 09:31 a -> b -> c", b"a", EntryType.LINK, None),
    (b"crw-r--r--   1 root root 1, 3 Nov 21 09:31 null", b"null", EntryType.OTHER, None),
    (b"-rw-r--r--   1 sam group 5 Nov 21 09:31 nl\nx", b"nl\nx", EntryType.FILE, 5),
    (b"-rw-r--r--   1 sam group 5 Nov 21 09:31 \xc7\xd1\xb1\xdb.png", b"\xc7\xd1\xb1\xdb.png", EntryType.FILE, 5),
]


@pytest.mark.parametrize(("line", "name", "kind", "size"), UNIX, ids=[str(case[1]) for case in UNIX])
def test_unix_lines_give_exact_names_types_and_sizes(
    line: bytes, name: bytes, kind: EntryType, size: int | None
) -> None:
    row = read(line)
    assert (row.name, row.type, row.size_bytes) == (name, kind, size)
    assert row.stamp is not None


def test_dos_lines_of_iis_are_read_with_their_am_and_pm() -> None:
    found = read(b"11-21-26  09:31PM                 1234 my file.txt")
    assert found == Row(b"my file.txt", EntryType.FILE, 1234, Stamp(at(2026, 11, 21, 21, 31), Precision.MINUTE))
    assert read(b"11-21-26  12:05AM       <DIR>           leading") == Row(
        b" leading", EntryType.DIR, None, Stamp(at(2026, 11, 21, 0, 5), Precision.MINUTE)
    )
    assert read(b"2026-11-21  09:31       <DIR>          x").stamp == Stamp(at(2026, 11, 21, 9, 31), Precision.MINUTE)


def test_a_dos_date_with_a_month_above_twelve_is_unknown_rather_than_swapped() -> None:
    row = read(b"21-11-26  09:31AM                 1234 european.txt")
    assert row.stamp is None
    assert row.note


def test_eplf_lines_are_read_with_their_utc_times() -> None:
    assert read(b"+i8388621.48594,m825718503,r,s280,\tdjb.html") == Row(
        b"djb.html", EntryType.FILE, 280, Stamp(at(1996, 3, 1, 22, 15, 3), Precision.EXACT), "", b"8388621.48594"
    )
    assert read(b"+i8388621.50690,m824255907,/,\t514 name").type is EntryType.DIR


def test_lines_of_no_known_format_are_kept_apart_and_never_guessed() -> None:
    found = LineReader(NOW).read(b"total 12\r\nnovell [R----F--] supervisor 512 Jan 16 18:53 login\r\n")
    assert found.rows == []
    assert found.strange == [b"novell [R----F--] supervisor 512 Jan 16 18:53 login"]


def test_dot_entries_are_no_rows_but_prove_that_hidden_names_are_shown() -> None:
    found = LineReader(NOW).read(b"drwxr-xr-x 2 s s 4096 Nov 21 09:31 .\r\ndrwxr-xr-x 2 s s 4096 Nov 21 09:31 ..\r\n")
    assert (found.rows, found.dots) == ([], True)


@given(st.binary(min_size=1, max_size=60).filter(lambda name: b"\r\n" not in name and name not in (b".", b"..")))
def test_any_name_a_unix_server_can_send_comes_back_byte_for_byte(name: bytes) -> None:
    if name.endswith(b"\r"):
        return  # indistinguishable from the line end
    found = LineReader(NOW).read(b"-rw-r--r-- 1 sam group 7 Nov 21 09:31 " + name + b"\r\n")
    assert found.rows == [Row(name, EntryType.FILE, 7, Stamp(at(2026, 11, 21, 9, 31), Precision.MINUTE))]


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_fail(block: bytes) -> None:
    LineReader(NOW).read(block)
    read_mlsd(block)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (b"Nov 21 09:31", Stamp(at(2026, 11, 21, 9, 31), Precision.MINUTE)),
        (b"Nov 22 08:00", Stamp(at(2026, 11, 22, 8, 0), Precision.MINUTE)),
        (b"Nov 23 09:31", Stamp(at(2025, 11, 23, 9, 31), Precision.MINUTE)),
        (b"Dec 31 23:59", Stamp(at(2025, 12, 31, 23, 59), Precision.MINUTE)),
        (b"Jul 14  2017", Stamp(at(2017, 7, 14), Precision.DAY)),
        (b"Nov 21 09:31:22 2024", Stamp(at(2024, 11, 21, 9, 31, 22), Precision.SECOND)),
        (b"Foo 21 09:31", None),
        (b"Feb 30  2020", None),
    ],
)
def test_a_time_without_year_is_the_latest_that_is_at_most_a_day_ahead(when: bytes, expected: Stamp | None) -> None:
    assert unix_stamp(when, NOW) == expected


@given(st.datetimes(min_value=NOW.replace(tzinfo=None) - timedelta(days=363), max_value=NOW.replace(tzinfo=None)))
def test_every_moment_of_the_last_year_gets_its_own_year_back(moment: datetime) -> None:
    stamp = unix_stamp(moment.strftime("%b %d %H:%M").encode(), NOW)
    assert stamp is not None
    assert stamp.moment == moment.replace(second=0, microsecond=0, tzinfo=UTC)


def test_mlsx_lines_give_exact_times_types_and_names() -> None:
    row = mlsx_row(b"Type=file;Size=5;Modify=20170714024000.123;UNIX.mode=0644;unique=fe00g21; two; names ")
    assert row == Row(b"two; names ", EntryType.FILE, 5, Stamp(at(2017, 7, 14, 2, 40), Precision.EXACT), "", b"fe00g21")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"dir", EntryType.DIR),
        (b"OS.unix=slink:/target", EntryType.LINK),
        (b"OS.unix=symlink", EntryType.LINK),
        (b"x", EntryType.OTHER),
    ],
)
def test_mlsx_types_tell_links_from_folders(kind: bytes, expected: EntryType) -> None:
    row = mlsx_row(b"type=" + kind + b";modify=20170714024000; n")
    assert row is not None
    assert row.type is expected


def test_an_mlsd_listing_leaves_out_the_folder_itself_and_keeps_strange_lines() -> None:
    found = read_mlsd(b"type=cdir; .\r\ntype=pdir; ..\r\ntype=file;size=1; a\r\nno facts here\r\n")
    assert [row.name for row in found.rows] == [b"a"]
    assert (found.dots, found.strange) == (True, [b"no facts here"])


@pytest.mark.parametrize("digits", [b"19100714024000", b"", b"20170230000000", b"2017071402400", b"191000714024000"])
def test_broken_exact_times_are_unknown_or_what_they_say(digits: bytes) -> None:
    stamp = exact_stamp(digits)
    assert stamp is None or stamp.moment.strftime("%Y%m%d%H%M%S").encode() == digits
