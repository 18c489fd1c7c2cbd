"""SageMaker Pipelines: the gate as a step. One that raises ends the execution before the next."""

from __future__ import annotations

from gate import gate
from sagemaker.workflow.function_step import step
from sagemaker.workflow.pipeline import Pipeline

AUDIT_FILE = "/opt/ml/code/audit.yaml"


@step(name="audit", instance_type="ml.m5.large")
def audit() -> str:
    """The digest of the statement of a passed audit."""
    return str(gate(AUDIT_FILE)["statement"])


@step(name="register", instance_type="ml.m5.large")
def register(statement: str) -> str:
    """Registers the model version, with the statement that it passed under."""
    return statement


pipeline = Pipeline(name="credit", steps=[register(audit())])
