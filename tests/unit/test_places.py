"""Policies, control packs and the paths of an audit file: nothing is read in another's place."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import auditkit as ak
from auditkit.cli import app
from auditkit.errors import AuditkitError, InputError, PolicyError
from auditkit.loading.places import Place, is_bare, load_packs, load_policy
from auditkit.resources import data_path

STARTER = data_path("policies", "starter.yaml").read_text()
SOC2 = data_path("policies", "controls", "soc2.yaml").read_text()
SHIPPED = [
    "hospital",
    "lending",
    "starter",
    "starter-challenger",
    "starter-multiclass",
    "starter-regression",
]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with an audit of scores, and the working directory elsewhere, with other files."""
    folder, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    table = pd.DataFrame({"x": range(40), "y": [0, 1] * 20, "s": [0.2, 0.9] * 20})
    for place in (folder, elsewhere):
        table.to_csv(place / "t.csv", index=False)
        (place / "own.yaml").write_text(STARTER)
    monkeypatch.chdir(elsewhere)
    return folder


def audit_yaml(folder: Path, **changes: object) -> Path:
    keys = {"data": "t.csv", "label": "y", "scores": "s", "policy": "starter"} | changes
    path = folder / "audit.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def gate(path, *options):
    """The gate's exit code, or the error that it stopped with."""
    done = CliRunner().invoke(app, ["gate", str(path), *map(str, options)])
    if isinstance(done.exception, AuditkitError):
        return done.exception
    assert done.exit_code in {0, 10, 11}, done.output
    return done.exit_code


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bare_name_asks_for_what_comes_with_auditkit(name, work):
    """Whatever lies about under that name."""
    for file in (name, f"{name}.yaml"):
        Path(file).write_text("nonsense")
        (work / file).write_text("nonsense")
    assert load_policy(name)[0].id == name
    assert not isinstance(gate(audit_yaml(work, policy=name)), AuditkitError)


SPELLINGS = [
    "/no/such/{}.yaml", "mine/{}.yml", "{}.txt", "./{}", "../{}", "{}/", "{}.", ".{}", "{}.yaml",
    " {}", "{} ", "~/{}", "{}.yaml/", "a\\{}", "policies/{}", "{}\n", "{}\0", "controls/../{}",
    "file:{}", "",
]  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_other_spelling_is_a_path_and_nothing_takes_its_place(spelling, name, work):
    given = spelling.format(name)
    assert not is_bare(given)
    for policy in (given, Path(given.replace("\0", "0"))):
        with pytest.raises(PolicyError) as caught:
            load_policy(policy)
        assert caught.value.remedy


@pytest.mark.parametrize("given", [Path("lending"), None, 3, ["lending"], b"lending"])
def test_a_path_is_a_path_and_other_things_are_no_policy(given, work):
    with pytest.raises(PolicyError):
        ak.run(ak.Inputs(data={"a": [1, 2]}, labels=[0, 1], predictions=[0, 1]), policy=given)


def test_a_name_that_does_not_come_with_auditkit_is_named(work):
    Path("mine").write_text(STARTER)
    with pytest.raises(PolicyError, match="no policy 'mine' that comes with auditkit") as caught:
        load_policy("mine")
    assert "./mine" in caught.value.remedy
    assert load_policy("./mine")[0].id == "starter"


@pytest.mark.parametrize("key", ["policy", "data", "reference", "evidence"])
def test_paths_are_relative_to_the_audit_file_and_never_to_where_one_is(key, work):
    """Each file is there in the working directory, and not beside the audit file."""
    name = {"policy": "only.yaml", "evidence": "[only.yaml]"}.get(key, "only.csv")
    Path("only.yaml").write_text(STARTER)
    Path("only.csv").write_text(Path("t.csv").read_text())
    found = gate(audit_yaml(work, **{key: name}))
    assert isinstance(found, PolicyError if key == "policy" else InputError)
    assert "only." in found.message


WAYS_OUT = ["../elsewhere/{}", "sub/../../elsewhere/{}", "{abs}/{}", "link-{}", "folder/{}"]


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize(("key", "file"), [("data", "t.csv"), ("policy", "own.yaml")])
def test_what_lies_outside_is_read_only_if_it_is_allowed(way, key, file, work, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (work / "sub").mkdir()
    (work / f"link-{file}").symlink_to(elsewhere / file)
    (work / "folder").symlink_to(elsewhere)
    name = way.format(file, abs=elsewhere)
    path = audit_yaml(work, **{key: name})
    stopped = gate(path)
    assert isinstance(stopped, PolicyError)
    assert "leads outside the folder of the audit file" in stopped.message
    assert "--allow-outside" in stopped.remedy
    (tmp_path / "other").mkdir()
    assert isinstance(gate(path, "--allow-outside", tmp_path / "other"), PolicyError)
    for allowed in (elsewhere, elsewhere / file, work / name, "."):
        assert gate(path, "--allow-outside", allowed) in {0, 10, 11}, allowed
    both = ("--allow-outside", tmp_path / "other", "--allow-outside", elsewhere / file)
    assert gate(path, *both) in {0, 10, 11}


@pytest.mark.parametrize("name", ["./t.csv", "sub/../t.csv", "sub/link.csv", "{}/t.csv"])
def test_what_lies_inside_is_read_however_it_is_spelled(name, work):
    (work / "sub").mkdir()
    (work / "sub" / "link.csv").symlink_to("../t.csv")
    assert gate(audit_yaml(work, data=name.format(work))) in {0, 10, 11}


def test_an_audit_file_behind_a_link_has_the_folder_that_it_is_called_by(work, tmp_path):
    """As in a mounted configuration, whose files are links to a folder of the day."""
    audit_yaml(work)
    (work / "..day").mkdir()
    (work / "t.csv").rename(work / "..day" / "t.csv")
    (work / "t.csv").symlink_to("..day/t.csv")
    (tmp_path / "alias").symlink_to(work)
    assert gate(tmp_path / "alias" / "audit.yaml") in {0, 10, 11}


def test_a_loop_of_links_and_names_beyond_all_bounds_are_no_files(work):
    (work / "a.csv").symlink_to("b.csv")
    (work / "b.csv").symlink_to("a.csv")
    for name in ("a.csv", f"{'x' * 5000}.csv"):
        assert isinstance(gate(audit_yaml(work, data=name)), AuditkitError)
    with pytest.raises(PolicyError):
        Place(folder=work).find("a\0.csv", what="table")


@pytest.mark.parametrize("key", ["policy", "data", "reference", "evidence", "model"])
@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "hunter2: 1",
        "a: hunter2",
        "rules: [hunter2]",
        "hunter2,b\n1,2",
        '{"a": "hunter2"}',
        "- hunter2",
        "x\thunter2:",
    ],
)
def test_no_error_quotes_a_file(key, secret, work):
    file = f"secret.{'csv' if key in {'data', 'reference'} else 'yaml'}"
    (work / file).write_text(secret)
    changes = {key: f"[{file}]" if key == "evidence" else file}
    path = audit_yaml(work, **changes)
    if key == "model":
        path.write_text(path.read_text().replace("scores: s\n", ""))
    found = gate(path)
    assert isinstance(found, AuditkitError)
    # A key that is spelled like one is named, as a hint to what was meant; nothing else is.
    assert "hunter2" not in str(found) or re.match("hunter2: 1", secret)


