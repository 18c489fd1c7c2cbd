"""The report lists the formats that were written with it, with the digests of the files."""

from __future__ import annotations

import hashlib
import json

import pytest
from typer.testing import CliRunner

from auditkit.cli import app
from auditkit.pdf.pages import page_texts
from auditkit.pdf.reading import read_pdf
from auditkit.report.figures.manifest import check_figures
from auditkit.signing import KeyStore
from auditkit.verification import ClaimState, verify
from tests.support.small_audit import PASSING, write_audit


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of an audit that was written in five formats, and the keys."""
    folder = tmp_path_factory.mktemp("exported")
    audit = write_audit(folder / "work", PASSING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDITKIT_KEYS", str(folder / "keys"))
        words = ["run", str(audit), "-o", str(folder / "out")]
        done = CliRunner().invoke(app, [*words, "--also", "sarif,junit,cyclonedx,intoto,csv"])
        assert done.exit_code == 0, done.output
        done = CliRunner().invoke(app, ["run", str(audit), "-o", str(folder / "none")])
        assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize(
    "file", ["auditkit.sarif", "junit.xml", "bom-1.6.cdx.json", "bom-1.7.cdx.json", "findings.csv"]
)
def test_the_pages_name_the_digest_of_each_file(ran, file):
    digest = hashlib.sha256((ran / "out" / file).read_bytes()).hexdigest()
    pages = "".join(page_texts((ran / "out" / "report.pdf").read_bytes()))
    assert digest in pages
    assert digest in (ran / "out" / "report.html").read_text().replace("<wbr>", "")


def test_what_names_the_report_cannot_be_named_by_it(ran):
    data = (ran / "out" / "report.pdf").read_bytes()
    digest = hashlib.sha256((ran / "out" / "test-result.dsse.json").read_bytes()).hexdigest()
    pages = " ".join("".join(page_texts(data)).split())
    assert digest not in pages
    assert pages.count("so it was made after it") == 1


def test_the_report_verifies_and_one_without_exports_says_nothing_of_them(ran):
    for name, said in (("out", True), ("none", False)):
        data = (ran / name / "report.pdf").read_bytes()
        found = verify(data, trust=KeyStore(ran / "keys").trusted())
        assert found.claim("pages").state is ClaimState.TRUE, found.claim("pages")
        assert ("Exported with this report" in "".join(page_texts(data))) == said
        assert ("exported" in json.loads(read_pdf(data).files["render.json"])["options"]) == said


def test_a_digest_that_is_stated_nowhere_is_noticed(ran):
    data = (ran / "out" / "report.pdf").read_bytes()
    files = read_pdf(data).files
    figures, statement = json.loads(files["figures.json"]), json.loads(files["statement.json"])
    tables = {
        name.removeprefix("table-").removesuffix(".json"): json.loads(content)
        for name, content in files.items()
        if name.startswith("table-") and name.endswith(".json")
    }
    receipt = json.loads(files["receipt.json"])
    pages = page_texts(data)
    assert check_figures(pages, figures, statement, tables, receipt=receipt) == []
    figures["exported"]["sarif"] = [f"sha256:{'0' * 64}"]
    [problem] = check_figures(pages, figures, statement, tables, receipt=receipt)
    assert "is listed as exported and is not there" in problem
