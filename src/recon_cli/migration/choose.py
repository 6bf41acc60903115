"""Which Postgres type holds every value of a column, and how each value gets there. Pure: from counts to a choice."""

from __future__ import annotations

import re
from typing import NamedTuple

from recon_cli.core.catalog import DeclaredColumn
from recon_cli.migration.documents import Document
from recon_cli.migration.plan import Coding
from recon_cli.migration.policy import OnMixed, OnText, Policies
from recon_cli.migration.profile import ColumnProfile, Probe
from recon_cli.migration.temporal import Shape

_PRECISION = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_MOST_DIGITS = 1000
EPOCHS = ((Coding.EPOCH_S, 10**8, 10**11), (Coding.EPOCH_MS, 10**11, 10**14), (Coding.EPOCH_US, 10**14, 10**17))
"""Which integers are taken for which count since 1970."""
_JULIAN = (2_200_000.0, 2_700_000.0)  # the years 1311 to 2680
_EPOCH_REAL = (1e8, 1e11)
_INT64 = 2**63


class Choice(NamedTuple):
    """A type, how values get there, and why; `careful`: some may not fit."""

    type: str
    coding: Coding
    why: str
    careful: bool = False


class Asked(NamedTuple):
    """What is known of a column: where it is (`table.column`), its declaration, its values, what was looked for."""

    place: str
    column: DeclaredColumn
    profile: ColumnProfile
    probe: Probe
    policies: Policies


def choose(asked: Asked) -> Choice:
    """The type of a column."""
    profile, probe = asked.profile, asked.probe
    if not profile.held:
        return _empty(asked)
    for wanted, look in (
        (Probe.BOOLEAN, _boolean),
        (Probe.TEMPORAL, _moment),
        (Probe.JSON, _document),
        (Probe.UUID, _uuid),
        (Probe.DECIMAL, _decimal),
    ):
        found = look(asked) if wanted in probe else None
        if found is not None:
            return found
    if asked.policies.on_mixed is OnMixed.REJECT and _misfits(asked):
        chosen = _empty(asked)
        return chosen._replace(careful=True, why=f"declared {asked.column.declared}; what does not fit is rejected")
    return _plain(asked)


def _misfits(asked: Asked) -> bool:
    """Whether a value is not of the declared sort."""
    if asked.probe & ~Probe.DECIMAL:
        return True  # a probe that was fine would have chosen already
    return len(asked.profile.held) > 1 or affinity(asked.column.declared) not in asked.profile.held | {""}


def affinity(declared: str) -> str:
    """The storage class that SQLite prefers for a declared type (https://sqlite.org/datatype3.html, section 3.1)."""
    words = declared.upper()
    if "INT" in words:
        return "integers"
    if any(part in words for part in ("CHAR", "CLOB", "TEXT")):
        return "texts"
    if "BLOB" in words:
        return "blobs"
    return "reals" if any(part in words for part in ("REAL", "FLOA", "DOUB")) else ""


def _empty(asked: Asked) -> Choice:
    """By the declaration alone."""
    declared, probe = asked.column.declared, asked.probe
    words = declared.upper()
    why = f"declared {declared}, holds nothing" if declared else "no type, holds nothing"
    zone = _zone(asked)
    for wanted, chosen in (
        (Probe.BOOLEAN, Choice("boolean", Coding.BOOL, why)),
        (Probe.JSON, Choice("jsonb", Coding.JSONB, why)),
        (Probe.UUID, Choice("uuid", Coding.UUID, why)),
        (Probe.DECIMAL, Choice(f"numeric{_stated(declared)}", Coding.NUMERIC, why)),
    ):
        if wanted in probe:
            return chosen
    if Probe.TEMPORAL in probe:
        if "TIMESTAMP" in words or "DATETIME" in words:
            with_zone = zone or "TZ" in words or "WITH TIME ZONE" in words
            kind = "timestamp with time zone" if with_zone else "timestamp without time zone"
            return Choice(kind, Coding.STAMP_ZONE if zone else Coding.STAMP, why)
        return Choice("date", Coding.DATE, why) if "DATE" in words else Choice("time", Coding.TIME, why)
    return {
        "integers": Choice("bigint", Coding.INT, why),
        "reals": Choice("double precision", Coding.REAL, why),
        "blobs": Choice("bytea", Coding.BYTES, why),
    }.get(affinity(declared), Choice("text", Coding.TEXT, why))


def _stated(declared: str) -> str:
    found = _PRECISION.search(declared)
    if found is None:
        return ""
    precision, scale = int(found[1]), int(found[2] or 0)
    return f"({precision},{scale})" if 0 < precision <= _MOST_DIGITS and scale <= precision else ""


def _boolean(asked: Asked) -> Choice | None:
    profile = asked.profile
    if profile.held == {"integers"} and (profile.least or 0) >= 0 and (profile.greatest or 0) <= 1:
        return Choice("boolean", Coding.BOOL, "every value is 0 or 1")
    if profile.held == {"texts"} and profile.boolean_words == profile.texts:
        return Choice("boolean", Coding.BOOL_WORD, "every value is a word for true or false")
    return None


def _zone(asked: Asked) -> str:
    return asked.policies.zones.get(asked.place, asked.policies.naive_zone)


def _moment(asked: Asked) -> Choice | None:
    profile = asked.profile
    if profile.held == {"texts"} and profile.clean:
        return _written_moment(asked)
    if profile.held == {"integers"}:
        return _epoch(profile)
    if profile.held == {"reals"} and not profile.odd_moments and profile.least is not None:
        least, greatest = profile.least, profile.greatest or 0.0
        for coding, low, high, told in (
            (Coding.JULIAN, *_JULIAN, "Julian days, to the millisecond"),
            (Coding.EPOCH_REAL, *_EPOCH_REAL, "seconds since 1970"),
        ):
            if low <= least and greatest < high:
                return Choice("timestamp with time zone", coding, f"every value is {told}")
    return None