def test_a_column_that_is_not_there_names_a_near_one_and_no_cell(work):
    """A table without a first line of names has a person's values there."""
    (work / "t.csv").write_text("Ann Lee,1,0.2\nTom Day,0,0.1\nMia Fox,1,0.7\n")
    found = gate(audit_yaml(work))
    assert "has no column 'y'" in found.message
    assert "Ann" not in str(found)
    near = gate(audit_yaml(work, data="u.csv", label="approvd"))
    assert isinstance(near, InputError)
    (work / "u.csv").write_text("approved,s\n1,0.2\n0,0.1\n")
    assert "did you mean 'approved'?" in str(gate(audit_yaml(work, data="u.csv", label="approvd")))


def packs(work, names, **files):
    (work / "controls").mkdir(exist_ok=True)
    for name, text in files.items():
        (work / "controls" / f"{name}.yaml").write_text(text)
    (work / "own.yaml").write_text(STARTER.replace("controls: []", f"controls: {names}"))
    return load_packs(*load_policy(work / "own.yaml"))


def test_control_packs_are_found_by_one_rule(work):
    own = SOC2.replace("id: soc2", "id: mine", 1)
    changed = SOC2.replace("title: ", "title: Our own ", 1)
    assert [p.id for p in packs(work, "[soc2, hipaa]")] == ["soc2", "hipaa"]
    assert [p.id for p in packs(work, "[mine]", mine=own)] == ["mine"]
    assert [p.id for p in packs(work, "[controls/mine.yaml]")] == ["mine"]
    assert packs(work, "[soc2]", soc2=SOC2) == packs(work, "[controls/soc2.yaml]")
    assert packs(work, "[controls/soc2.yaml]", soc2=changed)[0].title.startswith("Our own")
    with pytest.raises(PolicyError, match="another of that name is beside the policy"):
        packs(work, "[soc2]")


@pytest.mark.parametrize(
    "name", ["soc3", "soc2.yaml", "./soc2", "mine/soc2.yaml", "../soc2", "/no/such/soc2.yaml",
             "../elsewhere/pack.yaml", "soc2/", ""])  # fmt: skip
def test_a_control_pack_that_is_not_there_is_not_replaced(name, work):
    Path("pack.yaml").write_text(SOC2)
    with pytest.raises(PolicyError, match="control pack"):
        packs(work, f'["{name}"]')


def test_init_writes_names_that_lead_back_and_says_what_to_allow(work, mortgage_files, tmp_path):
    policy = tmp_path / "elsewhere" / "lending"  # a file whose name is that of a packaged policy
    policy.write_text(STARTER)
    files = tmp_path / "files"
    files.mkdir()
    rows = (mortgage_files / "test.csv").read_text().splitlines(keepends=True)
    (files / "test.csv").write_text("".join(rows[:81]))
    (files / "model.json").write_bytes((mortgage_files / "model.json").read_bytes())
    options = [
        "init", "--model", files / "model.json", "--data", files / "test.csv",
        "--label", "approved", "--policy", "./lending", "--output",
    ]  # fmt: skip
    for target in (Path("audit.yaml"), work / "audit.yaml"):
        made = CliRunner().invoke(app, [*map(str, options), str(target)])
        assert made.exit_code == 0, made.output
        assert f"--allow-outside {files}" in made.stderr
        allowed = re.findall(r"--allow-outside (\S+)", made.stderr)
        given = [part for path in allowed for part in ("--allow-outside", path)]
        assert gate(target, *given) in {0, 10, 11}
        assert isinstance(gate(target), PolicyError)
    assert 'policy: "./lending"' in Path("audit.yaml").read_text()
    missing = CliRunner().invoke(app, [*map(str, options[:-2]), "./no.yaml", "--output", "b.yaml"])
    assert isinstance(missing.exception, PolicyError)
    assert not Path("b.yaml").exists()


@pytest.mark.parametrize("command", ["explain", "letter", "run", "gate", "bundle", "reperform"])
def test_every_command_that_reads_an_audit_file_has_the_option(command):
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert "--allow-outside" in done.stdout
