"""Reports forged with other libraries and signed with the key that the reader trusts: none is true.

An honest report that another library saved, and that was signed again, is true as it is drawn.
"""

from __future__ import annotations

import re
import time
from io import BytesIO

import pikepdf
import pypdf
import pytest
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name, OutlineItem, Stream, String
from pyhanko.pdf_utils import embed, generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pypdf.actions import JavaScript
from pypdf.annotations import FreeText, Popup

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.pdf import reading
from auditkit.pdf.reading import compare_pdfs
from auditkit.report.typeset.libraries import made_with
from auditkit.verification import ClaimState
from tests.support.forging import honest
from tests.support.small_report import saved

OTHERS = tuple(sorted((made_with() | {"pango": "1.0"}).items()))


def by_pikepdf(change, report=None):
    report = report or honest()
    with pikepdf.open(BytesIO(report.unsigned)) as pdf:
        change(pdf)
        return report.verified(saved(pdf))


def by_pypdf(change):
    writer = pypdf.PdfWriter(clone_from=BytesIO(honest().unsigned))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return honest().verified(out.getvalue())


def by_pyhanko(change):
    """An update appended before the report is signed."""
    writer = IncrementalPdfFileWriter(BytesIO(honest().unsigned))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return honest().verified(out.getvalue())


def is_caught(found):
    reasons = [claim.reason for claim in found.claims]
    assert found.exit_code == 12, reasons
    assert found.claim("signature").state is ClaimState.TRUE, reasons
    assert found.claim("pages").state is not ClaimState.TRUE, reasons
    return found


# --- what pages show -----------------------------------------------------------------------------


def draws(operators):
    return lambda pdf: pdf.pages[0].contents_add(operators)


def picture(pdf):
    image = Stream(pdf, b"\xff" * 3)
    image.stream_dict = Dictionary(
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=1,
        Height=1,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
    )
    pdf.pages[0].add_resource(image, Name.XObject, Name.Cover)
    pdf.pages[0].contents_add(b"q 400 0 0 300 90 300 cm /Cover Do Q")


def inline_picture(pdf):
    pdf.pages[0].contents_add(b"q 99 0 0 99 9 9 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xff EI Q")


def words(mode, colour=b"0 g"):
    def put(pdf):
        page = pdf.pages[0]
        font = next(iter(page.Resources.Font.keys())).encode()
        page.contents_add(b"BT %b %d Tr %b 8 Tf 10 10 Td <0001> Tj ET" % (colour, mode, font))

    return put


def layer(pdf):
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="x"))
    pdf.Root.OCProperties = Dictionary(OCGs=[group], D=Dictionary(OFF=[group], Order=[group]))
    page = pdf.pages[0]
    page.Resources.Properties = Dictionary(L=group)
    page.contents_add(b"/OC /L BDC", prepend=True)
    page.contents_add(b"EMC")


def other_glyphs(pdf):
    """The text says what it said; the letters that are drawn are others."""
    page = pdf.pages[0]
    content = page.Contents.read_bytes()
    drawn = next(part for part in content.split(b"\n") if part.startswith(b"[<"))
    assert content.count(drawn) >= 1
    page.Contents = Stream(pdf, content.replace(drawn, drawn[::1].replace(b"<00", b"<01", 1)))


def other_meaning(pdf):
    """What is drawn stays; copied or searched, it says something else."""
    for item in pdf.objects:
        if isinstance(item, Dictionary) and "/ToUnicode" in item:
            read = item.ToUnicode.read_bytes()
            item.ToUnicode = Stream(pdf, read.replace(b"<0065>", b"<0061>"))


def other_font(pdf):
    fonts = [i for i in pdf.objects if isinstance(i, Dictionary) and "/FontFile2" in i]
    fonts[0].FontFile2, fonts[1].FontFile2 = fonts[1].FontFile2, fonts[0].FontFile2