def _epoch(profile: ColumnProfile) -> Choice | None:
    least, greatest = profile.least or 0, profile.greatest or 0
    for coding, low, high in EPOCHS:
        if low <= least and greatest < high:
            unit = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}[coding.value.removeprefix("epoch-")]
            return Choice("timestamp with time zone", coding, f"every value is {unit} since 1970")
    return None


def _written_moment(asked: Asked) -> Choice | None:
    found = {Shape(one) for one, number in asked.profile.shapes.items() if number}
    words = asked.column.declared.upper()
    if found == {Shape.CLOCK}:
        return Choice("time", Coding.TIME, "every value is a time of day")
    if found == {Shape.DATE} and not ("TIMESTAMP" in words or "DATETIME" in words):
        return Choice("date", Coding.DATE, "every value is a date")
    if found == {Shape.AWARE}:
        return Choice("timestamp with time zone", Coding.STAMP, "every value has an offset; the moment is kept")
    zone = _zone(asked)
    if zone and found <= {Shape.DATE, Shape.NAIVE, Shape.AWARE}:
        return Choice("timestamp with time zone", Coding.STAMP_ZONE, f"times without an offset are {zone}")
    if found <= {Shape.DATE, Shape.NAIVE}:
        midnight = "; a date alone is its midnight" if Shape.DATE in found else ""
        return Choice("timestamp without time zone", Coding.STAMP, f"no value has an offset{midnight}")
    return None


def _document(asked: Asked) -> Choice | None:
    profile = asked.profile
    if profile.held != {"texts"} or profile.documents[int(Document.BAD)] or not profile.clean:
        return None
    if profile.documents[int(Document.JSON)]:
        return Choice("json", Coding.JSON, "JSON in which keys occur twice: jsonb would drop them")
    return Choice("jsonb", Coding.JSONB, "every value is JSON")


def _uuid(asked: Asked) -> Choice | None:
    if asked.profile.held == {"texts"} and asked.profile.uuids == asked.profile.texts:
        return Choice("uuid", Coding.UUID, "every value is a UUID in the usual spelling")
    return None


def _decimal(asked: Asked) -> Choice | None:
    profile = asked.profile
    if "blobs" in profile.held or profile.infinite or profile.decimals != profile.texts:
        return None
    digits = max(profile.digits, _digits(profile) if profile.integers else 0)
    stated = _PRECISION.search(asked.column.declared)
    if stated and _stated(asked.column.declared):
        precision, scale = int(stated[1]), int(stated[2] or 0)
        if profile.scale <= scale and digits <= precision - scale:
            kept = _stated(asked.column.declared)
            return Choice(f"numeric{kept}", Coding.NUMERIC, f"every value fits {asked.column.declared}")
        return Choice("numeric", Coding.NUMERIC, f"some values have more digits than {asked.column.declared}")
    return Choice("numeric", Coding.NUMERIC, "numbers whose digits matter")


def _digits(profile: ColumnProfile) -> int:
    return max(len(str(abs(int(value)))) for value in (profile.least or 0, profile.greatest or 0))


def _plain(asked: Asked) -> Choice:
    profile = asked.profile
    only = next(iter(profile.held)) if len(profile.held) == 1 else ""
    if only == "integers":
        return Choice("bigint", Coding.INT, "whole numbers")
    if only == "reals":
        return Choice("double precision", Coding.REAL, "floats, bit for bit")
    if only == "blobs":
        return Choice("bytea", Coding.BYTES, "bytes")
    if only == "texts":
        return _text(asked)
    return _mixed(asked)


def _text(asked: Asked) -> Choice:
    profile, policies, told = asked.profile, asked.policies, _not_as_declared(asked)
    if profile.clean:
        return Choice("text", Coding.TEXT, told or "text")
    found = [
        (number, words, policy)
        for number, words, policy in (
            (profile.nul_texts, "with NUL", policies.on_nul),
            (profile.bad_texts, "not UTF-8", policies.on_invalid_utf8),
        )
        if number
    ]
    why = ", ".join(f"{number} values {words}: {policy.value}" for number, words, policy in found)
    if any(policy is OnText.BYTEA for *_, policy in found):
        return Choice("bytea", Coding.BYTES, why)
    return Choice("text", Coding.TEXT, why, careful=True)


def _not_as_declared(asked: Asked) -> str:
    """Why a column with a special declaration is text all the same."""
    if asked.probe is Probe.NONE and affinity(asked.column.declared) in {"texts", ""}:
        return ""
    example = f", as `{asked.profile.example}`" if asked.profile.example else ""
    return f"not every value is {asked.column.declared or 'of one kind'}{example}"


def _mixed(asked: Asked) -> Choice:
    profile = asked.profile
    kinds = " and ".join(sorted(profile.held))
    if profile.held == {"integers", "reals"}:
        wide = profile.whole and affinity(asked.column.declared) == "integers"
        if profile.infinite or (profile.exact and not wide):
            return Choice("double precision", Coding.REAL, "whole numbers and floats; a float holds them all")
        return Choice("numeric", Coding.NUMERIC, "numbers beyond 64 bits, or beyond what a float holds")
    if "blobs" not in profile.held or profile.text_blobs == profile.blobs:
        return Choice("text", Coding.TEXT_OF_ANY, f"mixed: {kinds}, all as text", careful=not profile.clean)
    return Choice("bytea", Coding.BYTES_OF_ANY, f"mixed: {kinds}, all as bytes")
