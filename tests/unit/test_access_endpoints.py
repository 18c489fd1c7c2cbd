"""Every route of MLflow is classified; a new one is denied, or keeps the server from starting."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from auditkit.access import VERBS, AccessControl, AccessRules, Grant
from auditkit.access.policy.control import decide_under
from auditkit.access.policy.vocabulary import OWNER
from auditkit.access.record.moves import overlap
from auditkit.errors import InputError
from auditkit.mlflow_guard.requests import accounts, endpoints, native_endpoints
from auditkit.mlflow_guard.requests.context import plain_number
from auditkit.mlflow_guard.serve import build, native
from auditkit.mlflow_guard.upstream import accounts as upstream_accounts
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.mlflow_guard.upstream.repositories import WRITES
from tests.support.writing_routes import touching


@pytest.fixture(scope="module")
def flask_app():
    return internals.flask_application()


def test_every_flask_endpoint_is_classified(flask_app):
    found = internals.flask_endpoints(flask_app)
    assert len(found) > 200
    assert endpoints.unclassified(found) == ()
    # What may be called without a name shows nothing and changes nothing.
    assert all(found[name] <= {"GET"} for name in endpoints.PUBLIC)


@pytest.mark.filterwarnings("ignore")
def test_every_native_route_is_classified(flask_app):
    routes = internals.native_routes(internals.fastapi_application(flask_app))
    assert len(routes) > 70
    assert native_endpoints.unclassified(internals.names_of(routes)) == ()


@pytest.mark.filterwarnings("ignore")
def test_the_routes_that_write_files_are_those_that_are_known(flask_app):
    """By MLflow's own source: a new one has to be planned, and asked in test_access_storage.py."""
    native = internals.native_routes(internals.fastapi_application(flask_app))
    assert touching(flask_app.view_functions, WRITES) == {
        "_abort_multipart_upload_artifact",
        "_complete_multipart_upload_artifact",
        "_create_multipart_upload_artifact",
        "_create_presigned_upload_url",
        "_delete_artifact_mlflow_artifacts",
        "_delete_traces",
        "_upload_artifact",
        "serve_create_promptlab_run",
        "serve_upload_artifact",
    }
    functions = {route.endpoint.__name__: route.endpoint for route in native}
    assert touching(functions, WRITES) == {"upload_artifact"}


def test_graphql_only_asks():
    """What MLflow's schema calls mutations are searches; anything new is looked at first."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    known: dict[str, Any] = dict(schema.graphql_schema.type_map)
    assert set(known["Query"].fields) == {
        "mlflowGetExperiment",
        "mlflowGetMetricHistoryBulkInterval",
        "mlflowGetRun",
        "mlflowListArtifacts",
        "mlflowSearchModelVersions",
        "mlflowSearchRuns",
        "test",
    }
    changes = {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}
    assert set(known["Mutation"].fields) == changes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_every_endpoint_of_composed_mode_is_classified(monkeypatch, server):
    """On an application of its own, so that MLflow's own stays without users."""
    import flask
    from mlflow.server import auth

    monkeypatch.setattr(auth, "_init_store_for_app", lambda: None)
    monkeypatch.setattr(auth, "_auth_initialized", False)
    monkeypatch.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", "a secret of the test")
    monkeypatch.setenv("_MLFLOW_SGI_NAME", server)
    flask_app = flask.Flask("composed")
    served = upstream_accounts.create_application(flask_app)
    found = internals.flask_endpoints(flask_app)
    assert set(found) - {"static"} == set(accounts.PLANNERS)
    assert endpoints.unclassified(found) == ()
    assert (served is flask_app) == (server == "gunicorn")
    if served is not flask_app:
        routes = internals.native_routes(served)
        assert native_endpoints.unclassified(internals.names_of(routes)) == ()


@pytest.mark.parametrize(
    ("asked", "verb"),
    [("vic", "server:read"), ("root", "server:manage"), (["vic"], "server:manage")],
)
def test_only_oneself_is_seen_and_changed_without_administering(asked, verb):
    import flask

    flask_app = flask.Flask("users")
    for name in ("update_user_password", "get_user", "list_user_permissions"):
        method = "PATCH" if name == "update_user_password" else "GET"
        given: Any = {"json": {"username": asked}}
        if method == "GET":
            given = {"query_string": {"username": str(asked)}}
        with flask_app.test_request_context("/", method=method, **given):
            flask.g.mlflow_authenticated_user = "vic"
            plan = accounts.PLANNERS[name](cast(Any, None))
        assert [need.verb for need in plan.needs] == [verb]
        assert plan.mutates == (method == "PATCH")


def test_composed_mode_is_refused_in_words_without_its_variables(monkeypatch):
    monkeypatch.delenv("MLFLOW_FLASK_SERVER_SECRET_KEY", raising=False)
    with pytest.raises(InputError, match="secret key") as caught:
        upstream_accounts.refuse_missing_settings()
    assert "MLFLOW_AUTH_ADMIN_PASSWORD" in str(caught.value)


def test_every_fixed_permission_of_an_endpoint_is_some_packaged_roles():
    """A rule for `server` alone would not allow to list what is below it."""
    rules = AccessControl.load().rules
    roles = [role for role in rules.roles if role != OWNER]
    grants = tuple(Grant("all", role, "*") for role in roles)
    access = AccessControl(AccessRules(rules.rules, (*rules.grants, *grants)))
    fixed = 0
    for table in (endpoints.ENDPOINTS, native_endpoints.ENDPOINTS):
        for name, planner in table.items():
            try:
                plan = planner(cast(Any, None))
            except (AttributeError, RuntimeError):
                continue  # it reads the request
            for need in plan.needs:
                fixed += 1
                asked = ("all", need.verb, need.object, "team-a")
                found = decide_under(access.snapshot, *asked, subtree=need.subtree)
                assert found.allowed, (name, need)
    assert fixed > 100


