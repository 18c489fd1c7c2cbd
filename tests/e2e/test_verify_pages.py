"""Pages rendered anew: whoever holds the key may sign any file, and it has to follow."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.judgement.restored import restored
from auditkit.pdf.reading import read_pdf
from auditkit.report import ReportOptions, render_twin
from auditkit.verification import ClaimState, verify
from auditkit.verification.claims import Claims
from auditkit.verification.pages import check_pages
from tests.fixtures.lending import judgement
from tests.support.small_report import saved
from tests.support.whole_report import SIGNED_AT, whole_report


def pages(data):
    whole = whole_report()
    return verify(data, trust=whole.trust, log_keys=[whole.log_key]).claim("pages")


def compared(data):
    """The claim on pages alone; `verify` does not ask it where another claim is false."""
    read, claims = read_pdf(data), Claims()
    claims.check("pages", lambda: check_pages(read.archived.certified, read.files))
    (claim,) = claims.found()
    return claim


def resigned(change, *, unsigned=None):
    """The honest report, changed and signed with the key that the reader trusts."""
    whole = whole_report()
    with pikepdf.open(BytesIO(unsigned or whole.unsigned)) as pdf:
        change(pdf)
        return whole.signer.sign_pdf(saved(pdf), at=SIGNED_AT)


def test_the_judgement_of_a_statement_is_restored_from_its_attachments():
    made = judgement()
    rows = {table.name: parse_json(table.to_bytes())["rows"] for table in made.tables}
    again = restored(made.statement, rows)
    assert again.statement == made.statement
    assert repr(again.evidence) == repr(made.evidence)
    assert repr(again.findings) == repr(made.findings)


def test_an_honest_report_follows_byte_for_byte():
    found = pages(whole_report().signed)
    assert found.state is ClaimState.TRUE
    assert "holds nothing else" in found.reason


def cover(pdf):
    """A white sheet over the first page's middle."""
    pdf.pages[0].contents_add(b"q 1 1 1 rg 100 300 400 300 re f Q")


def hidden_words(pdf):
    """Words that a person does not see and a search finds."""
    page = pdf.pages[0]
    font = next(iter(page.Resources.Font.keys()))
    page.contents_add(f"BT 3 Tr {font} 8 Tf 10 10 Td <0001> Tj ET".encode())


def another_page(pdf):
    pdf.add_blank_page(page_size=(595, 842))


def without_last_page(pdf):
    del pdf.pages[-1]


def turned(pdf):
    pdf.pages[0].rotate(180, relative=False)


@pytest.mark.parametrize("forge", [cover, another_page, without_last_page, turned])
def test_pages_that_do_not_follow_are_false(forge):
    data, whole = resigned(forge), whole_report()
    assert compared(data).state is ClaimState.FALSE
    found = verify(data, trust=whole.trust, log_keys=[whole.log_key])
    assert found.exit_code == 12
    if not found.claim("pages").asked:
        assert "another claim is false" in found.claim("pages").reason


def script(pdf):
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def layer(pdf):
    group = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="x"))
    pdf.Root.OCProperties = pikepdf.Dictionary(
        OCGs=[group], D=pikepdf.Dictionary(OFF=[group], Order=[group])
    )


def resaved(pdf):
    """Another program wrote the same pages."""


@pytest.mark.parametrize("change", [hidden_words, script, layer])
def test_a_file_that_only_looks_the_same_is_false(change):
    assert pages(resigned(change)).state is ClaimState.FALSE


def test_a_report_with_charts_and_links_that_another_program_saved_is_true_as_drawn():
    found = pages(resigned(resaved))
    assert found.state is ClaimState.TRUE
    assert "Bytes differ: another program saved it" in found.reason


def test_a_revision_over_the_pages_is_noticed():
    """The rendered bytes are there, and a second revision replaces a page."""
    whole = whole_report()
    from pyhanko.pdf_utils.generic import NameObject, NumberObject
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(whole.unsigned))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page[NameObject("/Rotate")] = NumberObject(180)
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    assert out.getvalue().startswith(whole.unsigned)
    found = pages(whole.signer.sign_pdf(out.getvalue(), at=SIGNED_AT))
    assert found.state is not ClaimState.TRUE


def with_rendering(change):
    """The honest report with another `render.json`."""
    stated = parse_json(read_pdf(whole_report().signed).files["render.json"])
    change(stated)

    def put(pdf):
        for one in pdf.Root.AF:
            if one.UF == "render.json":
                one.EF.F.write(canonical_bytes(stated))

    return resigned(put)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        # What the file says of that attachment's size is not what follows.
        (lambda s: s["made_with"].update(pango="1.0"), ClaimState.UNCHECKED),
        (lambda s: s.pop("options"), ClaimState.FALSE),
        (lambda s: s["options"].update(status="DRAFT"), ClaimState.FALSE),
        (lambda s: s["options"].update(unknown="x"), ClaimState.FALSE),
    ],
)
def test_a_rendering_that_says_otherwise_is_never_true(change, state):
    data = with_rendering(change)
    assert compared(data).state is state
    assert pages(data).state is not ClaimState.TRUE


def test_a_report_without_what_it_follows_from_could_not_be_checked():
    def strip(pdf):
        del pdf.attachments["render.json"]

    data = resigned(strip)
    whole = whole_report()
    asked = {"trust": whole.trust, "log_keys": [whole.log_key]}
    assert verify(data, **asked).exit_code == 11
    # The statement says what made it: such a report had the file.
    assert verify(data, **asked, accept_older=True).exit_code == 11
    left_out = verify(data, **asked, render=False)
    assert left_out.exit_code == 0
    assert not left_out.claim("pages").asked


def test_the_html_copy_of_a_report_is_rendered_again():
    whole = whole_report()
    files = read_pdf(whole.signed).files
    options = parse_json(files["render.json"])["options"]
    receipt = parse_json(files["receipt.json"])
    copy = render_twin(whole.judgement, receipt=receipt, options=ReportOptions(**options))
    asked = {"trust": whole.trust, "log_keys": [whole.log_key]}
    assert verify(whole.signed, **asked, copy=copy).exit_code == 0
    forged = verify(whole.signed, **asked, copy=copy.replace(b"exception", b"met", 1))
    assert forged.exit_code == 12
    assert forged.claim("pages").state is ClaimState.FALSE
