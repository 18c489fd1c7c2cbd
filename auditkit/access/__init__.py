"""Who may do what to which model: Casbin, made fast and safe, with reasons.

    access = AccessControl.load("policies/access")
    access.decide("alice", "model:promote", "models/credit/aliases/champion").allowed

*Access* is who may; *policy*, elsewhere in this project, is what must hold.
"""

from auditkit.access.control import AccessControl, Decision
from auditkit.access.duties import Conflict, conflicts
from auditkit.access.evidence import evidence
from auditkit.access.rules import Grant, Rule, Rules, parse_rules
from auditkit.access.settings import AccessSettings, Promotion, parse_settings
from auditkit.access.vocabulary import (
    VERBS,
    alias_object,
    dataset_object,
    model_object,
    vault_object,
)

__all__ = [
    "VERBS",
    "AccessControl",
    "AccessSettings",
    "Conflict",
    "Decision",
    "Grant",
    "Promotion",
    "Rule",
    "Rules",
    "alias_object",
    "conflicts",
    "dataset_object",
    "evidence",
    "model_object",
    "parse_rules",
    "parse_settings",
    "vault_object",
]
