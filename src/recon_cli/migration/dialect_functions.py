"""The functions of SQLite that Postgres has too, or that can be said with what it has, as SQLite means them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlglot import exp

from recon_cli.migration.dialect_kinds import Kind, kind, typed
from recon_cli.migration.translation import Untranslatable

_Tree: TypeAlias = Any
_TIMES = frozenset({Kind.STAMP, Kind.STAMPTZ, Kind.DATE})
_FORMATS = {
    "%Y": "YYYY",
    "%m": "MM",
    "%d": "DD",
    "%H": "HH24",
    "%M": "MI",
    "%S": "SS",
    "%f": "SS.MS",
    "%j": "DDD",
    "%F": "YYYY-MM-DD",
    "%T": "HH24:MI:SS",
}
_NOW = "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')"
_DATE, _TIME, _STAMP = "YYYY-MM-DD", "HH24:MI:SS", "YYYY-MM-DD HH24:MI:SS"
_PATH = re.compile(r"\$((?:\.\w+|\[\d+\])+)")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def _refuse(node: _Tree) -> Untranslatable:
    return Untranslatable(f"`{node.sql('sqlite')[:60]}` has no equal")


def _as_it_is(node: _Tree) -> _Tree:
    return node


def _called(name: str, *arguments: _Tree, kept: str = "TEXT") -> _Tree:
    return typed(exp.Anonymous(this=name, expressions=list(arguments)), kept)


def _texts(node: _Tree) -> _Tree:
    """Functions of texts. One that SQLite does not have by itself is the application's own, whatever its name."""
    if isinstance(node, exp.Concat):
        raise _refuse(node)
    for one in node.args.values():
        if isinstance(one, exp.Expression) and kind(one) not in {Kind.TEXT, Kind.UNKNOWN, Kind.INTEGER}:
            raise _refuse(node)
    if kind(node.this) is Kind.INTEGER:
        node.set("this", exp.cast(node.this, "text"))
    return node


def _length(node: _Tree) -> _Tree:
    if kind(node.this) is Kind.INTEGER:
        return typed(exp.Length(this=exp.cast(node.this, "text")), "BIGINT")
    if kind(node.this) not in {Kind.TEXT, Kind.BYTES}:
        raise _refuse(node)
    return node


def _substring(node: _Tree) -> _Tree:
    start, length = node.args.get("start"), node.args.get("length")
    if kind(node.this) is not Kind.TEXT:
        raise _refuse(node)
    if isinstance(start, exp.Neg) and isinstance(start.this, exp.Literal) and length is None:
        return _called("right", node.this, start.this)
    if isinstance(start, exp.Literal) and start.is_int and int(start.name) < 1:
        raise _refuse(node)
    if isinstance(start, exp.Neg):
        raise _refuse(node)
    return _called("substr", node.this, *(one for one in (start, length) if one is not None))


def _round(node: _Tree) -> _Tree:
    places = node.args.get("decimals")
    if kind(node.this) is Kind.INTEGER or kind(node.this) is Kind.REAL:
        number = exp.cast(node.this, "decimal")
        rounded = exp.Round(this=number, decimals=places) if places is not None else exp.Round(this=number)
        return exp.cast(rounded, "double precision")
    if kind(node.this) is Kind.NUMERIC:
        return node
    raise _refuse(node)


def _sum(node: _Tree) -> _Tree:
    inner = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    found = kind(inner)
    if found is Kind.BOOLEAN:
        inner.replace(exp.cast(inner.copy(), "int"))
        return exp.cast(node, "bigint")
    if found is Kind.INTEGER:
        return exp.cast(node, "bigint")
    if found in {Kind.REAL, Kind.NUMERIC}:
        return node
    raise _refuse(node)


def _avg(node: _Tree) -> _Tree:
    inner = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    if kind(inner) is Kind.BOOLEAN:
        inner.replace(exp.cast(inner.copy(), "int"))
    elif kind(inner) not in {Kind.INTEGER, Kind.REAL, Kind.NUMERIC}:
        raise _refuse(node)
    return exp.cast(node, "double precision")


