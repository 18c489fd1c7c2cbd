"""The guarded server's log outlives the rotation of its key."""

from __future__ import annotations

from auditkit.access.mlflow_app.build import _open_log
from auditkit.access.mlflow_app.settings import ServerSettings
from auditkit.signing import KeyStore


def test_a_log_that_began_under_a_rotated_key_still_opens(tmp_path):
    keys = KeyStore(tmp_path / "keys")
    keys.make("log")
    settings = ServerSettings.model_validate(
        {
            "access": "access",
            "log": {"url": f"sqlite:///{tmp_path / 'log.db'}", "key": str(tmp_path / "keys")},
            "basic": {"users": "users.json"},
        }
    )
    with _open_log(settings) as log:
        log.append(kind="access.decision", payload={"allowed": True})
    keys.make("log")
    with _open_log(settings) as log:
        assert log.append(kind="access.decision", payload={"allowed": False}).index == 1
