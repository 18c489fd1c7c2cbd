"""One file has one name, whichever location or route leads to it."""

from __future__ import annotations

import pytest

pytest.importorskip("mlflow")

from auditkit.access.record.moves import overlap
from auditkit.mlflow_guard.upstream import internals, places
from auditkit.mlflow_guard.upstream.refusals import RefusedError

RUN = "1/r/artifacts/model"
PAGE = "http://localhost:5000/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Serves some storage through the server; its own folder unless another is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES", raising=False)

    def serve(uri: str | None = None) -> str:
        uri = uri if uri is not None else str(tmp_path / "artifacts")
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", uri)
        return uri

    return serve


def test_every_spelling_of_a_local_location_is_one_name(served, tmp_path):
    root = served()
    (tmp_path / "linked").symlink_to(tmp_path / "artifacts")
    for uri in (
        f"mlflow-artifacts:/{RUN}", f"mlflow-artifacts:///{RUN}/", f"mlflow-artifacts://any:5000/{RUN}",
        f"{PAGE}/{RUN}", f"file://{root}/{RUN}", f"file:{root}/{RUN}", f"{root}/{RUN}",
        f"artifacts/{RUN}", f"./artifacts//{RUN}", f"file://{root}/%31/r/artifacts/model",
        f"{root}/../artifacts/2/../{RUN}", f"file://elsewhere.example{root}/{RUN}",
        f"{tmp_path}/linked/{RUN}",
    ):  # fmt: skip
        assert places.located(uri) == RUN, uri
        assert places.located(uri, "sub/w") == f"{RUN}/sub/w", uri
        assert places.chosen(uri) == RUN, uri
    assert places.proxied(RUN) == places.at(root, RUN) == RUN
    assert places.at(f"{root}/1/r", "artifacts//model/.") == RUN


@pytest.mark.parametrize(
    ("destination", "same", "others"),
    [
        (
            "s3://bucket/prefix",
            ["s3://bucket/prefix/", "S3://BUCKET/prefix/", "s3://bucket//prefix/./"],
            ["s3://other/prefix/", "s3://bucket/prefix2/", "gs://bucket/prefix/"],
        ),
        ("s3://bucket", ["s3://bucket/"], ["s3://bucket2/"]),
        ("gs://bucket/a/b", ["gs://bucket/a/b/"], ["gs://bucket/a/c/", "s3://bucket/a/b/"]),
        (
            "wasbs://box@account.blob.core.windows.net/a",
            ["abfss://box@account.dfs.core.windows.net/a/"],
            ["abfss://box@account2.dfs.core.windows.net/a/"],
        ),
        ("hdfs://Name:8020/a", ["hdfs://name:8020/a/"], ["hdfs://name:8021/a/"]),
    ],
)
def test_a_location_in_the_bucket_that_is_served_has_the_served_name(
    served, destination, same, others
):
    served(destination)
    for root in same:
        assert places.located(f"{root}{RUN}") == RUN, root
    for root in others:
        assert not overlap(places.located(f"{root}{RUN}"), RUN), root
    assert places.located(f"mlflow-artifacts:/{RUN}") == places.at(destination, RUN) == RUN


def test_what_holds_the_destination_holds_every_file_in_it(served, tmp_path):
    root = served()
    for uri in (root, str(tmp_path), "file:///", "mlflow-artifacts:/"):
        assert places.located(uri) == "", uri
        assert overlap(places.located(uri), RUN)
    assert places.located(str(tmp_path), f"artifacts/{RUN}") == RUN
    assert places.located(f"{tmp_path}/artifacts2").startswith("elsewhere/")
    served("s3://bucket/prefix")
    assert places.located("s3://bucket") == ""


@pytest.mark.parametrize(
    "path",
    ["a/%62", "a%2fb", "a/%2562", "a//b", "a/./b", "a/../b", "a?b", "a#b", "file:a", "a/b;c?d",
     f"a{PAGE.removeprefix('http://localhost:5000')}/b", "a/\x01b"],
)  # fmt: skip
def test_a_proxied_location_with_two_readings_is_refused(served, path):
    served()
    for root in ("mlflow-artifacts:/", f"{PAGE}/"):
        if "api/2.0" in path and root.startswith("mlflow"):
            continue
        with pytest.raises(RefusedError) as old:
            places.located(root + path)
        with pytest.raises(RefusedError) as new:
            places.chosen(root + path)
        assert (old.value.status, new.value.status) == (409, 400)
        # What lies there already is pinned under every name that it may have.
        assert places.readings(root + path)


def test_a_workspace_is_part_of_the_name(served, monkeypatch):
    served()
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    with internals.in_workspace("team-a"):
        long = f"workspaces/team-a/{RUN}"
        assert places.proxied(RUN) == places.proxied(long) == long
        assert places.located(f"mlflow-artifacts:/{RUN}") == long
        with pytest.raises(Exception, match="targets workspace"):
            places.proxied(f"workspaces/team-b/{RUN}")
    with internals.in_workspace("default"):
        assert places.proxied(RUN) == RUN
