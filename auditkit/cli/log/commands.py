"""`auditkit log`: verify the log, prove its entries, have it witnessed, maintain it.

An auditor reads with the log's public key (`--key`: the line that its owner published, or a file
of such lines). Its owner reads and writes with the key store (`--keys`).
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from auditkit.cli.log import audits, tail, witness
from auditkit.cli.shared.console import Work, one_line, say
from auditkit.cli.shared.log_open import (
    By,
    Head,
    Key,
    Log,
    MaybeLog,
    Name,
    Reason,
    public_keys,
    reading,
    signer,
    writing,
)
from auditkit.cli.shared.signing_options import Folder
from auditkit.files import read_bytes, read_text, whole_file
from auditkit.parameters import LOG_NAME

UNCHECKED: Final = 11
_EXPORT_BYTES: Final = 4 * 2**30

app = typer.Typer(
    no_args_is_help=True, help="Verify, prove, witness and maintain the append-only log."
)
hold_app = typer.Typer(no_args_is_help=True, help="Place and release legal holds on payloads.")
app.command("audits")(audits.audits)
app.command("tail")(tail.tail)
app.add_typer(witness.app, name="witness")
app.add_typer(hold_app, name="hold")

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]


@app.command()
def verify(
    log: MaybeLog = None,
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    head: Head = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE", help="Compare with a checkpoint you kept."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Verify every entry, payload and hash of the log.

    Exit code 12 if anything is not as it was logged. Exit code 11 if there is nothing outside the
    database to compare with, so that an old copy of it would pass.

    Example: auditkit log verify log.db --checkpoint kept.txt
    """
    kept = None if checkpoint is None else read_text(checkpoint, what="checkpoint")
    with reading(log, key, keys, name, head) as opened, Work("Check every entry"):
        report = opened.verify(checkpoint=kept)
    found = {
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "destroyed_payloads": sum(one.count for one in report.destroyed),
        "kept_checkpoints": report.kept_checkpoints,
        "kept_head_size": report.kept_head,
        "checkpoint_size": report.checkpoint_size,
        "compared_with_outside": report.is_anchored,
        "clock_set_back": list(report.clock_set_back),
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _lines(found)
        for one in report.destroyed:
            why = one_line(f"{one.by}: {one.reason}")
            say(f"Entry {one.index}: {one.count} payloads destroyed by {why}")
        for index in report.clock_set_back:
            say(f"Entry {index}: the clock was behind the time of the entry before it")
    if not report.is_anchored:
        say("Could not check: whether the database is an old copy. Give --checkpoint or --head.")
        return UNCHECKED
    say(f"All {report.size:,} entries are as they were logged.")
    return 0


@app.command()
def prove(
    log: Log,
    index: Annotated[
        int, typer.Argument(metavar="INDEX", help="The entry's index in the log, counted from 0.")
    ],
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    size: Annotated[
        int | None,
        typer.Option(
            "--size", metavar="N", help="Prove it under the kept checkpoint of this size."
        ),
    ] = None,
    tlog_proof: Annotated[
        bool, typer.Option("--tlog-proof", help="Print a C2SP tlog-proof, without the payload.")
    ] = False,
) -> None:
    """Print the receipt of an entry: its payload, its inclusion proof, a signed checkpoint.

    Example: auditkit log prove log.db 4
    """
    with reading(log, key, keys, name) as opened:
        receipt = opened.prove(index, size=size)
    if tlog_proof:
        print(receipt.to_proof_text(), end="")
    else:
        print(json.dumps(receipt.to_json(), indent=2, ensure_ascii=True))


@app.command()
def consistency(
    log: Log,
    old: Annotated[
        int, typer.Argument(metavar="OLD", help="The older checkpoint's size, its second line.")
    ],
    new: Annotated[
        int | None, typer.Argument(metavar="NEW", help="The newer one's size. Default: the log's.")
    ] = None,
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
) -> None:
    """Print the consistency proof: that the log only grew from one checkpoint to another.

    An auditor needs it if the checkpoint they kept and the report's have different sizes: save it
    in a file for 'auditkit verify --checkpoint kept.txt --consistency FILE'.

    Example: auditkit log consistency log.db 120 240
    """
    with reading(log, key, keys, name) as opened:
        proof = opened.prove_consistency(old, new)
    for value in proof:
        print(base64.b64encode(value).decode())


@app.command()
def checkpoint(
    log: MaybeLog = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    head: Head = None,
    accept_missing_head: Annotated[
        bool,
        typer.Option(
            "--accept-missing-head",
            help="Write the head's file again; first run 'verify --checkpoint'.",
        ),
    ] = False,
) -> None:
    """Keep the newest checkpoint and print it. Give it to those who will check the log later.

    Example: auditkit log checkpoint log.db > kept.txt
    """
    with writing(log, keys, name, head, accept_missing_head=accept_missing_head) as opened:
        print(opened.checkpoint(), end="")


@app.command()
def export(
    log: Log,
    output: Output,
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="From this time on, UTC, like 2026-01-31 or 2026-01-31T08:00:00.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", metavar="TIME", help="Up to, not including, this time, UTC."),
    ] = None,
) -> None:
    """Write a period of the log to one file, which can be verified without the log.

    Example: auditkit log export log.db --since 2026-01-01 --output 2026.jsonl
    """
    from auditkit.ledger.keep.export import export_lines, period

    first = since.replace(tzinfo=UTC) if since else datetime(1970, 1, 1, tzinfo=UTC)
    last = until.replace(tzinfo=UTC) if until else datetime(9000, 1, 1, tzinfo=UTC)
    with reading(log, key, keys, name) as opened:
        begin, end = period(opened, since=first, until=last)
        with Work(f"Export {end - begin:,} entries"), whole_file(output) as file:
            file.writelines(export_lines(opened, begin=begin, end=end))
    say(f"Wrote entries {begin} to {end - 1} to {output.name}.")


