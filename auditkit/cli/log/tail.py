"""`auditkit log tail`: the log's entries as JSON lines, as they are logged."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.log_open import Key, MaybeLog, Name, reading
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

_POLL_SECONDS: Final = 0.5


def tail(
    log: MaybeLog = None,
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is logged later, until Ctrl-C.")
    ] = False,
    begin: Annotated[
        int, typer.Option("--from", metavar="INDEX", min=0, help="Begin with this entry.")
    ] = 0,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Print only this kind of entry; repeatable."),
    ] = None,
) -> None:
    """Print entries as JSON lines, each verified against the signed checkpoint.

    Exit code 12 at the first entry that is not as it was logged. After a rotation of the log's key,
    --follow reads --keys, or the file of --key, again.

    Example: auditkit log tail log.db --key log.pub --follow --kind promotion.done
    """
    from auditkit.errors import VerificationError
    from auditkit.ledger.keep.tail import LogTail, entry_line
    from auditkit.ledger.log import SEALED

    opened = reading(log, key, keys, name)
    try:
        entries = LogTail(opened, begin)
        while True:
            try:
                found = entries.read()
            except VerificationError:
                # The key may be another by now.
                opened.close()
                opened = entries.log = reading(log, key, keys, name)
                found = entries.read()
            for entry in found:
                if not kind or entry.kind in kind:
                    sys.stdout.buffer.write(entry_line(opened.origin, entry))
            sys.stdout.buffer.flush()
            for entry in found:
                if entry.kind == SEALED:
                    say(f"Entry {entry.index}: the log is sealed; follow the next segment.")
            if not found:
                if not follow:
                    return
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        opened.close()