def _of_several(node: _Tree) -> _Tree:
    """`max(a, b)` is NULL if either is."""
    several = [node.this, *node.args["expressions"]]
    kinds = {kind(one) for one in several}
    if len(kinds) > 1 and not kinds <= {Kind.INTEGER, Kind.REAL, Kind.NUMERIC}:
        raise _refuse(node)
    unknown = exp.or_(*(exp.Is(this=one.copy(), expression=exp.Null()) for one in several))
    found = _called("greatest" if isinstance(node, exp.Greatest) else "least", *(one.copy() for one in several))
    chosen = exp.Case(ifs=[exp.If(this=unknown, true=exp.Null())], default=found)
    chosen.type = several[0].type
    return chosen


def _extreme(node: _Tree) -> _Tree:
    """Of booleans it is a number."""
    if kind(node.this) is Kind.BOOLEAN:
        node.set("this", exp.cast(node.this, "int"))
        return exp.cast(node, "bigint")
    return node


def _group_concat(node: _Tree) -> _Tree:
    inner = node.this
    distinct = isinstance(inner, exp.Distinct)
    value = inner.expressions[0] if distinct else inner
    if isinstance(value, exp.Order) or (distinct and len(inner.expressions) > 1):
        raise _refuse(node)
    if kind(value) is Kind.INTEGER:
        value = exp.cast(value, "text")
    elif kind(value) is not Kind.TEXT:
        raise _refuse(node)
    between = node.args.get("separator") or exp.Literal.string(",")
    first = exp.Distinct(expressions=[value]) if distinct else value
    return _called("string_agg", first, between)


def _cast(node: _Tree) -> _Tree:
    source, target = kind(node.this), kind(node)
    if target is Kind.INTEGER:
        if source is Kind.INTEGER:
            return exp.cast(node.this, "bigint")
        if source in {Kind.REAL, Kind.NUMERIC}:
            return exp.cast(_called("trunc", node.this, kept="DOUBLE"), "bigint")
        if source is Kind.BOOLEAN:
            return exp.cast(exp.cast(node.this, "int"), "bigint")
        parts = isinstance(node.this, exp.Anonymous) and node.this.name.lower() == "to_char"
        if parts:
            return exp.cast(node.this, "bigint")
    if target is Kind.TEXT and source in {Kind.TEXT, Kind.INTEGER, Kind.UUID}:
        return exp.cast(node.this, "text")
    if target in {Kind.REAL, Kind.NUMERIC} and source in {Kind.INTEGER, Kind.REAL, Kind.NUMERIC}:
        return exp.cast(node.this, "double precision" if target is Kind.REAL else "decimal")
    raise _refuse(node)


def _like(node: _Tree) -> _Tree:
    if kind(node.this) is not Kind.TEXT or kind(node.expression) is not Kind.TEXT:
        raise _refuse(node)
    found: _Tree = exp.ILike(this=node.this, expression=node.expression)
    plain = isinstance(node.expression, exp.Literal) and "\\" not in node.expression.name
    if not plain and not isinstance(node.parent, exp.Escape):
        found = exp.Escape(this=found, expression=exp.Literal.string(""))
    return found


def _glob(node: _Tree) -> _Tree:
    pattern = node.expression
    if kind(node.this) is not Kind.TEXT or not isinstance(pattern, exp.Literal):
        raise _refuse(node)
    return exp.RegexpLike(this=node.this, expression=exp.Literal.string(_regex(pattern.name)))


def _regex(pattern: str) -> str:
    found, place = ["^"], 0
    while place < len(pattern):
        letter = pattern[place]
        end = pattern.find("]", place + 2)
        if letter == "[" and end > 0:
            inner = pattern[place + 1 : end].replace("\\", "\\\\")
            found.append(f"[{inner}]")
            place = end
        else:
            found.append({"*": ".*", "?": "."}.get(letter, re.escape(letter)))
        place += 1
    return "".join([*found, "$"])


def _strftime(node: _Tree) -> _Tree:
    form = node.args.get("format")
    if not isinstance(form, exp.Literal):
        raise _refuse(node)
    if form.name == "%s":
        inner = node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp) else node.this
        return exp.cast(_unixepoch(exp.Anonymous(this="unixepoch", expressions=[inner])), "text")
    pieces = re.split(r"(%\w)", form.name)
    if any(piece.startswith("%") and piece not in _FORMATS for piece in pieces) or '"' in form.name:
        raise _refuse(node)
    told = "".join(_FORMATS.get(piece, f'"{piece}"' if piece.strip("-: /.") else piece) for piece in pieces)
    return _formatted(node, node.this, told)