def swapped(pdf):
    first = pdf.pages[0]
    del pdf.pages[0]
    pdf.pages.append(first)


def entry(path, value):
    """Sets an entry below the catalog, or of the first page."""

    def put(pdf):
        holder = pdf.Root if path[0] == "Root" else pdf.pages[0].obj
        for step in path[1:-1]:
            holder = holder[step]
        holder[path[-1]] = value(pdf) if callable(value) else value

    return put


def annotation(**entries):
    def put(pdf):
        note = Dictionary(Type=Name.Annot, Rect=[0, 0, 300, 300], F=4, **entries)
        page = pdf.pages[0].obj
        page.Annots = Array([*page.get("/Annots", []), pdf.make_indirect(note)])

    return put


def link_leads_elsewhere(pdf):
    links = [a for page in pdf.pages for a in page.get("/Annots", []) if "/Dest" in a]
    links[0].Dest = String("elsewhere") if links[0].Dest != "elsewhere" else String("x")


# --- what a file may hold ------------------------------------------------------------------------


def specification(pdf, name="extra.exe", content=b"MZ"):
    return pikepdf.AttachedFileSpec(pdf, content, filename=name).obj


def another_file(pdf):
    pdf.attachments["extra.exe"] = pikepdf.AttachedFileSpec(pdf, b"MZ", filename="extra.exe")


def associated_file(pdf):
    pdf.Root.AF.append(pdf.make_indirect(specification(pdf)))


def two_streams(pdf):
    """One name, two contents: which one a reader opens depends on the reader."""
    for at in pdf.Root.AF:
        if at.UF == "statement.json":
            at.EF.UF = Stream(pdf, b"{}")


def other_associated(pdf):
    """The list of files by name is right; the associated one of that name is another."""
    listed = list(pdf.Root.AF)
    at = next(n for n, one in enumerate(listed) if one.UF == "verify_offline.py")
    pdf.Root.AF[at] = pdf.make_indirect(specification(pdf, "verify_offline.py", b"import os"))


def other_script(pdf):
    for one in pdf.Root.AF:
        if one.UF == "verify_offline.py":
            one.EF.F.write(b"import os")


def other_name(pdf):
    for one in pdf.Root.AF:
        if one.UF == "verify_offline.py":
            one.F = String("verify_offline.exe")


def file_of_an_annotation(pdf):
    annotation(Subtype=Name.FileAttachment, FS=specification(pdf))(pdf)


def unreachable(pdf):
    """An object that nothing leads to; it is referred to until the file is saved."""
    spare = pdf.make_indirect(specification(pdf))
    pdf.trailer.Spare = spare


def structure(name, value):
    """Other words for a reader who listens."""

    def put(pdf):
        found = [i for i in pdf.objects if isinstance(i, Dictionary) and i.get("/S") == "/P"]
        found[0][name] = String(value)

    return put


def outline(pdf):
    with pdf.open_outline() as tree:
        tree.root.append(OutlineItem("Approved", 0))


def metadata(pdf):
    read = pdf.Root.Metadata.read_bytes()
    pdf.Root.Metadata.write(read.replace(b"Evidence report", b"Approved report"))


def long_comment(pdf):
    read = pdf.Root.Metadata.read_bytes()
    pdf.Root.Metadata.write(read.replace(b"</x:xmpmeta>", b"<!-- approved --></x:xmpmeta>"))


