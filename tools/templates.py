"""Find by the syntax tree every text that recon says in an error, a hint or a warning, as templates with `{0}`, `{1}`.

A text is followed to where its words are: through conditional expressions, constants, tables, local names, functions
that return texts and functions that pass a text on. What cannot be followed, such as another side's words, is a place.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from pathlib import Path

from tools.sources import (
    Module,
    alternatives,
    assigned,
    callee,
    calls_in,
    constant,
    modules,
    parameters,
    returned,
)

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "recon_cli"
MOST_VARIANTS = 48
DEEPEST = 6
_OTHERS = {"TypeError", "KeyError", "OSError", "AssertionError", "AttributeError", "IndexError", "StopIteration"}
_OTHERS |= {"NoSuchOption", "NotImplementedError", "PermissionError", "FileNotFoundError", "TimeoutError", "EOFError"}
_ANSWERS = "recon_cli.web."
_SERVING = {"recon_cli.web.server", "recon_cli.web.foreman", "recon_cli.web.serving", "recon_cli.web.tellers"}
_SPOKEN = {"hint", "hints", "cause"}
_SQL = "SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|WITH|FOR|DECLARE|RETURN|FROM|ALTER|CONSTRAINT|PERFORM|WHERE"
_NAMED = {"Check": slice(2, 4), "Adapters": slice(1, 3)}
"""What else is made with texts of ours, and at which arguments."""
_ATTRIBUTES = {"kept_because"}
"""Attributes of classes that hold a text."""
_PLAIN = {"count", "grouped", "size", "seconds", "shown", "shown_path", "text", "quoted", "line", "cell"}
"""Functions that spell a value: what they give is a value, not a text of ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a text that is known only when it is said; `source` is the expression that gives it."""

    source: str


Parts = tuple["str | Place", ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with numbered places, the expressions behind them, and the file it stands in."""

    text: str
    places: tuple[str, ...]
    file: str


@dataclass(slots=True)
class Found:
    """Everything that was found: templates, and nouns with their plurals that are told with a number before them."""

    templates: list[Template] = field(default_factory=list)
    nouns: dict[tuple[str, str], str] = field(default_factory=dict)


def find(package: Path = PACKAGE) -> Found:
    """Every text of the package."""
    return _Search({one.name: one for one in modules(package)}).found()


