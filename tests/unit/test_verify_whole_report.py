"""A real report, and every published and own attack on it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pikepdf
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.cli import keys as keys_cli
from auditkit.cli import verify as verify_cli
from auditkit.cli.log import commands as log_cli
from auditkit.cli.shared import signing_options
from auditkit.errors import InputError, KeyFileError
from auditkit.ledger import NoteSigner
from auditkit.ledger.records.note import add_signatures, open_note
from auditkit.signing import KeyRecord, KeyStore
from auditkit.signing.certificates import fingerprint, to_pem
from auditkit.signing.private_keys import fingerprint_of
from auditkit.verification import ClaimState
from auditkit.verification.claims import TITLES
from tests.fixtures.lending import judgement
from tests.support.small_report import attachments, saved, statement_bytes, unsigned_report
from tests.support.verifying import verify
from tests.support.whole_report import SIGNED_AT

NOT_ASKED = {"time", "long_term", "witnesses", "consistency", "history", "pages"}
ASKED = [name for name in TITLES if name not in NOT_ASKED]


def check(whole, data=None, **options):
    return verify(
        whole.signed if data is None else data,
        trust=whole.trust,
        log_keys=[whole.log_key],
        **options,
    )


def test_every_claim_of_a_real_report_is_true(whole):
    found = check(whole)
    assert {c.id: c.state for c in found.claims if c.asked} == dict.fromkeys(ASKED, ClaimState.TRUE)
    assert found.exit_code == 0
    assert found.report_id == whole.judgement.report_id
    assert int(re.match(r"\d+", found.claim("numbers").reason)[0]) > 300


def resigned(whole, *, change=None, judged=None, **files):
    """The report with attachments or pages changed and then signed again by the same signer."""
    with pikepdf.open(BytesIO(whole.unsigned)) as pdf:
        for name, content in files.items():
            pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, content, filename=name)
        if change:
            change(pdf)
        return whole.signer.sign_pdf(saved(pdf), at=SIGNED_AT)


def attachment(whole, name):
    with pikepdf.open(BytesIO(whole.unsigned)) as pdf:
        return pdf.attachments[name].get_file().read_bytes()


def broken(found):
    assert found.exit_code == 12
    return [c.id for c in found.broken]


def test_signing_a_rewritten_copy_changes_nothing_else(whole):
    assert check(whole, resigned(whole)).exit_code == 0


def test_a_swapped_spreadsheet_is_noticed(whole):
    assert broken(check(whole, resigned(whole, **{"table-shap_values.csv": b"a,b\r\n"}))) == [
        "attachments"
    ]


def test_another_script_than_the_one_committed_to_is_noticed(whole):
    found = check(whole, resigned(whole, **{"verify_offline.py": b"print('all true')\n"}))
    assert broken(found) == ["attachments"]
    assert "do not run it" in found.claim("attachments").reason


def test_a_receipt_for_another_statement_is_noticed(whole):
    with whole.log() as log:
        other = log.append(kind="audit.statement", payload={"statement": "sha256:" + "0" * 64})
    receipt = json.dumps(other.to_json()).encode()
    found = check(whole, resigned(whole, **{"receipt.json": receipt}))
    assert "receipt" in broken(found)
    assert "another statement" in found.claim("receipt").reason


@pytest.mark.parametrize("field", ["proof", "index", "salt", "payload", "origin"])
def test_a_changed_receipt_is_noticed(whole, field):
    receipt = parse_json(attachment(whole, "receipt.json"))
    receipt[field] = {
        "proof": ["00" * 32],
        "index": 0,
        "salt": "00" * 32,
        "payload": {"statement": str(whole.judgement.digest), "more": 1},
        "origin": "example.com/other",
    }[field]
    found = check(whole, resigned(whole, **{"receipt.json": json.dumps(receipt).encode()}))
    assert "receipt" in broken(found)


def test_a_report_without_receipt_could_not_be_checked_against_the_log(whole):
    def strip(pdf):
        del pdf.attachments["receipt.json"]

    found = check(whole, resigned(whole, change=strip))
    assert found.claim("receipt").state is ClaimState.UNCHECKED
    assert found.claim("checkpoint").state is ClaimState.UNCHECKED
    assert found.exit_code != 0


def test_a_log_by_an_unknown_key_could_not_be_checked(whole):
    stranger = NoteSigner.generate(whole.log_key.name)
    for keys in ([], [stranger.verifier]):
        found = verify(whole.signed, trust=whole.trust, log_keys=keys)
        assert found.claim("receipt").state is ClaimState.TRUE
        assert found.claim("checkpoint").state is ClaimState.UNCHECKED
        assert "--log-key" in found.claim("checkpoint").reason
        assert found.exit_code == 11


def test_log_keys_are_taken_as_their_lines(whole):
    assert verify(whole.signed, trust=whole.trust, log_keys=[str(whole.log_key)]).ok
    with pytest.raises(KeyFileError):
        verify(whole.signed, log_keys=["nonsense"])


def test_a_statement_of_another_audit_is_noticed(whole):
    other = replace(judgement(), seed=8)
    found = check(
        whole,
        resigned(
            whole,
            **{
                "statement.json": other.statement,
                "statement.dsse.json": whole.signer.sign_statement(other.statement),
            },
        ),
    )
    assert {"statement", "numbers", "receipt"} <= set(broken(found))


def test_an_overlaid_number_is_noticed(whole):
    def overlay(pdf):
        page = pdf.pages[0]
        page.contents_add(
            b"BT /F0 12 Tf 100 100 Td <0000> Tj ET"
            if "/F0" in page.Resources.Font
            else b"q BT /Helv 12 Tf 100 100 Td (0.9999) Tj ET Q"
        )
        page.Resources.Font["/Helv"] = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type1,
                BaseFont=pikepdf.Name.Helvetica,
            )
        )

    found = check(whole, resigned(whole, change=overlay))
    assert broken(found) == ["numbers"]


# The checkpoint that the auditor kept


def kept(whole, size=None):
    with whole.log() as log:
        return log.checkpoint() if size is None else log.prove(0, size=size).checkpoint


def test_a_kept_checkpoint_of_the_same_log_agrees(whole):
    receipt = parse_json(attachment(whole, "receipt.json"))
    found = check(whole, checkpoint=receipt["checkpoint"])
    assert found.claim("consistency").state is ClaimState.TRUE
    assert found.exit_code == 0


def test_a_later_checkpoint_needs_a_proof_and_agrees_with_it(whole):
    with whole.log() as log:
        log.append(kind="access.decision", payload={"allowed": False})
        note, size = log.checkpoint(), log.size
        proof = log.prove_consistency(2, size)
    without = check(whole, checkpoint=note)
    assert without.claim("consistency").state is ClaimState.UNCHECKED
    assert f"auditkit log consistency LOG 2 {size}" in without.claim("consistency").reason
    assert check(whole, checkpoint=note, consistency_proof=proof).exit_code == 0
    wrong = [bytes(32), *proof[1:]]
    assert broken(check(whole, checkpoint=note, consistency_proof=wrong)) == ["consistency"]


def test_a_log_that_was_rewritten_is_noticed(whole, tmp_path):
    from auditkit.ledger import Ledger

    key = NoteSigner.from_pem(whole.log_pem, name=whole.log_key.name)
    with Ledger.open(f"sqlite:///{tmp_path / 'other.db'}", key=key) as log:
        log.append(kind="access.decision", payload={"allowed": True})
        log.append(kind="access.decision", payload={"allowed": True})
        rewritten = log.checkpoint()
    assert broken(check(whole, checkpoint=rewritten)) == ["consistency"]


@pytest.mark.parametrize("note", ["", "hello", "\n\n", "a\n1\nb\n\n— x y\n"])
def test_a_damaged_kept_checkpoint_is_never_true(whole, note):
    claim = check(whole, checkpoint=note).claim("consistency")
    assert claim.state is not ClaimState.TRUE


# Witnesses


def test_witnesses_count_only_when_asked_and_only_if_they_signed(whole):
    witness = NoteSigner.generate("witness.example")
    found = verify(
        whole.signed, trust=whole.trust, log_keys=[whole.log_key, witness.witness_verifier]
    )
    assert found.claim("witnesses").asked
    assert found.claim("witnesses").state is ClaimState.FALSE


def test_a_checkpoint_that_a_witness_signed_is_true(whole):
    witness = NoteSigner.generate("witness.example")
    receipt = parse_json(attachment(whole, "receipt.json"))
    body, _ = open_note(receipt["checkpoint"], [whole.log_key])
    line = witness.cosign(body, seconds=1_800_000_000)
    receipt["checkpoint"] = add_signatures(receipt["checkpoint"], line)
    report = resigned(whole, **{"receipt.json": canonical_bytes(receipt)})
    keys = [whole.log_key, witness.witness_verifier]
    claim = verify(report, trust=whole.trust, log_keys=keys).claim("witnesses")
    assert claim.state is ClaimState.TRUE
    assert "witness.example" in claim.reason


# Keys that their owner revoked


def revoked_key(whole, use, *, days, compromised=False):
    """An entry of the owner's list: the key of a use, revoked some days after it signed."""
    public = {
        "report": lambda: fingerprint(whole.signer.certificate),
        "statement": lambda: fingerprint_of(whole.signer.statement_key.public_key),
        "log": lambda: fingerprint_of(Ed25519PublicKey.from_public_bytes(whole.log_key.public_key)),
    }[use]
    return KeyRecord(
        id=f"{use}-1",
        use=use,
        algorithm="Ed25519",
        fingerprint=public(),
        state="revoked",
        ended=SIGNED_AT + timedelta(days=days),
        compromised=compromised,
        reason="lost",
    )