FORGED = {
    "cover": draws(b"q 1 1 1 rg 90 300 400 300 re f Q"),
    "picture": picture,
    "inline picture": inline_picture,
    "invisible words": words(3),
    "clipped words": words(7),
    "white words": words(0, b"1 g"),
    "words off the page": draws(b"BT 1 0 0 1 9000 9000 Tm ET"),
    "marked words": draws(b"/Span <</ActualText (met)>> BDC EMC"),
    "layer": layer,
    "other glyphs": other_glyphs,
    "other meaning": other_meaning,
    "other font": other_font,
    "another page": lambda pdf: pdf.add_blank_page(page_size=(595, 842)),
    "fewer pages": lambda pdf: pdf.pages.__delitem__(-1),
    "pages in another order": swapped,
    "turned": lambda pdf: pdf.pages[0].rotate(180, relative=False),
    "cut": entry(["page", "/CropBox"], Array([0, 400, 595, 842])),
    "larger": entry(["page", "/MediaBox"], Array([0, 0, 900, 900])),
    "unit": entry(["page", "/UserUnit"], 2),
    "note": annotation(Subtype=Name.FreeText, Contents=String("met"), DA=String("/Helv 9 Tf")),
    "address": annotation(
        Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String("https://example.com"))
    ),
    "own link": annotation(Subtype=Name.Link, Dest=String("x")),
    "file of an annotation": file_of_an_annotation,
    "link that leads elsewhere": link_leads_elsewhere,
    "script": entry(["Root", "/OpenAction"], Dictionary(S=Name.JavaScript, JS=String("x"))),
    "named script": entry(
        ["Root", "/Names", "/JavaScript"],
        Dictionary(Names=[String("x"), Dictionary(S=Name.JavaScript, JS=String("x"))]),
    ),
    "action of a page": entry(
        ["page", "/AA"], Dictionary(O=Dictionary(S=Name.Named, N=Name.LastPage))
    ),
    "another file": another_file,
    "associated file": associated_file,
    "associated file of a page": entry(["page", "/AF"], lambda pdf: Array([specification(pdf)])),
    "two streams for one file": two_streams,
    "another associated file": other_associated,
    "another script": other_script,
    "another file name": other_name,
    "collection": entry(["Root", "/Collection"], Dictionary(View=Name.T)),
    "thumbnail": entry(["page", "/Thumb"], lambda pdf: Stream(pdf, b"x")),
    "data of a program": entry(["page", "/PieceInfo"], Dictionary(X=Dictionary(Private=1))),
    "unreachable": unreachable,
    "other words": structure("/ActualText", "met"),
    "described words": structure("/Alt", "met"),
    "outline": outline,
    "language": entry(["Root", "/Lang"], String("de")),
    "metadata": metadata,
    "comment": long_comment,
    "title": lambda pdf: pdf.docinfo.__setitem__("/Title", "Approved"),
    "other information": lambda pdf: pdf.docinfo.__setitem__("/Verdict", "pass"),
    "page labels": entry(["Root", "/PageLabels"], Dictionary(Nums=[0, Dictionary(P=String("x"))])),
    "view": entry(["Root", "/PageMode"], Name.UseAttachments),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_report_forged_with_pikepdf_is_false(name):
    is_caught(by_pikepdf(FORGED[name]))


def script_by_pypdf(writer):
    writer.add_open_action(JavaScript("app.alert(1)"))


def file_by_pypdf(writer):
    writer.add_attachment("extra.exe", b"MZ")


def second_file_by_pypdf(writer):
    writer.add_attachment("statement.json", b"{}")


def note_by_pypdf(writer):
    writer.add_annotation(0, FreeText(text="met", rect=(50, 550, 200, 650)))


def popup_by_pypdf(writer):
    writer.add_annotation(0, Popup(rect=(50, 550, 200, 650), open=True))


def overlay_by_pypdf(writer):
    writer.pages[0].merge_page(writer.pages[-1])


def scaled_by_pypdf(writer):
    writer.pages[0].scale_by(0.5)


def outline_by_pypdf(writer):
    writer.add_outline_item(title="Approved", page_number=0)


def blank_by_pypdf(writer):
    writer.insert_blank_page(width=595, height=842, index=0)


def title_by_pypdf(writer):
    writer.add_metadata({"/Title": "Approved"})


