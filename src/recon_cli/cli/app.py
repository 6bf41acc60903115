"""The command table. Only the chosen command's module is imported: start-up is part of the product."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import click
import typer
from click.shell_completion import CompletionItem

from recon_cli.cli import options

PROGRAM = "recon"


@dataclass(frozen=True, slots=True)
class Listed:
    """A command before it is imported: where it is, its line in the help, and whether it honours `--dry-run`.

    The module offers a function of the command's name, or an `app` where there are sub-commands.
    """

    module: str
    help: str
    dry_run: bool = False


COMMANDS: dict[str, Listed] = {
    "scan": Listed("recon_cli.cli.scan", "List a store of files completely and fast.", dry_run=True),
    "recover": Listed("recon_cli.cli.recover", "Rebuild lost rows from the files that survived.", dry_run=True),
    "apply": Listed("recon_cli.cli.apply", "Write exactly what a plan says, or refuse.", dry_run=True),
    "undo": Listed("recon_cli.cli.undo", "Take a run back.", dry_run=True),
    "check": Listed("recon_cli.cli.check", "Find out whether files and records agree.", dry_run=True),
    "backup": Listed("recon_cli.cli.backup", "Keep databases as JSON snapshots that come back exactly."),
    "migrate": Listed("recon_cli.cli.migrate", "Move a SQLite database to a server, complete and provable."),
    "sync": Listed("recon_cli.cli.sync", "Send files to a database through an outbox that loses nothing."),
    "record": Listed("recon_cli.cli.record", "Add records as they happen; search, count, archive and follow them."),
    "queue": Listed("recon_cli.cli.queue", "Look into the outbox and its dead letters."),
    "reconstruct": Listed(
        "recon_cli.cli.reconstruct", "Make a Gaussian splat of a folder of photos, every stage recorded.", dry_run=True
    ),
    "job": Listed("recon_cli.cli.job", "List, follow, cancel, retry, delete and rebuild reconstruction jobs."),
    "serve": Listed("recon_cli.cli.serve", "Serve jobs, viewers, records and live notices over HTTP.", dry_run=True),
    "worker": Listed("recon_cli.cli.worker", "Run reconstruction jobs of one Postgres, on any number of machines."),
    "splat": Listed("recon_cli.cli.splat", "Look into splats, convert, clean and show them."),
    "doctor": Listed("recon_cli.cli.doctor", "Find out what is wrong and how to mend it.", dry_run=True),
    "demo": Listed("recon_cli.cli.demo", "Take a tour of all jobs: lose things and get them back, on this machine."),
    "config": Listed("recon_cli.cli.config", "Show settings and where each came from."),
}


class _Commands(MutableMapping[str, click.Command]):
    """The table as click wants it: a command is imported when it is asked for. Nobody adds to it at run time."""

    def __getitem__(self, name: str) -> click.Command:
        return load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise TypeError(f"add `{name}` to COMMANDS")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"take `{name}` out of COMMANDS")


class LazyGroup(options.Group):
    """The root: knows every command's name and help, imports the one that is run."""

    examples = ("recon demo", "recon scan ftp://me@host/html", "recon recover models", "recon backup run -q")

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401  Typer's own long list, passed on
        super().__init__(*args, **attributes)
        self.commands = _Commands()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import one command."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Command names and options, without importing anything."""
        names = [options.item(name, one.help) for name, one in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@cache
def load(name: str) -> click.Command:
    """Import the module of a command and make the command, once: click asks for it twice a run."""
    listed = COMMANDS[name]
    module = import_module(listed.module)
    owner = getattr(module, "app", None)
    if owner is None:
        owner = options.App()
        owner.command(name, dry_run=listed.dry_run)(getattr(module, name))
    command: click.Command = typer.main.get_command(owner)
    command.name = name
    return command


app = options.App(
    cls=LazyGroup,
    add_completion=True,
    invoke_without_command=True,
    no_args_is_help=True,
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 partial, 4 drift, 5 refused, 10 and above: the error says which.",
)


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version, Python and the platform.")] = False,
) -> None:
    """Keep the records of small services alive: recover lost rows from files that survived, and prove they agree."""
    if version:
        from recon_cli.cli.version import report  # noqa: PLC0415  only when asked for

        options.current().show(report())
    if ctx.invoked_subcommand is None:
        ctx.fail("missing command")


def command() -> Any:  # noqa: ANN401  a click.Command; click's types differ between the versions allowed
    """The whole program as one click command."""
    return typer.main.get_command(app)