CLAIM_OF = {"report": "signer", "statement": "envelope", "log": "checkpoint"}


@pytest.mark.parametrize("use", CLAIM_OF)
def test_a_revoked_key_counts_for_what_it_signed_before_and_no_more(whole, use):
    before = check(whole, key_list=[revoked_key(whole, use, days=1)])
    assert before.exit_code == 0, before
    after = check(whole, key_list=[revoked_key(whole, use, days=-1)])
    assert broken(after) == [CLAIM_OF[use]]
    assert "revoked on" in after.claim(CLAIM_OF[use]).reason


def test_of_a_compromised_key_only_what_the_log_proves_counts(whole):
    """The log's time is attested by the log's key; without it, the stated time proves nothing."""
    key = revoked_key(whole, "statement", days=1, compromised=True)
    assert check(whole, key_list=[key]).exit_code == 0
    without = verify(whole.signed, trust=whole.trust, key_list=[key])
    assert without.claim("envelope").state is ClaimState.UNCHECKED
    log = revoked_key(whole, "log", days=1, compromised=True)
    claim = check(whole, key_list=[log]).claim("checkpoint")
    assert claim.state is ClaimState.UNCHECKED
    assert "auditkit log prove" in claim.reason
    both = check(whole, key_list=[key, log])
    assert both.claim("envelope").state is ClaimState.UNCHECKED


