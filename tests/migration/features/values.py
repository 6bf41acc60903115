"""Values: booleans, moments, bytes, JSON, text that is none, numbers at their limits."""

from __future__ import annotations

import math
import sqlite3

from tests.migration.features.registry import broken, column, feature

MOMENT = "timestamp timestamptz"


@feature(types={"t.c": "bool"})
def bool_of_numbers(db: sqlite3.Connection) -> None:
    column(db, "BOOLEAN", 0, 1, None, 1)


@feature(types={"t.c": "bool text"})
def bool_of_words(db: sqlite3.Connection) -> None:
    column(db, "BOOLEAN", "true", "false", None)


@feature(types={"t.c": "int2 int4 int8 numeric text"})
def bool_with_a_two(db: sqlite3.Connection) -> None:
    column(db, "BOOLEAN", 0, 1, 2, None)


@feature(refused=True)
def bool_of_all_sorts(db: sqlite3.Connection) -> None:
    column(db, "BOOLEAN", 0, 1, "true", "maybe", 2)


@feature(types={"t.c": MOMENT})
def moment_iso(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2024-01-31 23:59:59", "1969-07-20 20:17:40", "2024-02-29 00:00:00.123456", None)


@feature(types={"t.c": MOMENT})
def moment_iso_with_z(db: sqlite3.Connection) -> None:
    column(db, "TIMESTAMP", "2024-01-31T23:59:59Z", "2024-02-29T00:00:00.5Z")


@feature()
def moment_with_offsets(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2024-01-31T23:59:59+09:00", "2024-01-31T23:59:59-03:30", "2024-01-31T23:59:59Z")


@feature(types={"t.c": MOMENT})
def moment_epoch_seconds(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", 1_700_000_000, 1_500_000_000, None)


@feature(types={"t.c": MOMENT})
def moment_epoch_milliseconds(db: sqlite3.Connection) -> None:
    column(db, "TIMESTAMP", 1_700_000_000_123, 1_500_000_000_999)


@feature()
def moment_epoch_real(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", 1_700_000_000.25, 1_500_000_000.5)


@feature()
def moment_julian(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", 2460310.5, 2451545.25)


@feature(refused=True)
def moment_zero_date(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2024-01-01 10:00:00", "0000-00-00 00:00:00", "2024-01-02 10:00:00")


@feature(refused=True)
def moment_of_two_sorts(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2024-01-01 10:00:00", 1_700_000_000, "soon")


@feature()
def moment_below_microseconds(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2024-01-01T10:00:00.1234567", "2024-01-01T10:00:00.123456789")


@feature(refused=True)
def moment_that_never_was(db: sqlite3.Connection) -> None:
    column(db, "DATETIME", "2023-02-29 00:00:00", "2024-01-01 24:30:00", "12024-01-01 00:00:00")


@feature(types={"t.c": "date timestamp"})
def date_alone(db: sqlite3.Connection) -> None:
    column(db, "DATE", "2024-01-31", "0001-01-01", "9999-12-31", None)


@feature()
def date_with_a_time(db: sqlite3.Connection) -> None:
    column(db, "DATE", "2024-01-31", "2024-01-31 10:00:00")


@feature(types={"t.c": "time text"})
def time_alone(db: sqlite3.Connection) -> None:
    column(db, "TIME", "10:00:00", "23:59:59.5", None)


@feature(types={"t.c": "bytea"})
def blob(db: sqlite3.Connection) -> None:
    column(db, "BLOB", b"", b"\0", bytes(range(256)), b"\xff" * 5000, None)


@feature(refused=True)
def text_in_blob(db: sqlite3.Connection) -> None:
    column(db, "BLOB", b"\0\xff", "text 글", "")


@feature(refused=True)
def blob_in_text(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "text 글", b"\0\xff", b"plain")


@feature(refused=True)
def untyped(db: sqlite3.Connection) -> None:
    column(db, "", 1, 1.5, "one", b"\x01", None)


@feature()
def untyped_numbers(db: sqlite3.Connection) -> None:
    column(db, "", 1, 2**40, -7, None)


@feature(types={"t.c": "jsonb json"})
def json_clean(db: sqlite3.Connection) -> None:
    column(db, "JSON", '{"a": [1, 2.50, "글"], "b": null}', "[]", '"x"', None)


@feature()
def json_with_bare_numbers(db: sqlite3.Connection) -> None:
    column(db, "JSON", '{"a": 1}', "12", "1.5", "null", None)


@feature(types={"t.c": "jsonb json text"})
def json_in_a_text_column(db: sqlite3.Connection) -> None:
    column(db, "TEXT", '{"b": 1, "a": 2}', "[1, 2]", "{}")


@feature(types={"t.c": "json text"})
def json_with_a_nul(db: sqlite3.Connection) -> None:
    column(db, "JSON", '{"a": "x\\u0000y"}', '{"a": 1}')


@feature(types={"t.c": "json text"})
def json_with_a_key_twice(db: sqlite3.Connection) -> None:
    column(db, "JSON", '{"a": 1, "a": 2}', "{}")


@feature(types={"t.c": "text"})
def json_half_written(db: sqlite3.Connection) -> None:
    column(db, "JSON", '{"a": 1}', '{"a": ', "", "NaN")


@feature()
def json_with_long_numbers(db: sqlite3.Connection) -> None:
    column(db, "JSON", "12345678901234567890.12345678901234567890", "1e400", '{"half": "\\ud83d"}')


@feature(refused=True)
def text_with_nul(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "a\0b", "\0", "fine")


@feature(refused=True)
def text_not_utf8(db: sqlite3.Connection) -> None:
    broken(db, b"\xff\xfe", b"caf\xe9", b"\xf0\x9f\x98", b"\xc0\x80")


@feature(refused=True)
def text_with_half_a_pair(db: sqlite3.Connection) -> None:
    broken(db, b"a\xed\xa0\x80b", b"\xed\xb0\x80")


@feature(encoding="UTF-16le")
def text_utf16(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "한글", "😀", "e\u0301", "")


@feature()
def text_of_all_signs(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "", " ", "\t", "a\nb\r\n", "\\", "\\N", "\\.", "'", '"', ",", "\ufeffx", "\u2028", "\x01\x7f",
           "😀", "e\u0301", "é", "NULL", "null", "x" * 9000, None)  # fmt: skip


@feature()
def text_longer_than_declared(db: sqlite3.Connection) -> None:
    column(db, "VARCHAR(5)", "short", "much longer than five", "한글한글한글")


@feature(types={"t.c": "text varchar bpchar"})
def text_with_spaces_at_the_end(db: sqlite3.Connection) -> None:
    column(db, "CHAR(10)", "a", "a   ", "")


@feature()
def uuid_in_text(db: sqlite3.Connection) -> None:
    column(db, "UUID", "6fa459ea-ee8a-3ca4-894e-db77e160355e", "6FA459EA-EE8A-3CA4-894E-DB77E160355F", None)


@feature()
def uuid_in_blob(db: sqlite3.Connection) -> None:
    column(db, "UUID", bytes(range(16)), b"\xff" * 16)


@feature(types={"t.c": "int8 numeric"})
def int_over_four_bytes(db: sqlite3.Connection) -> None:
    column(db, "INT", 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63))


@feature()
def int_unsigned_big(db: sqlite3.Connection) -> None:
    column(db, "UNSIGNED BIG INT", 2**63 - 1, "18446744073709551615", 1)


@feature()
def int_with_a_fraction(db: sqlite3.Connection) -> None:
    column(db, "INTEGER", 1, 2**53 + 1, 1.5, None)


@feature(refused=True)
def int_with_a_word(db: sqlite3.Connection) -> None:
    column(db, "INTEGER", 1, 2, "three", "", None)


@feature(types={"t.c": "numeric"})
def decimal_of_money(db: sqlite3.Connection) -> None:
    column(db, "DECIMAL(10,2)", 19.99, 5, 0.1, -1234567.89, None)


@feature()
def decimal_beyond_its_scale(db: sqlite3.Connection) -> None:
    column(db, "DECIMAL(5,2)", 19.999, 123456.75, 1e-9)


@feature()
def decimal_of_many_digits(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "1234567890.123456789012345678", "0.10", "1e5", "007")


@feature(types={"t.c": "float8"})
def real_of_all_sorts(db: sqlite3.Connection) -> None:
    column(db, "REAL", 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2.0**53, 1e15, 123456789012345.678, 1.0, None)


@feature(types={"t.c": "float8"})
def real_without_end(db: sqlite3.Connection) -> None:
    column(db, "DOUBLE", math.inf, -math.inf, math.nan, 1.5)


@feature(types={"t.c": "float8"})
def real_minus_zero(db: sqlite3.Connection) -> None:
    column(db, "", -0.0, 0.0, 1.5)


@feature()
def real_with_a_word(db: sqlite3.Connection) -> None:
    column(db, "REAL", 1.5, "n/a", 2.5)


@feature()
def number_types_of_old(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (a TINYINT, b MEDIUMINT(9), c INT8, d FLOAT(24), e NUMERIC, f MONEY, g 'odd type' (7))")
    db.execute("INSERT INTO t VALUES (300, 70000, ?, 0.1, 1.5, 2, 'x')", (2**40,))
