"""MLflow's model registry, with every version bound to the digest of its files.

registry = ModelRegistry("sqlite:///mlflow.db")
version = registry.register("credit", "model/", metrics={"auc": 0.81})
registry.evidence(version, artifact_digest("model/"))
"""

from auditkit.registry.digest import ArtifactFile, artifact_digest, artifact_files
from auditkit.registry.models import ModelRegistry, RegisteredVersion

__all__ = [
    "ArtifactFile",
    "ModelRegistry",
    "RegisteredVersion",
    "artifact_digest",
    "artifact_files",
]