def _formatted(node: _Tree, moment: _Tree, form: str) -> _Tree:
    while isinstance(moment, exp.TsOrDsToTimestamp | exp.TsOrDsToDate | exp.Paren):
        moment = moment.this
    return _called("to_char", _moment(node, moment), exp.Literal.string(form))


def _moment(node: _Tree, moment: _Tree) -> _Tree:
    if isinstance(moment, exp.Literal) and moment.name.lower() == "now":
        return exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=exp.Literal.string("UTC"))
    if isinstance(moment, exp.CurrentTimestamp | exp.CurrentDate):
        return exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=exp.Literal.string("UTC"))
    if kind(moment) is Kind.STAMPTZ:
        return exp.AtTimeZone(this=moment, zone=exp.Literal.string("UTC"))
    if kind(moment) in _TIMES:
        return moment
    raise _refuse(node)


def _date(node: _Tree) -> _Tree:
    if node.args.get("zone") is not None or node.args.get("expressions"):
        raise _refuse(node)
    return _formatted(node, node.this, _DATE)


def _moved(form: str) -> Callable[[_Tree], _Tree]:
    """`date(x, '-7 days')` and its like: a moment, moved, as text."""

    def change(node: _Tree) -> _Tree:
        first, *modifiers = node.expressions or [exp.Literal.string("now")]
        moment = _moment(node, first)
        for one in modifiers:
            moment = _modified(node, moment, one)
        return _called("to_char", moment, exp.Literal.string(form))

    return change


def _modified(node: _Tree, moment: _Tree, modifier: _Tree) -> _Tree:
    text = modifier.name.strip().lower() if isinstance(modifier, exp.Literal) else ""
    start = re.fullmatch(r"start of (day|month|year)", text)
    if start:
        return _called("date_trunc", exp.Literal.string(start[1]), moment, kept="TIMESTAMP")
    step = re.fullmatch(r"([-+]?\d{1,6}) (second|minute|hour|day|month|year)s?", text)
    if not step:
        raise _refuse(node)
    length = exp.Cast(this=exp.Literal.string(f"{step[1]} {step[2]}"), to=exp.DataType.build("interval"))
    return typed(exp.paren(exp.Add(this=moment, expression=length)), "TIMESTAMP")


def _unixepoch(node: _Tree) -> _Tree:
    (first,) = node.expressions or [exp.Literal.string("now")]
    moment = exp.AtTimeZone(this=exp.paren(_moment(node, first)), zone=exp.Literal.string("UTC"))
    return exp.cast(exp.Extract(this=exp.Var(this="EPOCH"), expression=moment), "bigint")


def _julianday(node: _Tree) -> _Tree:
    (first,) = node.expressions or [exp.Literal.string("now")]
    moment = exp.AtTimeZone(this=exp.paren(_moment(node, first)), zone=exp.Literal.string("UTC"))
    seconds = exp.cast(exp.Extract(this=exp.Var(this="EPOCH"), expression=moment), "double precision")
    days = exp.Div(this=seconds, expression=exp.Literal.number("86400.0"))
    return exp.cast(exp.paren(exp.Add(this=days, expression=exp.Literal.number("2440587.5"))), "double precision")


def _clock(form: str) -> Callable[[_Tree], _Tree]:
    def change(node: _Tree) -> _Tree:
        if isinstance(node.parent, exp.AtTimeZone):
            return node
        return _formatted(node, exp.Literal.string("now"), form)

    return change


def _json_extract(node: _Tree) -> _Tree:
    """`json_extract(a, '$.b.c')` and `a ->> '$.b'` as text; SQLite's number would be another kind."""
    path = node.expression
    steps = _steps(path)
    if steps is None or kind(node.this) is not Kind.JSON:
        raise _refuse(node)
    return _called("json_extract_path_text" if _is_json(node.this) else "jsonb_extract_path_text", node.this, *steps)


def _is_json(node: _Tree) -> bool:
    return node.type is not None and node.type.this is exp.DataType.Type.JSON


def _steps(path: _Tree) -> list[_Tree] | None:
    if isinstance(path, exp.JSONPath):
        found = path.sql("sqlite").strip("'")
    elif isinstance(path, exp.Literal):
        found = path.name if path.name.startswith("$") else f"$.{path.name}"
    else:
        return None
    match = _PATH.fullmatch(found)
    if match is None:
        return None
    return [exp.Literal.string(name or number) for name, number in _STEP.findall(match[1])]


_ANONYMOUS: dict[str, Callable[[_Tree], _Tree]] = {}


