"""What an attacker may put into a file that somebody verifies: refused, bounded, and quoted."""

from __future__ import annotations

import json
import resource
import time
import zlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pikepdf
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from auditkit.canonical import Digest, canonical_bytes, parse_json
from auditkit.cli import app
from auditkit.cli.shared.console import one_line
from auditkit.errors import VerificationError
from auditkit.isolation import Child
from auditkit.ledger import Ledger
from auditkit.pdf import reading
from auditkit.reperformance import open_bundle
from auditkit.signing import KeyStore, LocalKey, Signer
from auditkit.signing.certificates import self_signed
from auditkit.verification import ClaimState
from tests.support.authority import NOW, Authority
from tests.support.small_report import SIGNED_AT as SMALL_AT
from tests.support.small_report import (
    attachments,
    saved,
    signed_report,
    statement_bytes,
    unsigned_report,
)
from tests.support.verifying import verify
from tests.support.whole_report import LOG, SIGNED_AT

CPU_SECONDS = 1


@pytest.fixture
def _short_of_time(monkeypatch):
    """The limit that ends a hostile file, low, so that the tests of it are quick."""
    monkeypatch.setattr(reading, "LIMITS", replace(reading.LIMITS, cpu_seconds=CPU_SECONDS))


def children_seconds():
    """Computing time of what our child processes started, once it has ended."""
    reading._PARSER.end()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return KeyStore(tmp_path_factory.mktemp("hostile") / "keys").report_signer()


def with_names(signer, change):
    """A small report whose tree of attachments was changed before it was signed."""
    files = attachments(signer, statement_bytes())
    with pikepdf.open(BytesIO(unsigned_report(files, signer=signer))) as pdf:
        change(pdf)
        return signer.sign_pdf(saved(pdf), at=SMALL_AT)


def bomb(pdf):
    """Forty files of 16 MB each from 16 kB, all from the same bytes."""
    stream = pdf.make_stream(zlib.compress(bytes(16 << 20), 9))
    stream.Filter = pikepdf.Name.FlateDecode
    embedded = pikepdf.Dictionary(F=stream)
    pairs = []
    for number in range(40):
        name = pikepdf.String(f"{number:03}")
        pairs += [name, pikepdf.Dictionary(Type=pikepdf.Name.Filespec, UF=name, EF=embedded)]
    pdf.Root.Names.EmbeddedFiles = pikepdf.Dictionary(Names=pikepdf.Array(pairs))


def bush(pdf):
    """Seven levels of the same hundred children: a hundred billion empty nodes."""
    node = pdf.make_indirect(pikepdf.Dictionary(Names=pikepdf.Array([])))
    for _ in range(7):
        node = pdf.make_indirect(pikepdf.Dictionary(Kids=pikepdf.Array([node] * 100)))
    pdf.Root.Names.EmbeddedFiles = node


def loop(pdf):
    node = pdf.make_indirect(pikepdf.Dictionary())
    node.Kids = pikepdf.Array([node, node])
    pdf.Root.Names.EmbeddedFiles = node


def twice(pdf):
    tree = pdf.Root.Names.EmbeddedFiles
    pairs = tree.Names if "/Names" in tree else tree.Kids[0].Names
    pairs.extend([pairs[0], pairs[1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (bomb, "larger than those of any report"),
        (bush, "nested too deeply"),
        (loop, "nested too deeply"),
        (twice, "Two attachments have the same name"),
    ],
)
def test_attachments_that_explode_are_refused_at_once(signer, change, message):
    report = with_names(signer, change)
    began = time.process_time()
    found = verify(report, trust=[signer.certificate])
    assert time.process_time() - began < 20
    assert found.exit_code == 12
    assert message in found.claim("attachments").reason


def test_more_pages_than_any_report_are_not_read(signer):
    def grow(pdf):
        while (missing := 5001 - len(pdf.pages)) > 0:
            pdf.pages.extend(list(pdf.pages)[:missing])

    found = verify(with_names(signer, grow), trust=[signer.certificate])
    assert found.claim("statement").state is ClaimState.FALSE
    assert "more pages than any report" in found.claim("statement").reason


def form(pdf, content, **forms):
    drawing = pdf.make_stream(content)
    drawing.Type, drawing.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    drawing.BBox = pikepdf.Array([0, 0, 9, 9])
    drawing.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(forms))
    return drawing