@dataclass(slots=True)
class _Search:
    modules: dict[str, Module]
    _passed_on: set[tuple[str, str, str]] = field(default_factory=set)
    _told: dict[str, Template] = field(default_factory=dict)
    _nouns: dict[tuple[str, str], str] = field(default_factory=dict)
    _homes: dict[str, list[Module]] = field(default_factory=dict)
    _returns: dict[ast.FunctionDef, list[Parts]] = field(default_factory=dict)

    def found(self) -> Found:
        for module in self.modules.values():
            for name in module.functions:
                self._homes.setdefault(name, []).append(module)
        # What a request is answered with is JSON, and that stays English.
        speaking = [one for one in self.modules.values() if not one.name.startswith(_ANSWERS) or one.name in _SERVING]
        calls = [(module, node) for module in speaking for node in calls_in(module.tree)]
        for module, call in calls:
            self._noun(module, call)
            for text in _spoken(module, call):
                self._tell(module, text)
        for module in speaking:
            for text in (one for name in sorted(_ATTRIBUTES) for one in module.held.get(name, ())):
                self._tell(module, text)
        self._follow(calls)
        return Found(sorted(self._told.values(), key=lambda one: (one.file, one.text)), self._nouns)

    def _follow(self, calls: Sequence[tuple[Module, ast.Call]]) -> None:
        """Go to the callers of functions that pass a text on, until there are no more."""
        by_name: dict[str, list[tuple[Module, ast.Call]]] = {}
        for module, call in calls:
            by_name.setdefault(callee(call), []).append((module, call))
        done: set[tuple[str, str, str]] = set()
        while more := self._passed_on - done:
            done |= more
            for where, function, parameter in sorted(more):
                for module, call in calls if function == "__init__" else by_name.get(function, ()):
                    if self._calls(module, call, where, function):
                        self._argument(module, call, self.modules[where].functions[function], parameter)

    def _noun(self, module: Module, call: ast.Call) -> None:
        if callee(call) == "count" and len(call.args) > 1:
            words = [one for arg in call.args[1:] if (one := constant(arg))]
            if words and len(words) == len(call.args) - 1:
                self._nouns.setdefault((words[0], words[1] if len(words) > 1 else f"{words[0]}s"), module.file)

    def _tell(self, module: Module, text: ast.expr) -> None:
        for parts in self._texts(module, text, 0):
            template = _template(parts, module.file)
            if is_words(template.text):
                self._told.setdefault(template.text, template)

    def _calls(self, module: Module, call: ast.Call, where: str, function: str) -> bool:
        name = callee(call)
        if function == "__init__":
            kinds = {kind.name for kind in self.modules[where].classes.values() if kind}
            return name in kinds and (module.name == where or module.imports.get(name, ("", ""))[0] == where)
        if name != function:
            return False
        if isinstance(call.func, ast.Name):
            return module.name == where or module.imports.get(name, ("", ""))[0] == where
        value = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(value, ast.Name) and value.id in module.imports:
            return ".".join(module.imports[value.id]) == where
        return module.name == where or (name not in module.functions and not _is_common(name))

    def _argument(self, module: Module, call: ast.Call, functions: list[ast.FunctionDef], parameter: str) -> None:
        for function in functions:
            names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
            if names[:1] in (["self"], ["cls"]):
                names = names[1:]
            given = {word.arg: word.value for word in call.keywords if word.arg}
            given |= dict(zip(names, call.args, strict=False))
            if parameter in given:
                self._tell(module, given[parameter])

    def _texts(self, module: Module, node: ast.expr, depth: int) -> list[Parts]:
        """Every text that an expression can be."""
        opaque: list[Parts] = [(Place(ast.unparse(node)),)]
        if depth > DEEPEST:
            return opaque
        if isinstance(node, ast.Constant):
            return [(node.value,)] if isinstance(node.value, str) else []
        inner = alternatives(node)
        if inner is not None:
            return [one for value in inner for one in self._texts(module, value, depth)]
        return self._followed(module, node, depth) or opaque

    def _followed(self, module: Module, node: ast.expr, depth: int) -> list[Parts]:
        match node:
            case ast.JoinedStr():
                return self._joined(module, node, depth)
            case ast.BinOp(op=ast.Add()):
                return self._sum(module, node, depth)
            case ast.Name():
                return self._named(module, node, depth)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                return self._of_module(module, name, attribute, depth)
            case ast.Subscript():
                return self._looked_up(module, node.value, depth)
            case ast.Call():
                return self._called(module, node, depth)
            case _:
                return []

    def _joined(self, module: Module, node: ast.JoinedStr, depth: int) -> list[Parts]:
        choices: list[list[Parts]] = []
        for value in node.values:
            if not isinstance(value, ast.FormattedValue):
                choices.append([(constant(value) or "",)])
                continue
            place: Parts = (Place(ast.unparse(value.value)),)
            within = self._texts(module, value.value, depth + 1) if value.format_spec is None else []
            ours = [one for one in within if any(isinstance(part, str) for part in one)]
            follow = within and _are_ours(ours, value.value)
            choices.append(list(dict.fromkeys(within)) if follow else [place])
            if isinstance(value.value, ast.Name) and not follow:
                self._pass_on(module, value.value)
        while math.prod(map(len, choices)) > MOST_VARIANTS:
            longest = max(range(len(choices)), key=lambda at: len(choices[at]))
            choices[longest] = [(Place("…"),)]
        return all_of(choices)

    def _sum(self, module: Module, node: ast.BinOp, depth: int) -> list[Parts]:
        sides = [self._texts(module, one, depth) for one in (node.left, node.right)]
        return all_of([one[:MOST_VARIANTS] for one in sides])[:MOST_VARIANTS]

    def _named(self, module: Module, node: ast.Name, depth: int) -> list[Parts]:
        owner = module.owner.get(node)
        while isinstance(owner, ast.FunctionDef):
            values = assigned(owner, node.id)
            if values:
                return [one for value in values for one in self._texts(module, value, depth + 1)]
            if node.id in parameters(owner):
                self._pass_on(module, node)
                return []
            owner = module.owner.get(owner)
        return self._constant(module, node.id, depth)

    def _pass_on(self, module: Module, node: ast.Name) -> None:
        owner = module.owner.get(node)
        while isinstance(owner, ast.FunctionDef):
            if node.id in parameters(owner) and not assigned(owner, node.id):
                self._passed_on.add((module.name, owner.name, node.id))
                return
            owner = module.owner.get(owner)

    def _constant(self, module: Module, name: str, depth: int) -> list[Parts]:
        if name in module.constants:
            return [one for value in module.constants[name] for one in self._texts(module, value, depth + 1)]
        home, original = module.imports.get(name, ("", ""))
        if home in self.modules:
            return self._constant(self.modules[home], original, depth + 1) if depth < DEEPEST else []
        return []

    def _of_module(self, module: Module, name: str, attribute: str, depth: int) -> list[Parts]:
        home = self.modules.get(".".join(module.imports.get(name, ("", ""))))
        return self._constant(home, attribute, depth) if home else []

    def _looked_up(self, module: Module, table: ast.expr, depth: int) -> list[Parts]:
        if isinstance(table, ast.Name):
            values = [*module.constants.get(table.id, [])]
            home, original = module.imports.get(table.id, ("", ""))
            if home in self.modules:
                values += self.modules[home].constants.get(original, [])
            owner = module.owner.get(table)
            if isinstance(owner, ast.FunctionDef):
                values += assigned(owner, table.id)
        else:
            values = [table]
        inner = [one for value in values if isinstance(value, ast.Dict) for one in value.values]
        return [one for value in inner for one in self._texts(module, value, depth + 1)]

    def _called(self, module: Module, node: ast.Call, depth: int) -> list[Parts]:
        name = callee(node)
        if name == "suggest":
            return self._suggested(module, node, depth)
        if name == "get" and isinstance(node.func, ast.Attribute):
            fallback = self._texts(module, node.args[1], depth) if len(node.args) > 1 else []
            return [*self._looked_up(module, node.func.value, depth), *fallback]
        if name in {"tuple", "list", "sorted", "fromkeys", "filter"} and node.args:
            return self._texts(module, node.args[-1], depth)
        if name == "join" and isinstance(node.func, ast.Attribute) and constant(node.func.value) == "; ":
            return self._texts(module, node.args[0], depth)  # two texts in one, taken apart again when they are said
        if name in _PLAIN:
            return []
        homes = [home for home in self._homes.get(name, ()) if self._calls(module, node, home.name, name)]
        return [one for home in homes for function in home.functions[name] for one in self._given(home, function)]

    def _given(self, home: Module, function: ast.FunctionDef) -> list[Parts]:
        """Every text that a function can return, found once."""
        if function not in self._returns:
            self._returns[function] = []  # a function that calls itself adds nothing to itself
            values = [one for value in returned(function) for one in self._texts(home, value, 1)]
            self._returns[function] = list(dict.fromkeys(values))[:MOST_VARIANTS]
        return self._returns[function]

    def _suggested(self, module: Module, node: ast.Call, depth: int) -> list[Parts]:
        near: list[Parts] = [
            ("did you mean `", Place("name"), "`?"),
            ("did you mean `", Place("name"), "` or `", Place("name"), "`?"),
            ("known here: ", Place("names")),
        ]
        rest = node.args[2:] or [word.value for word in node.keywords if word.arg == "otherwise"]
        return [*near, *(one for value in rest for one in self._texts(module, value, depth))]


