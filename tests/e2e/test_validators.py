"""What other people's programs say of the files that we write for them.

Each program is also given a file with one fault, so that its silence means something.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditkit.exports import export
from tests.fixtures.lending import judgement
from tests.support.tools import ROOT, called
from tests.unit.test_exports import HOSTILE, audited

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=["lending", "hostile names"])
def written(request, tmp_path_factory):
    """A folder with an audit in the formats that have a validator."""
    folder = tmp_path_factory.mktemp("written")
    made = judgement() if request.param == "lending" else audited(HOSTILE)
    for name, content in export(made.statement, ["sarif", "oscal", "poam"]).items():
        (folder / name).write_bytes(content)
    return folder


def changed(path: Path, change) -> Path:
    document = json.loads(path.read_bytes())
    change(document)
    other = path.with_name(f"changed-{path.name}")
    other.write_text(json.dumps(document))
    return other


@pytest.mark.parametrize("rules", ["Sarif", "Gh"])
def test_sarif_multitool_finds_no_error(written, rules):
    code, said = called(
        "sarif-multitool", "validate", written / "auditkit.sarif", "--rule-kind", rules
    )
    assert code == 0, said
    assert "error" not in said, said


def test_sarif_multitool_finds_an_error_where_there_is_one(written):
    def no_tool(document):
        del document["runs"][0]["tool"]

    broken = changed(written / "auditkit.sarif", no_tool)
    assert "error JSON" in called("sarif-multitool", "validate", broken)[1]


OSCAL = {
    "assessment-results": "oscal-assessment-results.json",
    "plan-of-action-and-milestones": "oscal-poam.json",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trestle")
    code, said = called("trestle", "init", cwd=folder)
    assert code == 0, said
    return folder


@pytest.mark.parametrize("model", OSCAL)
def test_trestle_reads_and_validates_oscal(written, workspace, model):
    name = f"{written.name}-{model}"
    code, said = called(
        "trestle", "import", "-f", written / OSCAL[model], "-o", name, cwd=workspace
    )
    assert code == 0, said
    code, said = called("trestle", "validate", "-t", model, "-n", name, cwd=workspace)
    assert code == 0, said
    assert "VALID: Model" in said


@pytest.mark.parametrize("model", OSCAL)
def test_trestle_refuses_oscal_with_a_fault(written, workspace, model):
    def no_title(document):
        del document[model]["metadata"]["title"]

    broken = changed(written / OSCAL[model], no_title)
    name = f"broken-{written.name}-{model}"
    assert called("trestle", "import", "-f", broken, "-o", name, cwd=workspace)[0] != 0


def test_zizmor_finds_nothing_in_the_action_and_something_in_a_worse_one(tmp_path):
    code, said = called("zizmor", "--offline", "--no-progress", ROOT / "action.yml")
    assert code == 0, said
    text = (ROOT / "action.yml").read_text()
    worse = text.replace('exit "$CODE"', 'echo "${{ inputs.audit }}"')
    assert worse != text
    (tmp_path / "action.yml").write_text(worse)
    code, said = called("zizmor", "--offline", "--no-progress", tmp_path / "action.yml")
    assert code != 0
    assert "template-injection" in said


@pytest.mark.parametrize(
    "script", [".ci/action/install", ".ci/action/audit", ".ci/setup", ".ci/run", ".ci/tools"]
)
def test_shellcheck_finds_nothing(script):
    code, said = called("shellcheck", ROOT / script)
    assert code == 0, said