def drawing(pdf, content, **forms):
    """Puts it on the first page, in the place of what is there."""
    page = pdf.pages[0].obj
    page.Contents = pdf.make_stream(content)
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(forms))


def draws_itself(pdf):
    twice = form(pdf, b"/X Do /X Do")
    twice.Resources.XObject["/X"] = twice
    drawing(pdf, b"/X Do", **{"/X": twice})


def doubles(count):
    def change(pdf):
        last = form(pdf, b"q Q")
        for _ in range(count):
            last = form(pdf, b"/X Do /X Do", **{"/X": last})
        drawing(pdf, b"/X Do", **{"/X": last})

    return change


def hides_the_name(pdf):
    """Of a large form, drawn often: `#58` is another way to write `X`; `/Y` is a small one."""
    large, small = form(pdf, b"(a) Tj " * 100_000), form(pdf, b"q Q")
    drawing(pdf, b"/#58 Do /Y Do " * 1000, **{"/X": large, "/Y": small})


def draws_by_the_pages_resources(pdf):
    last = form(pdf, b"/X Do /X Do")
    del last.Resources
    drawing(pdf, b"/X Do", **{"/X": last})


def draws_a_large_form_often(pdf):
    drawing(pdf, b"/X Do " * 1000, **{"/X": form(pdf, b"(a) Tj " * 100_000)})


def holds_blanks(pdf):
    drawing(pdf, b" " * (49 << 20))


def has_letters_that_draw(pdf):
    """Letters that are drawings, each of which draws a form that doubles itself forty times."""
    doubles(40)(pdf)
    page = pdf.pages[0].obj
    letter = pdf.make_stream(b"9 0 0 0 9 9 d1 /X Do")
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name("/Type3"), FirstChar=97, LastChar=97,
        Widths=pikepdf.Array([9]), FontBBox=pikepdf.Array([0, 0, 9, 9]),
        FontMatrix=pikepdf.Array([1, 0, 0, 1, 0, 0]), Resources=page.Resources,
        CharProcs=pikepdf.Dictionary({"/a": letter}),
        Encoding=pikepdf.Dictionary(Differences=pikepdf.Array([97, pikepdf.Name("/a")])),
    )  # fmt: skip
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary({"/F": pdf.make_indirect(font)}))
    page.Contents = pdf.make_stream(b"BT /F 9 Tf (aaaa) Tj ET")


@pytest.mark.usefixtures("_short_of_time")
@pytest.mark.parametrize(
    "change",
    [
        draws_itself,
        doubles(40),
        hides_the_name,
        draws_by_the_pages_resources,
        draws_a_large_form_often,
        holds_blanks,
        has_letters_that_draw,
    ],
)
def test_pages_that_take_for_ever_to_draw_end_at_a_limit(signer, change):
    """By whoever has any key: a few hundred bytes that keep a PDF library busy for years."""
    data = with_names(signer, change)
    began, before = time.process_time(), children_seconds()
    found = verify(data, trust=[signer.certificate])
    assert time.process_time() - began < 2
    assert children_seconds() - before < 2 * CPU_SECONDS + 3  # two jobs, and what loads libraries
    assert found.claim("signature").state is ClaimState.TRUE
    assert found.claim("statement").state is ClaimState.FALSE
    assert found.claim("numbers").state is not ClaimState.TRUE


@pytest.mark.usefixtures("_short_of_time")
def test_a_file_that_reaches_a_limit_says_which(signer):
    claim = verify(with_names(signer, doubles(40)), trust=[signer.certificate]).claim("statement")
    assert "more than 1 seconds of computing" in claim.reason


def test_a_reader_that_does_not_start_leaves_the_file_unchecked(signer, monkeypatch):
    """What depends on this machine is never blamed on the file."""
    report = signer.sign_pdf(
        unsigned_report(attachments(signer, statement_bytes()), signer=signer), at=SMALL_AT
    )
    monkeypatch.setattr(reading, "_PARSER", Child("auditkit.pdf.no_such_module"))
    found = verify(report, trust=[signer.certificate])
    claim = found.claim("signature")
    assert claim.state is ClaimState.UNCHECKED
    assert "try again on a machine" in claim.reason.lower()
    assert found.claim("unchanged").state is ClaimState.UNCHECKED


