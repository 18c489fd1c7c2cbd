"""`auditkit log witness`: have a second party sign that the log only grew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.log_open import Log, Name, signer, writing
from auditkit.cli.shared.signing_options import Folder
from auditkit.files import read_text
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.ledger.witness.protocol import Witness

# The options of a witness, over HTTP and by file.
WitnessKeys = Annotated[
    Path, typer.Option("--keys", metavar="DIR", help="The witness's key store.")
]
WitnessName = Annotated[str, typer.Option("--name", metavar="NAME", help="The witness's name.")]
LogKeys = Annotated[
    list[str],
    typer.Option("--log-key", metavar="LINE", help="A log's public key line; repeatable."),
]
State = Annotated[
    Path, typer.Option("--state", metavar="DIR", help="The folder of what the witness has signed.")
]

app = typer.Typer(no_args_is_help=True, help="Have a second party sign that the log only grew.")


@app.command("serve")
def serve(
    keys: WitnessKeys,
    name: WitnessName,
    log_key: LogKeys,
    state: State,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="The port; 0 picks one.")
    ] = 8722,
) -> None:
    """Run a witness that signs logs over HTTP, and refuses those that forked or shrank.

    Example: auditkit log witness serve --keys keys/ --name w.example --log-key "$(cat
    log.pub)" --state state/
    """
    from auditkit.ledger.witness.http import witness_server

    witness, line = _witness(keys, name, log_key, state)
    server = witness_server(witness, host=host, port=port)
    print(json.dumps({"port": server.server_address[1], "key": line}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("The witness stopped.")
    finally:
        server.server_close()


@app.command("sign")
def sign(
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST", help="The request that 'witness request' printed.")
    ],
    keys: WitnessKeys,
    name: WitnessName,
    log_key: LogKeys,
    state: State,
) -> None:
    """Sign a request that came by file, and print the witness's line.

    Example: auditkit log witness sign request.txt --keys keys/ --name w.example --log-key
    "$(cat log.pub)" --state state/
    """
    witness, line = _witness(keys, name, log_key, state)
    print(witness.sign(read_text(request, what="request")), end="")
    say(f"The witness's public key: {line}")


@app.command("request")
def request(
    log: Log,
    witness_key: Annotated[
        str, typer.Option("--witness-key", metavar="LINE", help="The witness's key line.")
    ],
    keys: Folder = None,
    name: Name = LOG_NAME,
    old_size: Annotated[
        int | None,
        typer.Option("--old-size", metavar="N", help="The size it signed last, if it was lost."),
    ] = None,
) -> None:
    """Print a request to a witness to sign the newest checkpoint.

    Example: auditkit log witness request log.db --witness-key "$(cat w.pub)"
    """
    from auditkit.ledger.records.note import NoteVerifier
    from auditkit.ledger.witness.protocol import last_cosigned, request_for

    witness = NoteVerifier.parse(witness_key)
    with writing(log, keys, name) as opened:
        known = last_cosigned(opened, witness) if old_size is None else old_size
        print(request_for(opened, old_size=known), end="")


@app.command("add")
def add(
    log: Log,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The file of the request.")],
    answer: Annotated[Path, typer.Argument(metavar="ANSWER", help="The file of its line.")],
    witness_key: Annotated[
        str, typer.Option("--witness-key", metavar="LINE", help="The witness's key line.")
    ],
    keys: Folder = None,
    name: Name = LOG_NAME,
) -> None:
    """Keep a witness's line with its checkpoint, and print both.

    Example: auditkit log witness add log.db request.txt answer.txt --witness-key "$(cat
    w.pub)"
    """
    from auditkit.ledger.records.note import NoteVerifier
    from auditkit.ledger.witness.protocol import keep_cosignature

    witness = NoteVerifier.parse(witness_key)
    asked, answered = read_text(request, what="request"), read_text(answer, what="answer")
    with writing(log, keys, name) as opened:
        print(keep_cosignature(opened, asked, answered, witness), end="")


@app.command("submit")
def submit(
    log: Log,
    url: Annotated[str, typer.Argument(metavar="URL", help="The witness's address.")],
    witness_key: Annotated[
        str, typer.Option("--witness-key", metavar="LINE", help="The witness's key line.")
    ],
    keys: Folder = None,
    name: Name = LOG_NAME,
) -> None:
    """Ask a witness over HTTP, keep its line, and print the checkpoint.

    Example: auditkit log witness submit log.db https://w.example --witness-key "$(cat
    w.pub)"
    """
    from auditkit.ledger.records.note import NoteVerifier
    from auditkit.ledger.witness.http import submit

    with writing(log, keys, name) as opened:
        print(submit(opened, url, NoteVerifier.parse(witness_key)), end="")


def _witness(keys: Path, name: str, log_keys: Sequence[str], state: Path) -> tuple[Witness, str]:
    from auditkit.ledger.records.note import NoteVerifier
    from auditkit.ledger.witness.protocol import Witness

    key, _ = signer(keys, name)
    witness = Witness(
        signer=key,
        logs=[NoteVerifier.parse(line) for line in log_keys],
        folder=state,
        clock=lambda: datetime.now(UTC),
    )
    return witness, str(key.witness_verifier)