@app.command("verify-export")
def verify_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that 'export' wrote.")],
    key: Key = None,
) -> None:
    """Verify an export with the log's public key, without the log.

    Example: auditkit log verify-export 2026.jsonl --key log.pub
    """
    from auditkit.ledger.keep.export import verify_export

    with Work(f"Check {file.name}"):
        data = read_bytes(file, what="export", limit=_EXPORT_BYTES)
        found = verify_export(data, public_keys(key, None, LOG_NAME))
    _lines(
        {
            "origin": found.origin,
            "entries": f"{found.begin} to {found.end - 1} of {found.size}",
            "destroyed_payloads": found.destroyed,
        }
    )


@app.command()
def stats(
    log: MaybeLog = None, key: Key = None, keys: Folder = None, name: Name = LOG_NAME
) -> None:
    """Print sizes and counts of the log as JSON, without payloads, and who follows it.

    Example: auditkit log stats log.db
    """
    from auditkit.ledger.keep.payload_jobs import due, holds
    from auditkit.ledger.keep.tail import followers

    with reading(log, key, keys, name) as opened:
        with opened.snapshot() as session:
            size, first, last = session.head().size, None, None
            if size:
                first, last = (session.entry(at).time.isoformat() for at in (0, size - 1))
            found = {
                "origin": opened.origin,
                "size": size,
                "first": first,
                "last": last,
                "stored_bytes": session.stored_bytes(),
                "kinds": session.counts(),
                "kept_checkpoints": [at for at, _ in session.checkpoints()],
            }
        found["payloads_due"] = due(opened, now=datetime.now(UTC))
        found["holds"] = [one.name for one in holds(opened)]
        found["followers"] = followers(opened)
    print(json.dumps(found, indent=2))


@app.command()
def classes() -> None:
    """List the retention classes: how long payloads are kept, and under which law.

    Example: auditkit log classes
    """
    from auditkit.ledger import CLASSES

    for one in CLASSES:
        kept = "for ever" if one.months is None else f"{one.months} months"
        print(f"{one.name:<18} {kept:<10} {one.law}")


