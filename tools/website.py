"""The hooks of mkdocs.yml: a page stands in the site where it lies in the repository, so its links hold in both.

What pages link to and is no page (sources, settings, units) becomes one, as a listing. A built site that would fetch
anything from elsewhere is refused: it has to read well without a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

from tools.offline import calls

ROOT = Path(__file__).resolve().parents[1]
FENCE = "`" * 4
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".sh": "sh", ".service": "ini", ".timer": "ini"}
Nav: TypeAlias = "str | list[Nav] | dict[str, Nav] | None"
_LINK = re.compile(r"\]\((?P<path>[^)#:\s]+)\)")


class Listing(File):
    """A file that is no Markdown, shown as a page under its own name with `.html` behind it."""

    def is_documentation_page(self) -> bool:
        """Whether MkDocs renders it."""
        return True


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that nobody named where `nav` has `FOLDER/*`."""
    config.nav = _spread(config.nav, set(_names(config.nav)))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Everything under the path that it has in the repository."""
    placed = [file for file in files if file.src_dir != config.docs_dir]  # the theme's
    inside = [path for folder in ("docs", "examples") for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = sorted({*ROOT.glob("*.md"), *inside})
    linked = {found for path in wanted if path.suffix == ".md" for found in _linked(path)}
    ours = sorted({*wanted, *linked})
    return Files([*placed, *((_listing if path in linked else _as_it_is)(path, config) for path in ours)])


def on_page_markdown(markdown: str, **_: object) -> str:
    """Without a comment before the heading, which would be taken for the page's beginning."""
    return re.sub(r"\A\s*<!--.*?-->\s*", "", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that fetches from elsewhere."""
    if found := calls(Path(config.site_dir)):
        raise PluginError("the site would fetch from elsewhere:\n" + "\n".join(found))


def _linked(page: Path) -> Iterator[Path]:
    """Files of the repository that a page links to and that are neither pages nor pictures."""
    for found in _LINK.finditer(page.read_text("utf-8")):
        path = (page.parent / found["path"]).resolve()
        if path.is_file() and path.is_relative_to(ROOT) and path.suffix not in {".md", ".svg", ".png"}:
            yield path


def _as_it_is(path: Path, config: MkDocsConfig) -> File:
    return File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))


def _listing(path: Path, config: MkDocsConfig) -> File:
    name = path.relative_to(ROOT).as_posix()
    language = LANGUAGES.get(path.suffix, "text")
    text = f"---\nsearch:\n  exclude: true\n---\n# {path.name}\n\n`{name}`\n\n{FENCE}{language}\n"
    text += f"{path.read_text('utf-8').rstrip()}\n{FENCE}\n"
    made = Listing.generated(config, name, content=text, inclusion=InclusionLevel.NOT_IN_NAV)
    made.dest_uri = f"{name}.html"
    return made


def _names(nav: Nav) -> Iterator[str]:
    """The paths that a part of `nav` names."""
    if isinstance(nav, str):
        yield nav
    elif nav:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _names(part)


def _spread(nav: Nav, named: set[str]) -> Nav:
    """The same part of `nav` with pages in place of each `FOLDER/*`."""
    if isinstance(nav, dict):
        return {title: _spread(part, named) for title, part in nav.items()}
    if not isinstance(nav, list):
        return nav
    spread: list[Nav] = []
    for part in nav:
        spread += _rest(part, named) if isinstance(part, str) else [_spread(part, named)]
    return spread


def _rest(name: str, named: set[str]) -> list[str]:
    """The page, or the pages below the folder that are named nowhere else, nor in the `FOLDER/*` of one below it."""
    if not name.endswith("/*"):
        return [name]
    folder = name.removesuffix("*")
    others = tuple(
        one.removesuffix("*") for one in named if one.endswith("/*") and one.startswith(folder) and one != name
    )
    found = sorted((ROOT / folder).glob("*.md" if folder == "./" else "**/*.md"))
    pages = (path.relative_to(ROOT).as_posix() for path in found)
    return [page for page in pages if page not in named and not page.startswith(others)]