def test_the_published_list_of_keys_is_read_by_the_command(whole, tmp_path, command):
    (tmp_path / "report.pdf").write_bytes(whole.signed)
    (tmp_path / "roots.pem").write_bytes(to_pem(whole.signer.certificate))
    listed = [revoked_key(whole, "statement", days=-1).to_json()]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(listed))
    words = ("verify", "--no-render", tmp_path / "report.pdf", "--trust", tmp_path / "roots.pem")
    options = ("--log-key", whole.log_key, "--key-list", path)
    assert command(*words, *options).exit_code == 12
    for content in ("", "{}", "[1]", '[{"id": "x"}]', json.dumps([listed[0] | {"ended": None}])):
        path.write_text(content)
        with pytest.raises(KeyFileError):
            raise command(*words, *options).exception


# The command line


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "own"))
    app = typer.Typer()
    app.command("verify")(verify_cli.verify)
    app.add_typer(keys_cli.app, name="keys")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_command_line_prints_every_claim_and_its_exit_code(whole, tmp_path, command):
    path, roots = tmp_path / "report.pdf", tmp_path / "roots.pem"
    path.write_bytes(whole.signed)
    roots.write_bytes(to_pem(whole.signer.certificate))
    alone = command("verify", "--no-render", path)
    assert alone.exit_code == 11
    assert "could not check" in alone.stdout
    full = command("verify", "--no-render", path, "--trust", roots, "--log-key", whole.log_key)
    assert full.exit_code == 0, full.output
    assert all(title in full.stdout for title in TITLES.values())
    as_json = command(
        "verify", "--no-render", path, "--trust", roots, "--log-key", whole.log_key, "--json"
    )
    assert json.loads(as_json.stdout)["exit_code"] == 0
    flipped = bytearray(whole.signed)
    flipped[len(flipped) // 2] ^= 1
    path.write_bytes(flipped)
    changed = command("verify", "--no-render", path, "--trust", roots, "--log-key", whole.log_key)
    assert changed.exit_code == 12
    assert "Do not rely on this file: " in changed.stdout


def test_an_auditor_with_a_later_checkpoint_gets_the_proof_from_the_log(whole, tmp_path, command):
    """What the log's owner prints is what the auditor's command takes."""
    database = whole.database.removeprefix("sqlite:///")
    with whole.log() as log:
        log.append(kind="access.decision", payload={"allowed": False})
        (tmp_path / "kept.txt").write_text(log.checkpoint())
    asked = ["consistency", database, "2", "--key", str(whole.log_key)]
    printed = CliRunner().invoke(log_cli.app, asked).stdout
    (tmp_path / "proof.txt").write_text(printed)
    (tmp_path / "report.pdf").write_bytes(whole.signed)
    (tmp_path / "roots.pem").write_bytes(to_pem(whole.signer.certificate))
    words = ["verify", "--no-render", tmp_path / "report.pdf", "--trust", tmp_path / "roots.pem"]
    words += ["--log-key", whole.log_key, "--checkpoint", tmp_path / "kept.txt"]
    assert command(*words).exit_code == 11
    assert command(*words, "--consistency", tmp_path / "proof.txt").exit_code == 0
    (tmp_path / "proof.txt").write_text(printed.splitlines()[0] + "\n" + "A" * 43 + "=\n")
    assert command(*words, "--consistency", tmp_path / "proof.txt").exit_code == 12
    (tmp_path / "proof.txt").write_text("no proof")
    with pytest.raises(InputError, match="not a consistency proof"):
        raise command(*words, "--consistency", tmp_path / "proof.txt").exception


@pytest.mark.parametrize(
    ("stated", "state"),
    [
        ("D:99991231235959Z", "true"),
        ("D:99991231235959-14'00'", "true"),
        ("D:00010101000000+14'00'", "false"),
        ("D:20261124120000", "false"),
        ("D:2026", "false"),
        ("garbage", "false"),
    ],
)
def test_a_stranger_may_state_any_time_under_a_real_receipt(
    whole, stated, state, tmp_path, monkeypatch
):
    """Whoever has a report can sign its pages again: with a key of their own, at any time."""
    from pyhanko.pdf_utils.generic import pdf_name, pdf_string

    from auditkit.signing import pdf as signing_pdf

    class Stated(signing_pdf.SignatureObject):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self[pdf_name("/M")] = pdf_string(stated)

    monkeypatch.setattr(signing_pdf, "SignatureObject", Stated)
    store = KeyStore(tmp_path / "stranger")
    signed = store.report_signer().sign_pdf(whole.unsigned)
    for trust, code in ((whole.trust, 11), (store.trusted(), 0)):
        for now in (None, SIGNED_AT):
            found = verify(signed, trust=trust, log_keys=[whole.log_key], now=now)
            assert found.exit_code >= (code if state == "true" else 12)


def test_what_cannot_be_asked_is_not_blamed_on_the_file(whole):
    with pytest.raises(InputError, match="A quorum of 2 among 0 witnesses"):
        check(whole, witness_quorum=2)
    with pytest.raises(InputError, match="no time zone"):
        check(whole, now=datetime(2026, 12, 1))  # noqa: DTZ001


def test_own_keys_are_trusted_and_the_command_says_so(tmp_path, command):
    assert command("keys", "init", "--name", "Example Bank").exit_code == 0
    store = KeyStore(tmp_path / "own")
    report = tmp_path / "report.pdf"
    signer = store.report_signer()
    unsigned = unsigned_report(attachments(signer, statement_bytes()), signer=signer)
    report.write_bytes(signer.sign_pdf(unsigned, at=datetime.now(UTC)))
    for option, state in ((), "true"), (("--no-own-keys",), "unchecked"):
        found = command("verify", "--no-render", report, "--json", *option)
        claims = {c["id"]: c["state"] for c in json.loads(found.stdout)["claims"]}
        assert claims["signer"] == state
        assert ("your own key store" in found.stderr) == (state == "true")


def test_keys_command_line(tmp_path, command):
    assert command("keys", "init").exit_code == 0
    listed = json.loads(command("keys", "list", "--json").stdout)
    assert [k["id"] for k in listed] == ["report-1", "statement-1", "log-1"]
    assert command("keys", "rotate", "report", "--name", "Example Bank").exit_code == 0
    assert command("keys", "revoke", "report-1", "--reason", "replaced").exit_code == 0
    states = {k["id"]: k["state"] for k in json.loads(command("keys", "list", "--json").stdout)}
    assert states == {
        "report-1": "revoked",
        "report-2": "active",
        "statement-1": "active",
        "log-1": "active",
    }
    assert command("keys", "export", "report-2").stdout.startswith("-----BEGIN CERTIFICATE")
    assert re.match(
        r"auditkit\.local/log\+[0-9a-f]{8}\+", command("keys", "export", "log-1").stdout
    )
    assert "Example Bank" not in command("keys", "list").stdout


def test_logs_without_a_name_have_one_name():
    from auditkit.api import LOG_NAME

    assert keys_cli.LOG_NAME == LOG_NAME


def test_passphrase_from_file_and_environment(tmp_path, command, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    assert command("keys", "init", "--passphrase-file", secret).exit_code == 0
    assert b"ENCRYPTED" in (tmp_path / "own" / "report-1.key.pem").read_bytes()
    monkeypatch.setenv("AUDITKIT_PASSPHRASE", "correct horse")
    assert signing_options.open_store().report_signer()
    assert "correct" not in command("keys", "list").output
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(KeyFileError, match="empty"):
        signing_options.passphrase(empty)