@app.command()
def compact(
    log: MaybeLog = None,
    *,
    by: By,
    keys: Folder = None,
    name: Name = LOG_NAME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due.")] = False,
) -> None:
    """Destroy the payloads whose retention period is over, and free their space.

    Example: auditkit log compact log.db --by ann --dry-run
    """
    from auditkit.ledger.keep.payload_jobs import due, expire

    now = datetime.now(UTC)
    with writing(log, keys, name) as opened:
        if dry_run:
            print(json.dumps({"payloads_due": due(opened, now=now)}, indent=2))
            return
        with Work("Destroy what is due, and free its space"):
            done = expire(opened, by=by, now=now)
            opened.reclaim()
        for one in done:
            say(f"Entry {one.index}: {one.count} payloads destroyed: {one.reason}")
        with opened.snapshot() as session:
            print(json.dumps({"stored_bytes": session.stored_bytes()}))


@app.command()
def destroy(
    log: Log,
    index: Annotated[list[int], typer.Argument(help="The entries whose payloads to destroy.")],
    by: By,
    reason: Reason,
    keys: Folder = None,
    name: Name = LOG_NAME,
    before_due: Annotated[
        bool, typer.Option("--before-due", help="Destroy them before their period is over.")
    ] = False,
) -> None:
    """Destroy payloads on request. The log still verifies, and records who did it and why.

    Example: auditkit log destroy log.db 4 5 --by ann --reason 'request 112'
    """
    from auditkit.ledger.keep.payload_jobs import destroy

    now = datetime.now(UTC)
    with writing(log, keys, name) as opened:
        done = destroy(opened, index, by=by, reason=reason, now=now, before_due=before_due)
    say(f"Entry {done.index} records it: {done.count} payloads destroyed.")


@app.command()
def rotate(
    log: Log,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The next segment: a new file or URL.")],
    by: By,
    keys: Folder = None,
    name: Name = LOG_NAME,
) -> None:
    """Seal the log, continue in a new segment, and print the sealed one's last checkpoint.

    Example: auditkit log rotate log.db log-2.db --by ann
    """
    from auditkit.ledger import Ledger
    from auditkit.ledger.keep.rotation import next_origin, rotate
    from auditkit.ledger.opening import as_url

    with writing(log, keys, name) as old:
        key, former = signer(keys, name)
        with Ledger.open(
            as_url(new), key=key, former_keys=former, origin=next_origin(old.origin)
        ) as opened:
            with Work("Seal the log and begin the next"):
                sealed = rotate(old, opened, by=by, now=datetime.now(UTC))
            print(sealed, end="")


@hold_app.command("place")
def hold_place(
    log: Log,
    title: Annotated[
        str, typer.Argument(metavar="TITLE", help="The hold's name, for example the matter's.")
    ],
    by: By,
    reason: Reason,
    keys: Folder = None,
    name: Name = LOG_NAME,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Hold only this kind of entry."),
    ] = None,
    begin: Annotated[int, typer.Option("--begin", metavar="INDEX", help="From this index on.")] = 0,
    end: Annotated[
        int | None, typer.Option("--end", metavar="INDEX", help="Up to, not including, this index.")
    ] = None,
) -> None:
    """Place a legal hold. Without --end it also covers entries that are logged later.

    Example: auditkit log hold place log.db case-112 --by ann --reason 'litigation'
    """
    from auditkit.ledger.keep.payload_jobs import place_hold
    from auditkit.ledger.records.retention import Hold

    hold = Hold(name=title, by=by, reason=reason, kinds=tuple(kind or ()), begin=begin, end=end)
    with writing(log, keys, name) as opened:
        say(f"Entry {place_hold(opened, hold)} records it.")


@hold_app.command("release")
def hold_release(
    log: Log,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The hold's name.")],
    by: By,
    reason: Reason,
    keys: Folder = None,
    name: Name = LOG_NAME,
) -> None:
    """Release a legal hold.

    Example: auditkit log hold release log.db case-112 --by ann --reason 'settled'
    """
    from auditkit.ledger.keep.payload_jobs import release_hold

    with writing(log, keys, name) as opened:
        say(f"Entry {release_hold(opened, title, by=by, reason=reason)} records it.")


def _lines(found: dict[str, Any]) -> None:
    for name, value in found.items():
        print(f"{name}: {'-' if value is None else one_line(str(value))}")