def is_words(text: str) -> bool:
    """Whether a template says something by itself: at least one word beside its places and what stands in backticks."""
    if "\n" in text or " " not in text or re.match(rf"({_SQL}) |.*[a-z]/1$|\{{\"|Authorization:", text):
        return False  # SQL, the name of a document's schema, a line of a protocol
    return bool(re.search(r"(?<![\w/.-])[a-z]{2,}(?![\w/-])", re.sub(r"`[^`]*`|\{\d+\}", " | ", text)))


def all_of(choices: Iterable[list[Parts]]) -> list[Parts]:
    """Every combination of the choices, one after the other."""
    return [tuple(part for parts in chosen for part in parts) for chosen in product(*choices)]


def _are_ours(texts: list[Parts], value: ast.expr) -> bool:
    """Whether what stands in a place is words of ours, to be told with the text around it."""
    if not texts:
        return False
    if isinstance(value, ast.IfExp | ast.BoolOp):
        return True
    literal = [" ".join(part for part in parts if isinstance(part, str)) for parts in texts]
    return any(re.search(r"[a-z]{2,} \S|[a-z]{3,}$|^[ ,;:(]", one) for one in literal) and len(texts) <= DEEPEST


def _formatted(part: str | Place) -> Iterator[str | Place]:
    """The `{url}` of a text that is filled by `format` is a place, too."""
    for at, piece in enumerate(part.split("{url}") if isinstance(part, str) else ()):
        yield from ((Place("url"), piece) if at else (piece,))
    if isinstance(part, Place):
        yield part


def _template(parts: Parts, file: str) -> Template:
    text = ""
    places: list[str] = []
    for part in chain.from_iterable(map(_formatted, parts)):
        if isinstance(part, Place):
            text += f"{{{len(places)}}}"
            places.append(part.source)
        else:
            text += part
    return Template(text.strip(), tuple(places), file)


def _spoken(module: Module, call: ast.Call) -> Iterator[ast.expr]:
    name = callee(call)
    words = {word.arg: word.value for word in call.keywords if word.arg}
    yield from (value for key, value in words.items() if key in _SPOKEN)
    inside = module.classes.get(call)
    own = name == "__init__" and inside is not None and inside.name.endswith("Error")
    if name in _NAMED:
        yield from call.args[_NAMED[name]]
    made = name.endswith("Error") and name not in _OTHERS and not name.endswith("_Error")
    if made and name not in {"ValueError", "RowRefusedError", "DeliveryError", "RefusedError"}:
        yield from call.args[:1]
    elif own or _SPOKEN & words.keys():
        yield from (one for one in call.args[:1] if not isinstance(one, ast.Constant) or " " in str(one.value))
    elif name in {"ValueError", "RowRefusedError", "DeliveryError", "RefusedError"}:
        yield from (one for one in call.args[:3] if isinstance(one, ast.Constant | ast.JoinedStr | ast.IfExp))
    elif name in {"warn", "usage_error"}:
        yield from call.args[:1]


def _is_common(name: str) -> bool:
    """Whether many classes have a method of this name, so that a call says little about whose it is."""
    return not name.startswith("_") or name.startswith("__")