def _anonymous(node: _Tree) -> _Tree:
    change = _ANONYMOUS.get(node.name.lower())
    if change is None:
        raise Untranslatable(f"`{node.name}()` has no equal")
    return change(node)


def _total(node: _Tree) -> _Tree:
    (value,) = node.expressions
    added = _sum(typed(exp.Sum(this=value), "DOUBLE"))
    return exp.Coalesce(this=exp.cast(added, "double precision"), expressions=[exp.Literal.number(0)])


def _typeof(node: _Tree) -> _Tree:
    names = {Kind.INTEGER: "integer", Kind.REAL: "real", Kind.TEXT: "text", Kind.BYTES: "blob", Kind.BOOLEAN: "integer"}
    found = names.get(kind(node.this))
    if found is None:
        raise _refuse(node)
    empty = exp.Is(this=node.this, expression=exp.Null())
    return typed(
        exp.Case(ifs=[exp.If(this=empty, true=exp.Literal.string("null"))], default=exp.Literal.string(found)), "TEXT"
    )


def _instr(node: _Tree) -> _Tree:
    if kind(node.this) is not Kind.TEXT or kind(node.args["substr"]) is not Kind.TEXT:
        raise _refuse(node)
    return _called("strpos", node.this, node.args["substr"], kept="BIGINT")


def _hex(node: _Tree) -> _Tree:
    inner = node.this
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "randomblob":
        plain = _called("replace", exp.cast(_called("gen_random_uuid"), "text"), *map(exp.Literal.string, ("-", "")))
        (size,) = inner.expressions
        if not (isinstance(size, exp.Literal) and size.name == "16"):
            raise _refuse(node)
        return plain if isinstance(node, exp.LowerHex) else _called("upper", plain)
    if kind(inner) is not Kind.BYTES:
        raise _refuse(node)
    told = _called("encode", inner, exp.Literal.string("hex"))
    return told if isinstance(node, exp.LowerHex) else _called("upper", told)


def _randomblob(node: _Tree) -> _Tree:
    if isinstance(node.parent, exp.Hex | exp.LowerHex):
        return node
    raise _refuse(node)


def _json_valid(node: _Tree) -> _Tree:
    (value,) = node.expressions
    if kind(value) is not Kind.JSON:
        raise _refuse(node)
    return exp.true()


_ANONYMOUS.update(
    {
        "total": _total,
        "json_valid": _json_valid,
        "date": _moved(_DATE),
        "datetime": _moved(_STAMP),
        "time": _moved(_TIME),
        "unixepoch": _unixepoch,
        "julianday": _julianday,
        "randomblob": _randomblob,
        "gen_random_uuid": _as_it_is,
        "typeof": lambda node: _typeof(exp.Typeof(this=node.expressions[0])),
    }
)

FUNCTIONS: Mapping[type[exp.Expression], Callable[[_Tree], _Tree]] = {
    **dict.fromkeys((exp.Count, exp.Coalesce, exp.Nullif, exp.Abs), _as_it_is),
    **dict.fromkeys((exp.TsOrDsToTimestamp, exp.TsOrDsToDate, exp.JSONPath, exp.JSONPathRoot), _as_it_is),
    **dict.fromkeys((exp.JSONPathKey, exp.JSONPathSubscript), _as_it_is),
    **dict.fromkeys((exp.Lower, exp.Upper, exp.Trim, exp.Replace, exp.Concat), _texts),
    **dict.fromkeys((exp.Max, exp.Min), _extreme),
    **dict.fromkeys((exp.JSONExtract, exp.JSONExtractScalar), _json_extract),
    **dict.fromkeys((exp.Hex, exp.LowerHex), _hex),
    exp.Greatest: _of_several,
    exp.Least: _of_several,
    exp.Length: _length,
    exp.Substring: _substring,
    exp.Round: _round,
    exp.Sum: _sum,
    exp.Avg: _avg,
    exp.GroupConcat: _group_concat,
    exp.Cast: _cast,
    exp.Like: _like,
    exp.Glob: _glob,
    exp.TimeToStr: _strftime,
    exp.Date: _date,
    exp.CurrentTimestamp: _clock(_STAMP),
    exp.CurrentDate: _clock(_DATE),
    exp.CurrentTime: _clock(_TIME),
    exp.StrPosition: _instr,
    exp.Typeof: _typeof,
    exp.Anonymous: _anonymous,
}
