"""Fuzzes `verify` for a while: edited reports and edited attack files get typed verdicts only.

A third of the reports are edited before they are signed with the trusted key, so that what is
behind a valid signature is parsed and compared too. If one is true, it must say that bytes differ,
and another library must find the honest pages and files in it.

Usage: python tests/soak/soak_verify.py [seconds, default 600] [seed]
"""

from __future__ import annotations

import logging
import random
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import pikepdf

sys.path.insert(0, str(Path(__file__).parents[2]))

from auditkit.signing import KeyStore
from auditkit.verification import ClaimState, Verification
from tests.support.forging import honest, rendering_kept
from tests.support.small_report import signed_report
from tests.support.verifying import verify

VECTORS = Path(__file__).parents[1] / "vectors" / "pdf-attacks"
WORDS = (
    b"/Contents", b"/ByteRange", b"/Kids", b"/Names", b"/Type", b"/Length", b"<<", b">>", b"[",
    b"]", b"stream\n", b"endstream", b"obj", b"endobj", b"xref", b"trailer", b"startxref", b"null",
    b"/Prev 0", b"/XRefStm 0", b"/Encrypt 1 0 R", b"999999999999", b"-1", b"0 65535 f", b"/V",
)  # fmt: skip


def edit(data: bytes, chance: random.Random) -> bytes:
    """One to eight random edits: bits, cuts, copies, words of the format."""
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + chance.randint(1, 300) :]
        elif kind == 2:
            data = data[:at] + data[at : at + chance.randint(1, 300)] + data[at:]
        elif kind == 3:
            data = data[:at] + chance.choice(WORDS) + data[at:]
        else:
            word = chance.choice(WORDS)
            data = data[:at] + word + data[at + len(word) :]
    return data


def forged(chance: random.Random) -> bool:
    """Edits a report, signs it and verifies it; whether it could be signed."""
    report = honest()
    data = overwritten(plain(report.unsigned), chance)
    try:
        signed = report.signed(data)
    except Exception:  # noqa: BLE001 - the signer's library refuses it in its own ways
        return False
    with rendering_kept():
        found = verify(signed, trust=report.trust, render=True)
    pages = found.claim("pages")
    if pages.state is ClaimState.TRUE and (
        "Bytes differ" not in pages.reason or shown(signed) != shown(report.unsigned)
    ):
        Path("accepted.pdf").write_bytes(signed)
        sys.exit(f"accepted: {pages.reason}; the file is accepted.pdf")
    return True


def overwritten(data: bytes, chance: random.Random) -> bytes:
    """One to three edits that leave every object in its place."""
    for _ in range(chance.randint(1, 3)):
        new = chance.choice((*WORDS, bytes([chance.randrange(256)])))
        at = chance.randrange(len(data) - len(new))
        data = data[:at] + new + data[at + len(new) :]
    return data


def shown(data: bytes) -> list[bytes]:
    """What draws each page, and each attachment, as another library reads them."""
    with pikepdf.open(BytesIO(data)) as pdf:
        contents = [page.Contents.read_bytes() for page in pdf.pages]
        return contents + [
            pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments
        ]


def plain(data: bytes) -> bytes:
    """A PDF with its objects uncompressed, so that edits meet them."""
    out = BytesIO()
    with pikepdf.open(BytesIO(data)) as pdf:
        pdf.save(
            out,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            compress_streams=False,
        )
    return out.getvalue()


def main() -> None:
    """Runs until the time is over; stops at the first verdict that is not a typed refusal."""
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    chance = random.Random(seed)
    store = KeyStore(Path(tempfile.mkdtemp()) / "keys")
    seeds = [signed_report(store.report_signer())]
    seeds += [path.read_bytes() for path in sorted(VECTORS.glob("*.pdf"))]
    assert len(seeds) == 22, "the attack files are missing"
    trust, rounds, slowest, began = store.trusted(), 0, 0.0, time.monotonic()
    resigned = 0
    while time.monotonic() - began < seconds:
        if chance.random() < 1 / 3:
            resigned += forged(chance)
            rounds += 1
            continue
        original = seeds[0] if chance.random() < 0.6 else chance.choice(seeds)
        data = edit(original, chance)
        if data == original:
            continue
        start = time.monotonic()
        found = verify(data, trust=trust)
        slowest = max(slowest, time.monotonic() - start)
        accepted = not isinstance(found, Verification) or (
            found.claim("signature").state is not ClaimState.FALSE
        )
        if accepted:
            Path("accepted.pdf").write_bytes(data)
            sys.exit(f"round {rounds}, seed {seed}: accepted; the file is accepted.pdf")
        rounds += 1
    sys.stdout.write(
        f"{rounds:,} files in {seconds:.0f} s, {resigned:,} of them signed after the edit: none "
        "accepted, none crashed; "
        f"slowest {slowest:.2f} s\n"
    )


if __name__ == "__main__":
    main()
