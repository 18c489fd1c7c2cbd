"""The command line: parses, calls, prints, exits. It decides nothing.

Data go to stdout, talk goes to stderr. The exit code says what happened, whatever the format of
the output:

    0   passed; or done, where nothing is judged
    1   internal error: a defect of auditkit
    2   usage or bad input; nothing half-written
    3   nothing to audit
    10  the gate failed, or access was denied
    11  incomplete, uncertain, or could not be checked
    12  verification failed
    130 interrupted by Ctrl-C; nothing half-written
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, NoReturn

import typer

from auditkit import errors
from auditkit.cli import (
    access,
    audit,
    deid,
    explain,
    init,
    keys,
    letter,
    registry,
    renew,
    reperform,
    verify,
)
from auditkit.cli.evidence import commands as evidence
from auditkit.cli.evidence import report as period
from auditkit.cli.exports.export import export
from auditkit.cli.gating import waiver
from auditkit.cli.log import commands as log
from auditkit.cli.policies import commands as policy
from auditkit.cli.shared.console import complain
from auditkit.cli.watching import validate, watch
from auditkit.version import __version__

INTERNAL_ERROR: Final = 1
BAD_INPUT: Final = 2
NOTHING_TO_AUDIT: Final = 3
DENIED: Final = 10
UNCHECKED: Final = 11
FALSE: Final = 12

# Raised for a wrong command line: Click's class, of which newer releases of typer have a copy.
_WrongUsage: Final[type[Any]] = next(
    c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"
)

# The exit code of a program that Ctrl-C ended, by the shells' convention and typer's.
INTERRUPTED: Final = 130

# What commands and options were called before.
_FORMER: Final = {"ledger": "log", "--ledger": "--log"}


class _Commands(typer.core.TyperGroup):
    """The commands, by their names and by those that they had before."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, _FORMER.get(cmd_name, cmd_name))


app = typer.Typer(
    name="auditkit",
    cls=_Commands,
    help=(
        "Audit a machine-learning model and sign the evidence.\n\n"
        "Begin with:  auditkit init --model m.json --data test.csv --label approved "
        "--groups sex,race\n\nThen:  auditkit run audit.yaml --output audit/"
    ),
    epilog=(
        "Exit codes: 0 passed, 1 internal error, 2 usage or bad input, 3 nothing to audit, "
        "10 gate failed or access denied, 11 incomplete or uncertain, 12 verification failed, "
        "130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if asked:
        print(f"auditkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


app.command("init")(init.init)
app.command("run")(audit.run)
app.command("gate")(audit.gate)
app.command("checks")(audit.checks)
app.command("verify")(verify.verify)
app.command("renew")(renew.renew)
app.command("bundle")(reperform.bundle)
app.command("reperform")(reperform.reperform)
app.command("diff")(reperform.diff)
app.command("export")(export)
app.command("explain")(explain.explain)
app.command("letter")(letter.letter)
app.command("validate")(validate.validate)
app.command("splits")(validate.splits)
app.add_typer(watch.app, name="watch")
app.add_typer(deid.app, name="deid")
app.add_typer(keys.app, name="keys")
app.add_typer(log.app, name="log")
app.add_typer(evidence.app, name="evidence")
app.add_typer(period.app, name="period")
app.add_typer(policy.app, name="policy")
app.add_typer(access.app, name="access")
app.add_typer(waiver.app, name="waiver")
app.add_typer(registry.app, name="registry")


def main() -> NoReturn:
    """Runs the command line and exits with the documented code."""
    code = run()
    if code == INTERRUPTED:
        # Not sys.exit: if Ctrl-C came inside certain C libraries, Python kills itself with the
        # signal while it exits, although it was handled, and the exit code would be another.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: The command line without the program's name. Default: that of the process.
    """
    try:
        result = _command()(args=arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except errors.AuditkitError as error:
        complain(*error.spelled(_spelling(arguments)))
        return exit_code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return BAD_INPUT
    except OSError as error:
        # Not the error's own text: it holds the path, and a path may hold personal data.
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        complain(f"The system refused: {why}.", "check the paths that you gave, and the disk")
        return BAD_INPUT
    except MemoryError:
        complain("There is not enough memory.", "use a larger machine, or give smaller files")
        return BAD_INPUT
    except Exception as error:  # noqa: BLE001 - the one place where a defect becomes an exit code
        if isinstance(error, _WrongUsage):
            wrong = getattr(error, "option_name", "")
            if wrong in _FORMER:
                complain(f"There is no option {wrong} any more.", f"write {_FORMER[wrong]}")
            else:
                error.show()
            return BAD_INPUT
        # Not the text of the exception: it may quote the data.
        complain(
            f"Internal error: {type(error).__name__} in {_where(error)}.",
            "this is a defect of auditkit; report it with the command that you ran",
        )
        return INTERNAL_ERROR
    # typer returns the exit code that a command raised.
    if result == INTERRUPTED:
        return _interrupted()
    return result if isinstance(result, int) else 0


@cache
def _command() -> Any:
    return typer.main.get_command(app)


def _spelling(arguments: list[str] | None) -> Callable[[str], str]:
    """Spells an argument as the command takes it: as an option, or as a key of the audit file."""
    command = _command()
    for word in sys.argv[1:] if arguments is None else arguments:
        command = getattr(command, "commands", {}).get(_FORMER.get(word, word), command)
    options = {
        parameter.name: max(parameter.opts, key=len)
        for parameter in command.params
        if parameter.param_type_name == "option"
    }

    def spell(name: str) -> str:
        from auditkit.loading.audit_file import AuditFile

        if name in options:
            return str(options[name])
        return f"{name!r} in the audit file" if name in AuditFile.model_fields else name

    return spell


def _interrupted() -> int:
    complain("Interrupted. Nothing half-written was left behind.", "run the command again")
    return INTERRUPTED


def exit_code(error: errors.AuditkitError) -> int:
    """The documented exit code for an error."""
    if isinstance(error, errors.NothingToAuditError):
        return NOTHING_TO_AUDIT
    if isinstance(error, errors.AccessDeniedError):
        return DENIED
    if isinstance(error, errors.VerificationError):
        return FALSE
    if isinstance(error, errors.UnverifiableError):
        return UNCHECKED
    return BAD_INPUT


def _where(error: BaseException) -> str:
    frame = error.__traceback__
    place = "auditkit"
    while frame is not None:
        name = frame.tb_frame.f_globals.get("__name__", "")
        if name.startswith("auditkit."):
            place = f"{name}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place
