"""What the operator reads when a command does not end well."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from recon_cli.cli.invocation import Invocation
from recon_cli.config.near import suggest
from recon_cli.core.errors import ExitCode, ReconError, UsageError
from recon_cli.ops import redact
from recon_cli.ui.screen import Screen, silence
from recon_cli.ui.show import dumps, error_text

SCHEMA = "recon.error/1"


def end(exc: Exception, words: Sequence[str], invocation: Invocation) -> int:
    """Say what happened, and give back the exit status."""
    invocation.clear()
    if isinstance(exc, BrokenPipeError):
        silence(sys.stdout)  # the reader had enough; that is no error
        return int(ExitCode.DONE)
    if isinstance(exc, click.ClickException) and _is_help(exc):
        Screen.standard().say(exc.message)
        return int(ExitCode.USAGE)
    error = _translated(exc, words, invocation)
    if _asked(words, "--debug"):
        import traceback  # noqa: PLC0415  only when asked for

        Screen.standard().say(redact.text("".join(traceback.format_exception(exc))).rstrip())
    tell(error, words)
    return int(error.code)


def tell(error: ReconError, words: Sequence[str], *, code: ExitCode | None = None, slug: str | None = None) -> None:
    """An error on standard error: for people, or as one JSON line."""
    screen = Screen.standard()
    if not _asked(words, "--json", "--json-lines"):
        screen.say(redact.text(error_text(error, screen)))
        return
    document = {"schema": SCHEMA, **error.document(), "code": int(code or error.code), "slug": slug or error.slug}
    screen.say(redact.text(dumps(document)))


def flush() -> None:
    """Write out what is left, so that Python's own last flush has nothing to complain about."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            silence(stream)


def _translated(exc: Exception, words: Sequence[str], invocation: Invocation) -> ReconError:
    if isinstance(exc, ReconError):
        return exc
    if isinstance(exc, click.UsageError):
        return _usage(exc)
    if isinstance(exc, click.ClickException):
        return UsageError(_plain(exc.format_message()))
    if isinstance(exc, click.Abort):
        return ReconError("given up, because nothing was answered")
    return _unexpected(exc, words, invocation)


def _usage(exc: click.UsageError) -> UsageError:
    path = exc.ctx.command_path if exc.ctx else "recon"
    hint = f"see `{path} -h`"
    message = _plain(exc.format_message())
    if isinstance(exc, click.NoSuchOption):
        known = [word for param in exc.ctx.command.get_params(exc.ctx) for word in param.opts] if exc.ctx else []
        message, hint = f"no option `{exc.option_name}`", suggest(exc.option_name, known, hint)
    known_commands = getattr(exc, "known", None)
    if known_commands:
        hint = suggest(getattr(exc, "word", ""), known_commands, hint)
    return UsageError(redact.text(message), hint=hint)


def _unexpected(exc: Exception, words: Sequence[str], invocation: Invocation) -> ReconError:
    from recon_cli.ops import crash  # noqa: PLC0415  only then

    message = f"unexpected {type(exc).__name__}: {redact.text(str(exc)) or 'no message'}"
    with suppress(Exception):
        path = crash.write(exc, ["recon", *words], invocation.plain())
        return ReconError(message, hint=f"this is a bug; {path} has what a report needs, without secrets")
    return ReconError(message, hint="this is a bug; `--debug` shows where it came from")


def _plain(message: str) -> str:
    """Click's words in the house's spelling: lower case, backticks, no full stop."""
    return (message[:1].lower() + message[1:]).rstrip(".").replace("'", "`").replace('"', "`")


def _is_help(exc: click.ClickException) -> bool:
    """Newer click raises the help of a group that was called without a command."""
    return type(exc).__name__ == "NoArgsIsHelpError"


def _asked(words: Sequence[str], *flags: str) -> bool:
    """Whether a flag stands on the command line; asked of the words, because parsing itself may have failed."""
    before = words[: words.index("--")] if "--" in words else words
    return any(flag in before for flag in flags)
