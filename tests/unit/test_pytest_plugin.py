"""An audit as tests: one a condition, run once, named by what does not change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from auditkit.exports.source import Source
from tests.support.small_audit import AUDIT, FAILING, OPEN, POLICY, write_audit

pytest_plugins = ["pytester"]
PLUGIN = "auditkit.pytest_plugin.plugin"


@pytest.fixture
def tested(pytester, monkeypatch, tmp_path):
    """Runs pytest with the plugin in a folder of its own, and nothing else that is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(*options, workers=0, **how):
        write_audit(pytester.path, **how)
        apart = ["-p", "xdist.plugin", "-n", str(workers)] if workers else []
        return pytester.runpytest_subprocess("-p", PLUGIN, *apart, "-q", *options)

    return run


def outcomes(found):
    """By the name of a test: what became of it, of the JUnit that pytest wrote."""
    (suite,) = ET.parse(found).getroot()
    cases = {}
    for case in suite:
        cases[case.get("name")] = next(
            (one.tag for one in case if one.tag != "properties"), "passed"
        )
    return cases


def test_one_test_for_each_condition(tested, pytester):
    done = tested("--audit", "audit.yaml", "--junit-xml", "j.xml", selected=FAILING)
    cases = outcomes(pytester.path / "j.xml")
    assert done.ret == 1
    assert sorted(re.sub(r"F-[A-Z2-7]{12}", "F", name) for name in cases) == [
        "FA-1[F]", "PE-1[F]"
    ]  # fmt: skip
    assert sorted(cases.values()) == ["failure", "passed"]
    done.stdout.fnmatch_lines(["*FA-1, high: Groups are selected at like rates*",
                               "*exception: *0.40*", "*Source: house rule*"])  # fmt: skip


def test_names_do_not_change_with_values(tested, pytester):
    names = []
    for selected in (FAILING, OPEN):
        tested("--audit", "audit.yaml", "--junit-xml", "j.xml", selected=selected)
        names.append(set(outcomes(pytester.path / "j.xml")))
    assert names[0] == names[1]


@pytest.mark.parametrize(("asked", "code"), [((), 1), (("--audit-uncertain", "xfail"), 0)])
def test_what_the_data_leave_open_is_never_skipped(tested, asked, code):
    done = tested("--audit", "audit.yaml", *asked, selected=OPEN)
    assert done.ret == code
    done.assert_outcomes(passed=1, **({"xfailed": 1} if asked else {"failed": 1}))


def test_what_cannot_be_tested_fails(tested):
    done = tested("--audit", "audit.yaml", "--audit-uncertain", "xfail",
                  audit=AUDIT.replace("label: good\nfavourable: 1\n", ""))  # fmt: skip
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*not tested: *"])


def test_settings_in_pytests_own_file(tested, pytester):
    pytester.makeini("[pytest]\naudit = audit.yaml\naudit_uncertain = xfail\n")
    done = tested(selected=OPEN)
    done.assert_outcomes(passed=1, xfailed=1)


OWN = """
def test_own(audit, finding):
    assert audit.decision == "fail"
    assert finding("PE-1").outcome.value == "pass"
    one = finding("FA-1", group="b")
    assert one.outcome.value == "fail"
    assert finding(one.id) is one
    try:
        finding("FA-9")
    except LookupError as error:
        assert "FA-9" in str(error)

def test_more(audit):
    assert audit.model["name"] == "hiring"
"""


@pytest.mark.parametrize("workers", [0, 3])
def test_fixtures_and_one_audit_a_session(tested, pytester, tmp_path, workers):
    """Under xdist, too: each run is counted where the audit reads its rows."""
    pytester.makepyfile(OWN)
    pytester.makeconftest(
        "import auditkit.loading.audit_file as f\n"
        "real = f.inputs_of\n"
        "def counted(*a, **k):\n"
        f"    open({str(tmp_path / 'runs')!r}, 'a').write('x')\n"
        "    return real(*a, **k)\n"
        "f.inputs_of = counted\n"
    )
    done = tested("--audit", "audit.yaml", workers=workers, selected=FAILING)
    done.assert_outcomes(passed=3, failed=1)
    assert (tmp_path / "runs").read_text() == "x"
    assert not list(tmp_path.glob("auditkit-pytest-*"))


def test_hostile_names_stay_in_their_line(tested):
    done = tested("--audit", "audit.yaml",
                  selected={"a": (500, 1000), "\x1b[31m::error::": (200, 1000)})  # fmt: skip
    assert done.ret == 1
    assert "\x1b[31m::error::" not in done.stdout.str()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_audit_that_cannot_run_says_why(tested, workers):
    done = tested("--audit", "audit.yaml", workers=workers, audit=AUDIT.replace("good", "no"))
    done.assert_outcomes(failed=1)
    told = done.stdout.str() + done.stderr.str()
    assert "has no column 'no'" in told
    assert "To fix:" in told


def test_a_waived_condition_is_an_expected_failure(tested, pytester, monkeypatch):
    from tests.support import waivers

    write_audit(pytester.path, FAILING, policy=waivers.APPROVERS + POLICY)
    found = subprocess.run(
        [sys.executable, "-c", _FINDINGS], cwd=pytester.path, check=True, capture_output=True
    )
    source = Source.of(found.stdout)
    from auditkit.policy import parse_policy

    policy = parse_policy((pytester.path / "policy.yaml").read_text())
    conditions = [f for f in source.findings if f.rule == "FA-1" and f.group]
    waiver = waivers.waiver_for(policy, conditions, artifact=source.model["digest"])
    (pytester.path / "w.dsse.json").write_bytes(waivers.signed(waiver, "ada", "bo"))
    done = tested("--audit", "audit.yaml", selected=FAILING, policy=waivers.APPROVERS + POLICY,
                  audit=AUDIT + "waivers: [w.dsse.json]\n")  # fmt: skip
    done.assert_outcomes(passed=1, xfailed=1)


_FINDINGS = """
import sys
from pathlib import Path
from auditkit.cli.audit import gated
sys.stdout.buffer.write(gated(Path("audit.yaml")).statement)
"""


def test_without_an_audit_nothing_of_auditkit_is_loaded(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    pytester.makepyfile(
        "import sys\n"
        "def test_loaded():\n"
        "    own = {name for name in sys.modules if name.startswith('auditkit.')}\n"
        "    own = {name for name in own if not name.startswith('auditkit.pytest_plugin')}\n"
        "    assert own <= {'auditkit.version'}, own\n"
        "    assert not {'numpy', 'pandas', 'pydantic'} & set(sys.modules)\n"
    )
    done = pytester.runpytest_subprocess("-p", PLUGIN, "-q")
    done.assert_outcomes(passed=1)