@pytest.mark.filterwarnings("ignore")
def test_a_native_route_is_found_as_the_server_finds_it(flask_app):
    """What the gate passes over by a route's literal beginning, no route would have matched."""
    routes = internals.native_routes(internals.fastapi_application(flask_app))
    ours: Any = native.NativeGate(None, routes, cast(Any, None), ())
    passed_over: Any = native.NativeGate(None, routes, cast(Any, None), ())
    passed_over.routes = [("", route) for route in routes]
    whole = {re.sub(r"\{[^}]*\}", "x/y", route.path) for route in routes}
    paths = {variant for path in whole for variant in variants(path)}
    asked = [(path, method) for path in paths for method in ("GET", "POST", "PUT", "DELETE")]
    found = 0
    for path, method in asked:
        for root in ("", "/api", "/x"):
            scope = {"type": "http", "path": path, "method": method, "root_path": root}
            theirs = passed_over.match(scope)
            assert ours.match(scope) == theirs, (path, method, root)
            found += theirs is not None
    assert found > 200


def variants(path: str) -> list[str]:
    """A path, and what stands near it."""
    return [
        path,
        path.upper(),
        f"/api{path}",
        f"/x{path}",
        f"/{path}",
        f"{path}/",
        f"{path}\n",
        path[:-1],
        path[1:],
        path.rpartition("/")[0],
    ]


def test_a_new_route_that_changes_something_keeps_the_server_from_starting():
    from flask import Flask

    grown = Flask("grown")
    grown.add_url_rule("/new", "_promote_silently", lambda: "", methods=["POST"])
    grown.add_url_rule("/look", "_look", lambda: "", methods=["GET"])
    found = internals.flask_endpoints(grown)
    assert endpoints.unclassified(found) == ("_look", "_promote_silently")
    with pytest.raises(InputError, match="_promote_silently"):
        build._refuse_unknown_changes(grown)
    assert native_endpoints.unclassified({"health": set(), "brand_new": {"GET"}}) == ("brand_new",)


def test_native_plans_name_verbs_that_exist():
    values = {"name": "x", "alias": "A", "key": "k", "artifact_path": "1/r/datasets/loans/a"}
    for endpoint, planner in native_endpoints.ENDPOINTS.items():
        plan = planner(native_endpoints.NativeAsk(endpoint, values, {}))
        assert plan.needs, endpoint
        assert {need.verb for need in plan.needs} <= set(VERBS), endpoint
    read = native_endpoints.ENDPOINTS["download_artifact"](
        native_endpoints.NativeAsk("download_artifact", values, {})
    )
    assert [(n.verb, n.object) for n in read.needs] == [
        ("artifact:read", "artifacts/1/r/datasets/loans/a"),
        ("dataset:read", "datasets/loans"),
    ]


@pytest.mark.parametrize(
    ("path", "conflicts"),
    [
        ("1/r/artifacts/model/w", True),
        ("1/r/artifacts/model", True),
        ("1/r/artifacts", True),
        ("1/R/Artifacts/MODEL/w", True),
        ("", True),
        ("1/r/artifacts/model2", False),
        ("1/r/artifacts/mode", False),
        ("2/r/artifacts/model", False),
    ],
)
def test_files_are_pinned_with_all_above_and_below(path: str, conflicts: bool):
    assert overlap(path, "1/r/artifacts/model") is conflicts


@pytest.mark.parametrize("settings", [None, "access: nowhere\n", "access: [\n"])
def test_a_server_that_may_not_start_says_why_in_a_line(tmp_path, monkeypatch, capsys, settings):
    from auditkit.mlflow_guard import create_app

    path = tmp_path / "server.yaml"
    if settings is not None:
        path.write_text(settings)
    monkeypatch.setenv("AUDITKIT_SERVER", str(path))
    with pytest.raises(SystemExit):
        create_app()
    assert re.search(r"auditkit refuses to start: .*server\.yaml", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("mlflow-artifacts:/1/r/artifacts/model", True),
        ("mlflow-artifacts://registry.example:5000/1/r", True),
        ("mlflow-artifacts://evil.example/1/r", False),
        ("MLFLOW-ARTIFACTS://evil.example/1/r", False),
        ("http://evil.example/api/2.0/mlflow-artifacts/artifacts/1/r", False),
        ("s3://bucket/1/r", True),
        ("/var/artifacts/1/r", True),
    ],
)
def test_files_on_another_mlflow_server_are_not_ours(monkeypatch, uri: str, ours: bool):
    root = "mlflow-artifacts://registry.example:5000/"
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", root)
    assert internals.is_ours(uri) == ours


def test_a_copied_model_is_the_one_that_mlflow_reads():
    for uri, model_id, name in [
        ("models:/secret/1", "", "secret"),
        ("MODELS:/secret/1", "", "secret"),
        ("models:/secret@champion", "", "secret"),
        ("models:/a%2Fb/1", "", "a%2Fb"),  # MLflow decodes nothing here
        ("models:/m-1", "m-1", ""),
    ]:
        assert internals.is_models_uri(uri), uri
        assert internals.copied_model(uri) == (model_id, name), uri
    assert not internals.is_models_uri("mlflow-artifacts:/models:/x")


@pytest.mark.parametrize("text", ["01", "+1", " 1", "1 ", "1_0", "\uff11", "-0"])
def test_a_number_has_one_spelling(text: str):
    with pytest.raises(RefusedError, match="write the number as"):
        plain_number(text)
    assert [plain_number(t) for t in ("0", "17", "", "m-1", "latest")] == [
        "0", "17", "", "m-1", "latest",
    ]  # fmt: skip