@pytest.mark.parametrize(
    "change",
    [
        script_by_pypdf,
        file_by_pypdf,
        second_file_by_pypdf,
        note_by_pypdf,
        popup_by_pypdf,
        overlay_by_pypdf,
        scaled_by_pypdf,
        outline_by_pypdf,
        blank_by_pypdf,
        title_by_pypdf,
    ],
)
def test_a_report_forged_with_pypdf_is_false(change):
    is_caught(by_pypdf(change))


def turned_by_pyhanko(writer):
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page[generic.pdf_name("/Rotate")] = generic.NumberObject(180)
    writer.update_container(page)


def file_by_pyhanko(writer):
    made = embed.EmbeddedFileObject.from_file_data(writer, data=b"MZ", compress=False)
    spec = embed.FileSpec("extra.exe", file_name="extra.exe", embedded_data=made)
    embed.embed_file(writer, spec)


def object_by_pyhanko(writer):
    writer.add_object(generic.StreamObject(stream_data=b"MZ"))


def rewritten_by_pyhanko(writer):
    """Nothing changes, but an earlier version of an object stays in the file."""
    writer.update_root()


@pytest.mark.parametrize(
    "change", [turned_by_pyhanko, file_by_pyhanko, object_by_pyhanko, rewritten_by_pyhanko]
)
def test_a_report_forged_with_pyhanko_is_false(change):
    is_caught(by_pyhanko(change))


# --- what takes long to read ---------------------------------------------------------------------


def with_counts(pdf):
    """Each number is listed 700 million times."""
    for one in pdf.Root.AF:
        if one.UF == "figures.json":
            figures = parse_json(one.EF.F.read_bytes())
            for fixed in figures["fixed"]:
                fixed["count"] = 700_000_000
            one.EF.F.write(canonical_bytes(figures))