def with_index(index, *, width=b"[1 2 1]", size=1 << 22, before=b"", prefix=b""):
    head = b"%PDF-1.7\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n" + before
    entries = b"3 0 obj\n<<%b/Type /XRef /W %b /Size %d /Root 1 0 R %b>>\nstream\n%b\n" % (
        prefix,
        width,
        size,
        b"/Length %d" % len(index) if before else b"/Filter /FlateDecode /Length %d" % len(index),
        index,
    )
    return head + entries + b"endstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head)


def folded(megabytes):
    return zlib.compress(bytes(megabytes << 20), 9)


def with_packed_objects():
    blanks = folded(256)
    packed = b"5 0 obj\n<</Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d>>\n" % len(
        blanks
    )
    packed += b"stream\n%b\nendstream\nendobj\n" % blanks
    place = len(b"%PDF-1.7\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n")
    entries = bytes(6) + b"\2\0\0\0\5\0" + bytes(18) + b"\1" + place.to_bytes(4) + b"\0"
    return with_index(entries, width=b"[1 4 1]", size=6, before=packed)


@pytest.mark.usefixtures("_short_of_time")
@pytest.mark.parametrize(
    "data",
    [
        with_index(folded(16)),
        with_index(folded(16), prefix=b"/A (" + b" " * 9000 + b"stream\n) "),
        with_index(folded(16)).replace(b"startxref\n", b"startxref%c\n"),
        with_index(folded(16)) + b" ",
        with_packed_objects(),
    ],
    ids=["index", "decoy", "comment", "blank", "objects"],
)
def test_an_index_that_explodes_ends_at_a_limit(data):
    """16 kB that nobody signed kept the PDF library busy for 43 s."""
    began, before = time.process_time(), children_seconds()
    found = verify(data)
    assert time.process_time() - began < 2
    assert children_seconds() - before < CPU_SECONDS + 3
    assert found.exit_code == 12


# Receipts


def relogged(whole, *, kind="audit.statement", at=SIGNED_AT, folder):
    """The report with a receipt of another entry of a log with the same key, and re-signed."""
    from auditkit.ledger import NoteSigner

    key = NoteSigner.from_pem(whole.log_pem, name=LOG)
    with Ledger.open(f"sqlite:///{folder}/l.db", key=key, clock=lambda: at) as log:
        receipt = log.append(kind=kind, payload={"statement": str(whole.judgement.digest)})
    content = canonical_bytes(receipt.to_json())
    with pikepdf.open(BytesIO(whole.unsigned)) as pdf:
        pdf.attachments["receipt.json"] = pikepdf.AttachedFileSpec(
            pdf, content, filename="receipt.json"
        )
        signed = whole.signer.sign_pdf(saved(pdf), at=SIGNED_AT)
    return verify(signed, trust=whole.trust, log_keys=[whole.log_key])


def test_an_entry_of_another_kind_is_no_statement_in_the_log(whole, tmp_path):
    """Who may log decisions, say, cannot make an audit of one by its payload."""
    claim = relogged(whole, kind="access.decision", folder=tmp_path).claim("receipt")
    assert claim.state is ClaimState.FALSE
    assert "records something else" in claim.reason


def test_a_report_is_not_signed_before_what_it_carries_was_logged(whole, tmp_path):
    """A stated time that was set back, as the thief of a revoked key would."""
    found = relogged(whole, at=SIGNED_AT + timedelta(days=30), folder=tmp_path)
    assert found.claim("time").state is ClaimState.FALSE
    assert "carries what was logged on" in found.claim("time").reason
    assert found.exit_code == 12


# Certificates


def issued_for(purpose):
    authority = Authority()
    key, certificate = authority.issue("www.example.com")
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(certificate.public_key())
        .serial_number(7)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    from cryptography.hazmat.primitives import hashes

    own = builder.sign(authority.issuer_key, hashes.SHA256())
    return authority.root, Signer.of([LocalKey(key)], [own, authority.issuer])


@pytest.mark.parametrize(
    ("purpose", "state"),
    [
        (ExtendedKeyUsageOID.SERVER_AUTH, ClaimState.FALSE),
        (ExtendedKeyUsageOID.TIME_STAMPING, ClaimState.FALSE),
        (ExtendedKeyUsageOID.EMAIL_PROTECTION, ClaimState.TRUE),
    ],
)
def test_the_key_of_a_web_server_signs_no_reports(purpose, state):
    root, other = issued_for(purpose)
    report = other.sign_pdf(
        unsigned_report(attachments(other, statement_bytes()), signer=other), at=NOW
    )
    for trusted in (root, other.certificate):  # the issuer, or that certificate itself
        claim = verify(report, trust=[trusted]).claim("signer")
        assert claim.state is state, claim


