"""MLflow's own pages in a real browser, with the guarded server behind them."""

from __future__ import annotations

import pytest
from guarded_server import PASSWORD

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def credit(guarded, tmp_path):
    """The name of a model of ann's with one version."""
    server, _ = guarded
    client = server.mlflow("ann")
    name = f"model-{tmp_path.name}"
    client.create_registered_model(name)
    run = client.create_run(client.create_experiment(name))
    (tmp_path / "weights.txt").write_text("one")
    client.log_artifact(run.info.run_id, str(tmp_path / "weights.txt"), "model")
    client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/model",
        run_id=run.info.run_id,
        await_creation_for=0,
    )
    return name


def page_of(browser, user):
    known = {"username": user, "password": PASSWORD}
    return browser.new_context(http_credentials=known).new_page()


def give_alias(page, server, name, alias):
    """Gives version 1 an alias by hand, and leaves the dialog as it then is."""
    page.goto(f"{server.url}/#/models/{name}/versions/1")
    page.get_by_role("button", name="Add").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.keyboard.type(alias)
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()
    return dialog


def test_what_she_may_do_works_as_before(guarded, browser, credit):
    server, _ = guarded
    dialog = give_alias(page_of(browser, "ann"), server, credit, "staging")
    dialog.wait_for(state="detached")
    assert server.mlflow("ann").get_model_version_by_alias(credit, "staging").version == "1"


def test_what_she_may_not_do_is_refused_in_words_on_the_page(guarded, browser, credit):
    server, _ = guarded
    dialog = give_alias(page_of(browser, "ann"), server, credit, "champion")
    refusal = f"ann may not model:promote on models/{credit}/aliases/champion: no rule allows it"
    dialog.get_by_text(refusal).wait_for()
    assert "champion" not in server.mlflow("ann").get_registered_model(credit).aliases