def with_json(name, size):
    """JSON that takes some 25 times its size when it is parsed; 120 MB of it gigabytes."""

    def put(pdf):
        for one in pdf.Root.AF:
            if name == one.UF:
                one.EF.F.write(b"[" + b"[]," * (size // 3) + b"[]]")

    return put


def with_text(pdf):
    """40 MB of operators."""
    page = pdf.pages[0]
    font = next(iter(page.Resources.Font.keys())).encode()
    page.contents_add(b"BT %b 8 Tf\n" % font + b"<0002> Tj\n" * 4_000_000 + b"ET")


HARD = {
    "marks": draws(b"/P BMC\n" * 60_000 + b"EMC\n" * 60_000),
    "states": draws(b"q\n" * 60_000 + b"Q\n" * 60_000),
    "more states": draws(b"q\n" * 600_000 + b"Q\n" * 600_000),
    "paths": draws(b"9 9 m 99 99 l S\n" * 2_200_000),
    "counts": with_counts,
    "text": with_text,
    "statement": with_json("statement.json", 120_000_000),
    "rendering": with_json("render.json", 120_000_000),
    **{
        f"{name} within the limit": with_json(name, 8_000_000)
        for name in (
            *("statement.json", "statement.dsse.json", "figures.json", "table-rates.json"),
            "render.json",
        )
    },
}
# For these the report has to be rendered: what is false is only how its pages are drawn.
RENDERED = {"states"}


@pytest.mark.parametrize("name", HARD)
def test_what_takes_long_to_read_ends_in_a_verdict(name):
    assert (reading.LIMITS.cpu_seconds, reading.LIMITS.memory_bytes) == (3, 1 << 30)
    began = time.process_time()
    found = is_caught(by_pikepdf(HARD[name]))
    assert time.process_time() - began < 20  # most of it made the file
    assert found.broken
    pages = found.claim("pages")
    if name not in RENDERED:
        assert not pages.asked or "no valid statement" in pages.reason, pages.reason


# --- what is honest ------------------------------------------------------------------------------


def saved_by_pypdf(data):
    out = BytesIO()
    pypdf.PdfWriter(clone_from=BytesIO(data)).write(out)
    return out.getvalue()


def saved_by_pyhanko(data):
    out = BytesIO()
    copy_into_new_writer(PdfFileReader(BytesIO(data))).write(out)
    return out.getvalue()


def saved_by_qpdf(**how):
    def save(data):
        out = BytesIO()
        with pikepdf.open(BytesIO(data)) as pdf:
            pdf.save(out, **how)
        return out.getvalue()

    return save


@pytest.mark.parametrize(
    "save",
    [
        saved_by_pypdf,
        saved_by_pyhanko,
        saved_by_qpdf(object_stream_mode=pikepdf.ObjectStreamMode.disable),
        saved_by_qpdf(object_stream_mode=pikepdf.ObjectStreamMode.generate),
        saved_by_qpdf(linearize=True),
        saved_by_qpdf(recompress_flate=True, normalize_content=True),
    ],
)
def test_an_honest_report_saved_by_another_library_is_true_as_drawn(save):
    report = honest()
    found = report.verified(save(report.unsigned))
    claim = found.claim("pages")
    assert claim.state is ClaimState.TRUE, claim.reason
    assert "Bytes differ" in claim.reason
    assert found.broken == ()


# --- drawn by other libraries --------------------------------------------------------------------


def moved(points):
    """Every word moves, as with other versions of the libraries that lay out pages."""

    def put(pdf):
        for page in pdf.pages:
            made = []
            for given, operator in pikepdf.parse_content_stream(page):
                off = points if str(operator) == "Tm" else 0
                last = [float(given[5]) + off] if off else given[5:]
                made.append(([*given[:5], *last], operator))
            page.Contents = pdf.make_stream(pikepdf.unparse_content_stream(made))

    return put


def drawn_as(letter, other):
    """A font that draws another letter, under the same code and meaning."""

    def put(pdf):
        done = 0
        for font in [i for i in pdf.objects if isinstance(i, Dictionary) and "/ToUnicode" in i]:
            codes = {
                chr(int(meaning, 16)): int(code, 16)
                for code, meaning in re.findall(rb"<(....)> <(....)>", font.ToUnicode.read_bytes())
            }
            if not {letter, other} <= set(codes):
                continue
            program = font.DescendantFonts[0].FontDescriptor.FontFile2
            read = TTFont(BytesIO(program.read_bytes()))
            names = read.getGlyphOrder()
            read["glyf"][names[codes[letter]]] = read["glyf"][names[codes[other]]]
            out = BytesIO()
            read.save(out)
            program.write(out.getvalue())
            done += 1
        assert done, "no font has both letters"

    return put


def test_a_report_that_other_libraries_drew_a_little_otherwise_is_true_as_drawn():
    claim = by_pikepdf(moved(0.2), honest(OTHERS)).claim("pages")
    assert claim.state is ClaimState.TRUE, claim.reason
    assert "pango 1.0 drew them" in claim.reason
    assert "0.5 points" in claim.reason


@pytest.mark.parametrize(
    "change", [moved(3), *(drawn_as(*two) for two in ("38", "56", "08", "17"))]
)
def test_what_looks_otherwise_is_not_called_true_because_others_drew_it(change):
    found = by_pikepdf(change, honest(OTHERS))
    assert found.claim("pages").state is ClaimState.UNCHECKED, found.claim("pages").reason
    assert found.exit_code == 11


@pytest.mark.parametrize("name", FORGED)
def test_a_forger_gains_nothing_by_naming_other_libraries(name):
    report = honest(OTHERS)
    with pikepdf.open(BytesIO(report.unsigned)) as pdf:
        FORGED[name](pdf)
        forged = saved(pdf)
    found = compare_pdfs(report.unsigned, report.signed(forged), by_others=True)
    assert found.never or found.other


def test_what_no_report_has_is_false_whoever_drew_it():
    for name in ("layer", "script", "two streams for one file", "invisible words", "note"):
        assert by_pikepdf(FORGED[name], honest(OTHERS)).claim("pages").state is ClaimState.FALSE
