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


def test_sarif_multitool_finds_an_error_only_where_there_is_one(written):
    file = written / "auditkit.sarif"
    for rules in ("Sarif", "Gh"):
        code, said = called("sarif-multitool", "validate", file, "--rule-kind", rules)
        assert code == 0, said
        assert "error" not in said, said

    def no_tool(document):
        del document["runs"][0]["tool"]

    broken = changed(written / "auditkit.sarif", no_tool)
    assert "error JSON" in called("sarif-multitool", "validate", broken)[1]


OSCAL = {
    "assessment-results": "oscal-assessment-results.json",
    "plan-of-action-and-milestones": "oscal-poam.json",
}


def test_trestle_reads_and_validates_oscal_and_refuses_one_with_a_fault(written, tmp_path):
    code, said = called("trestle", "init", cwd=tmp_path)
    assert code == 0, said
    for model, name in OSCAL.items():
        file = written / name
        code, said = called("trestle", "import", "-f", file, "-o", "ours", cwd=tmp_path)
        assert code == 0, said

        def no_title(document, model=model):
            del document[model]["metadata"]["title"]

        broken = changed(file, no_title)
        assert called("trestle", "import", "-f", broken, "-o", "broken", cwd=tmp_path)[0] != 0
    code, said = called("trestle", "validate", "-a", cwd=tmp_path)
    assert code == 0, said
    assert said.count("VALID: Model") == len(OSCAL)


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
