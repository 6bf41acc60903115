"""Keep the catalogue of translations complete: `--check` says what is missing, `--write` puts the file in order.

``python -m tools.messages --check`` lists each text of the code without a translation, each translation whose text is
gone, and each whose places or backticks differ; exit status 1 where there is one. ``--write`` adds what is missing,
drops what is gone, and gives a text that was only reworded its old translation, marked `fuzzy`: look it over, correct
it and take the mark away. ``--fill FILE`` takes translations from lines of `ENGLISH<TAB>TRANSLATION`.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from recon_cli.ui.catalogue import FOLDER, NOUN, Entry, read
from recon_cli.ui.particles import MARKER
from tools import helptexts, templates

PATH = FOLDER / "ko.po"
HEADER = """# Korean texts of recon. `python -m tools.messages --write` keeps the entries; the words are written here.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Language: ko\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"""
_ALIKE = 0.75


def wanted() -> list[Entry]:
    """Every text that has to be in the catalogue, with what helps to translate it."""
    entries: dict[tuple[str, str], Entry] = {}
    found = templates.find()
    for one in (*helptexts.find(), *found.templates):
        entries.setdefault(("", one.text), Entry(one.text, notes=_notes(one), files=[one.file]))
    for (singular, plural), file in found.nouns.items():
        entries[NOUN, singular] = Entry(singular, plural=plural, context=NOUN, files=[file])
    return sorted(entries.values(), key=lambda one: (one.files[0].startswith("src"), one.files, one.context, one.text))


def problems(entries: Sequence[Entry], needed: Sequence[Entry]) -> Iterator[str]:
    """What is wrong with a catalogue, one line each."""
    have, want = _keyed(entries), _keyed(needed)
    for key in want.keys() - have.keys():
        yield f"missing: {_where(want[key])}: {want[key].text}"
    for key in have.keys() - want.keys():
        yield f"stale: {_where(have[key])}: {have[key].text}"
    for key in want.keys() & have.keys():
        entry = have[key]
        if not entry.translation:
            yield f"missing: {_where(want[key])}: {entry.text}"
        elif entry.fuzzy:
            yield f"fuzzy: {_where(want[key])}: {entry.text}"
        else:
            yield from _disagreements(entry)


def _disagreements(entry: Entry) -> Iterator[str]:
    text, translation = entry.text, entry.translation
    places = {"{0}"} if entry.context == NOUN else set(re.findall(r"\{\d+\}", text))
    if places != set(re.findall(r"\{\d+\}", translation)):
        yield f"places differ: {text} → {translation}"
    if entry.context != NOUN and Counter(_code(text)) != Counter(_code(translation)):
        yield f"what stands in backticks differs: {text} → {translation}"
    bare = re.search(rf"[가-힣](?:{MARKER})", translation)
    if bare:
        yield f"`{bare[0]}` can be decided here: {text} → {translation}"


def refreshed(entries: Sequence[Entry], needed: Sequence[Entry]) -> list[Entry]:
    """The catalogue with every text that is needed and no other; a reworded one keeps its words, marked fuzzy."""
    have, want = _keyed(entries), _keyed(needed)
    stale = {key: have[key] for key in have.keys() - want.keys() if have[key].translation}
    for key, entry in want.items():
        old = have.get(key)
        if old is None and (near := _nearest(key, stale)):
            old, entry.fuzzy = stale.pop(near), True
        elif old is not None:
            entry.fuzzy = old.fuzzy
        entry.translation = old.translation if old else ""
    return list(want.values())


def _nearest(key: tuple[str, str], stale: dict[tuple[str, str], Entry]) -> tuple[str, str] | None:
    texts = {text: (context, text) for context, text in stale if context == key[0]}
    near = difflib.get_close_matches(key[1], texts, n=1, cutoff=_ALIKE)
    return texts[near[0]] if near else None


def written(entries: Iterable[Entry]) -> str:
    """A PO file, each text on one line."""
    return "\n".join((HEADER, *(_block(entry) for entry in entries)))


def _block(entry: Entry) -> str:
    lines = [f"#. {note}" for note in entry.notes] + [f"#: {file}" for file in entry.files]
    lines += ["#, fuzzy"] if entry.fuzzy else []
    lines += [f"msgctxt {_quoted(entry.context)}"] if entry.context else []
    lines.append(f"msgid {_quoted(entry.text)}")
    lines += [f"msgid_plural {_quoted(entry.plural)}"] if entry.plural else []
    lines.append(f"msgstr{'[0]' if entry.plural else ''} {_quoted(entry.translation)}")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    """Check, write, or fill in; 1 where something is to be done."""
    entries, needed = list(read(PATH)) if PATH.exists() else [], wanted()
    if "--write" in argv or "--fill" in argv:
        entries = refreshed(entries, needed)
        if "--fill" in argv:
            _fill(entries, Path(argv[argv.index("--fill") + 1]))
        PATH.write_text(written(entries), "utf-8")
    found = sorted(problems(entries, needed))
    sys.stdout.writelines(f"{one}\n" for one in found)
    if found:
        kinds = Counter(one.partition(":")[0] for one in found)
        sys.stderr.write(", ".join(f"{count} {kind}" for kind, count in kinds.items()) + f" of {len(needed)}\n")
    return 1 if found else 0


def _fill(entries: Sequence[Entry], path: Path) -> None:
    given = dict(line.split("\t", 1) for line in path.read_text("utf-8").splitlines() if "\t" in line)
    for entry in entries:
        if entry.text in given:
            entry.translation, entry.fuzzy = given[entry.text], False


def _keyed(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    return {(entry.context, entry.text): entry for entry in entries}


def _notes(one: templates.Template) -> list[str]:
    return [f"{{{at}}}: {source}" for at, source in enumerate(one.places)]


def _where(entry: Entry) -> str:
    return ", ".join(entry.files)


def _code(text: str) -> list[str]:
    return re.findall(r"`[^`]*`", text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
