"""The options that every command takes, in every position, and the App that gives them to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click
import typer
from click.shell_completion import CompletionItem
from typer.core import TyperCommand, TyperGroup

from recon_cli.cli.invocation import Invocation
from recon_cli.ui import language
from recon_cli.ui.language import Language

__all__ = [
    "App",
    "BareGroup",
    "Command",
    "DryRunCommand",
    "Group",
    "Invocation",
    "RunGroup",
    "complete",
    "current",
    "examples",
]

F = TypeVar("F", bound=Callable[..., Any])

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def current() -> Invocation:
    """The running command's invocation: global options, settings, progress, `show(report)`."""
    return click.get_current_context().ensure_object(Invocation)


class _Global(click.Option):
    """An option that writes itself into the Invocation, wherever it stands on the command line."""

    def __init__(self, *words: str, hidden: bool = False, **attributes: Any) -> None:  # noqa: ANN401  passed on to click
        super().__init__([*words], expose_value=False, callback=_gather, hidden=hidden, **attributes)


def _gather(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value and param.name:
        setattr(ctx.ensure_object(Invocation), param.name, value)


def _globals() -> list[click.Parameter]:
    return [
        _Global("--json", is_flag=True, help="Write one JSON document; errors become one JSON line."),
        _Global("-q", "--quiet", is_flag=True, help="Say nothing on success."),
        _Global("-v", "--verbose", is_flag=True, help="Say more about what happens."),
        _Global("--dry-run", is_flag=True, help="Say what would be done and change nothing."),
        _Global("--config", type=click.Path(path_type=Path), metavar="FILE", help="Read FILE in place of recon.toml."),
        _Global(
            "--lang",
            type=click.Choice([one.value for one in Language]),
            help="Speak English or Korean; else as the locale says.",
        ),
        _Global("--debug", is_flag=True, help="Show the traceback of an unexpected error."),
    ]


class _Everywhere(click.Command):
    """Gives a click command the global options and lists them apart in its help."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401  Typer's own long list, passed on
        super().__init__(*args, **attributes)
        self.shared = _globals()

    def get_help(self, ctx: click.Context) -> str:
        """The help page, in the language asked for."""
        if language.current() is not Language.ENGLISH:
            from recon_cli.ui.help import TranslatedFormatter  # noqa: PLC0415  English costs nothing

            ctx.formatter_class = TranslatedFormatter
        return super().get_help(ctx)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The line of a command in the list of its group; a translated one is wrapped, not cut."""
        if language.current() is Language.ENGLISH:
            return super().get_short_help_str(limit)
        from recon_cli.ui.help import brief  # noqa: PLC0415  English costs nothing

        return brief(inspect.cleandoc(self.help or ""))

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, the shared ones, help last."""
        own = super().get_params(ctx)
        return [*own, *self.shared]

    @property
    def examples(self) -> tuple[str, ...]:
        """Command lines that show how it is used, each whole, with `recon` as their first word."""
        return tuple(getattr(self.callback, "examples", ()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, as long as they are: they are there to be copied."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Arguments, the command's own options, then those that work everywhere."""
        own = [param for param in super().get_params(ctx) if param not in self.shared]
        arguments = [param for param in own if isinstance(param, click.Argument)]
        options = [param for param in own if not isinstance(param, click.Argument)]
        sections = (("Arguments", arguments), ("Options", options), ("Everywhere", self.shared))
        for title, params in sections:
            rows = [row for row in (param.get_help_record(ctx) for param in params) if row]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Command(_Everywhere, TyperCommand):
    """A command with the global options. One that writes and knows no `--dry-run` refuses it."""

    has_dry_run: ClassVar[bool] = False

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's signature
        """Run the command, unless it was asked for a dry run that it cannot do."""
        if ctx.ensure_object(Invocation).dry_run and not self.has_dry_run:
            raise click.UsageError(f"`{ctx.command_path}` has no `--dry-run`", ctx)
        return super().invoke(ctx)


class DryRunCommand(Command):
    """A command that writes nothing by itself, or nothing when `current().dry_run` is set."""

    has_dry_run = True


class Group(_Everywhere, TyperGroup):
    """A group of commands with the global options."""

    @property
    def examples(self) -> tuple[str, ...]:
        """The first example of each command in it."""
        return tuple(line for one in self.commands.values() for line in getattr(one, "examples", ())[:1])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first: they are what one looks for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with an error that names what is known here."""
        word = args[0]
        if self.get_command(ctx, word) is None and not ctx.resilient_parsing and not word.startswith("-"):
            raise NoSuchCommandError(word, self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)


class RunGroup(Group):
    """A group in which `run` is done most, and so needs no word: `recon sync NAME` is `recon sync run NAME`."""

    runs_bare: ClassVar[bool] = False
    """Whether the group's name alone runs, too; else it is answered with the help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in where no command is named, behind the options that work everywhere."""
        at = 0
        while at < len(args) and (width := self._width(args[at])):
            at += width
        bare = at >= len(args)
        named = (bare and not self.runs_bare) or (not bare and args[at] in {*self.commands, "-h", "--help"})
        return super().parse_args(ctx, args if named else [*args[:at], "run", *args[at:]])

    def _width(self, word: str) -> int:
        """How many words an option that works everywhere takes, by its first; 0 for any other word."""
        name, equals, _value = word.partition("=")
        for option in self.shared:
            if name in option.opts:
                return 1 if equals or getattr(option, "is_flag", False) else 2
        return 0


class BareGroup(RunGroup):
    """A group whose name alone runs: `recon worker` is `recon worker run`."""

    runs_bare = True


class NoSuchCommandError(click.UsageError):
    """A mistyped command, with all names it could have been."""

    def __init__(self, word: str, known: Sequence[str], ctx: click.Context) -> None:
        super().__init__(f"no command `{word}`", ctx)
        self.word = word
        self.known = known


class App(typer.Typer):
    """Typer as recon uses it: plain help, the global options on every command, no tracebacks of its own."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  passed on to Typer
        defaults: dict[str, Any] = {
            "cls": Group,
            "add_completion": False,
            "no_args_is_help": True,
            "rich_markup_mode": None,
            "pretty_exceptions_enable": False,
            "context_settings": CONTEXT,
        }
        super().__init__(**{**defaults, **attributes})

    def command(
        self,
        name: str | None = None,
        *,
        dry_run: bool = False,
        **attributes: Any,  # noqa: ANN401  passed on to Typer
    ) -> Callable[[F], F]:
        """Register a command. `dry_run` promises that it honours `current().dry_run` (or never writes)."""
        cls = DryRunCommand if dry_run else Command
        register = super().command(name, cls=cls, **{"context_settings": CONTEXT, **attributes})
        return lambda function: register(_evaluated(function))

    def callback(self, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401  passed on to Typer
        """Register what runs before the sub-commands."""
        register = super().callback(**attributes)
        return lambda function: register(_evaluated(function))


def examples(*lines: str) -> Callable[[F], F]:
    """Say how a command is used: `-h`, the reference and the man page show it, and a test tries every line."""

    def said(function: F) -> F:
        function.__dict__["examples"] = lines
        return function

    return said


def _evaluated(function: F) -> F:
    """The function with its annotations as values: Typer asks for them several times and would evaluate them anew."""
    function.__annotations__ = inspect.get_annotations(function, eval_str=True)
    return function


def complete(*sections: str) -> Callable[[str], list[str]]:
    """Shell completion with the names of sections of `recon.toml`: `autocompletion=options.complete("files")`."""

    def names(incomplete: str) -> list[str]:
        from recon_cli.config import settings  # noqa: PLC0415  only when a shell asks

        found, _problems = settings.check()
        known = dict.fromkeys(name for section in sections for name in found.names(section))
        return [name for name in known if name.startswith(incomplete)]

    return names


def item(name: str, text: str) -> CompletionItem:
    """A completion with its one-line help."""
    return CompletionItem(name, help=language.said(text))