# What is printed


FAKE = "Bank\ntrue             The signer is trusted\x1b[2K\x1b[1A\u202e\r"


def test_a_name_does_not_write_lines_or_escapes_of_its_own(tmp_path, monkeypatch):
    """A certificate by somebody else's program, which takes any name."""
    from cryptography.hazmat.primitives.asymmetric import ec

    monkeypatch.setattr("auditkit.signing.certificates.check_name", lambda name, **_: name)
    key = LocalKey(ec.generate_private_key(ec.SECP256R1()))
    hostile = Signer.of([key], [self_signed(key, name=FAKE)])
    path = tmp_path / "report.pdf"
    path.write_bytes(signed_report(hostile))
    said = CliRunner().invoke(app, ["verify", "--no-render", str(path), "--no-own-keys"])
    lines = said.stdout.splitlines()
    assert not any(line.startswith("true") and "The signer is trusted" in line for line in lines)
    assert any("Bank\\ntrue" in line for line in lines)
    assert not set("\x1b\u202e\r") & set(said.stdout)


@pytest.mark.parametrize("text", [FAKE, "\ud800", "a\u2028b\x85c", "\x07\x9b31m"])
def test_one_line_is_one_line_of_plain_characters(text):
    shown = one_line(text)
    assert len(shown.splitlines()) == 1
    assert shown.isprintable()
    assert shown.encode()


# Bundles


def test_a_bundle_with_a_link_does_not_open(signer, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "versions.txt").symlink_to(secret)
    with pytest.raises(VerificationError, match="link to a file elsewhere"):
        open_bundle(folder)


def test_numbers_and_names_that_json_readers_take_differently_are_refused(signer):
    """Duplicate names, NaN, numbers beyond exact integers: the statement has one reading."""
    good = statement_bytes()
    for bad in (
        good.replace(b'"_type":', b'"_type":"x","_type":', 1),
        good.replace(b'"n":100', b'"n":NaN'),
        good.replace(b'"n":100', b'"n":1e400'),
        good.replace(b'"n":100', b'"n":100.0'),
        good.replace(b'"n":100', b'"n":' + b"9" * 5000),
        good + b" ",
        b"\xef\xbb\xbf" + good,
    ):
        assert bad != good
        files = attachments(signer, good) | {
            "statement.json": bad,
            "statement.dsse.json": signer.sign_statement(bad),
        }
        report = signer.sign_pdf(unsigned_report(files, signer=signer), at=SMALL_AT)
        found = verify(report, trust=[signer.certificate])
        assert found.claim("statement").state is ClaimState.FALSE, bad[:80]
    assert str(Digest.of(canonical_bytes(parse_json(good)))) == str(Digest.of(good))


def test_an_envelope_alone_is_judged_and_what_needs_the_tables_could_not_be_checked(
    signer, tmp_path
):
    (tmp_path / "report.html").write_text("<!doctype html>")
    sealed = signer.sign_statement(statement_bytes())
    verdict = {"decision": "fail", "reasons": [], "waived": []}
    other = signer.sign_statement(statement_bytes(verdict=verdict))
    changed = sealed.replace(b'"sig":"', b'"sig":"AA', 1)
    deep = b'{"payload":' + b"[" * 3_000_000
    for envelope, code, claim in (
        (sealed, 11, "pages"),
        (other, 12, "verdict"),
        (changed, 12, "envelope"),
        (deep, 12, "envelope"),
        (b"no envelope", 12, "envelope"),
        (b"[" + b"[]," * 7_000_000 + b"[]]", 12, "envelope"),
    ):
        (tmp_path / "statement.dsse.json").write_bytes(envelope)
        asked = ["verify", str(tmp_path / "report.html"), "--json"]
        done = CliRunner().invoke(
            app, [*asked, "--statement", str(tmp_path / "statement.dsse.json"), "--no-own-keys"]
        )
        assert done.exit_code == code, done.output
        found = {one["id"]: one for one in json.loads(done.stdout)["claims"]}
        assert found[claim]["state"] == ("unchecked" if code == 11 else "false")
        assert found["pages"]["asked"]
        assert "holds the statement alone" in found["pages"]["reason"]
    assert found["verdict"]["state"] == "unchecked"
