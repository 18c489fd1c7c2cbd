"""Airflow 3: no deployment without a passed audit. A failed gate fails its task, and so the DAG."""

from __future__ import annotations

from airflow.sdk import dag, task
from gate import gate

AUDIT_FILE = "/opt/models/credit/audit.yaml"


@dag(schedule=None, catchup=False, tags=["audit"])
def deploy_credit() -> None:
    """Audits, then deploys."""

    @task
    def audit() -> str:
        # The statement's digest goes on to whoever deploys: these findings, no others.
        return str(gate(AUDIT_FILE)["statement"])

    @task
    def deploy(statement: str) -> None:
        print(f"deploying the model that {statement} is about")

    deploy(audit())


deploy_credit()
