"""Who may do what to which model: Casbin, made fast and safe, with reasons.

    access = AccessControl.load("policies/access")
    access.decide("alice", "model:promote", "models/credit/aliases/champion").allowed

*Access* is who may do what; *policy*, elsewhere in this project, is what must hold.
"""

from auditkit.access.policy.control import AccessControl, AccessDecision
from auditkit.access.policy.duties import Conflict, conflicts
from auditkit.access.policy.rules import AccessRule, AccessRules, Grant, parse_rules
from auditkit.access.policy.settings import AccessSettings, Promotion, parse_settings
from auditkit.access.policy.vocabulary import (
    VERBS,
    alias_object,
    dataset_object,
    model_object,
    vault_object,
)
from auditkit.access.record.decisions import evidence

__all__ = [
    "VERBS",
    "AccessControl",
    "AccessDecision",
    "AccessRule",
    "AccessRules",
    "AccessSettings",
    "Conflict",
    "Grant",
    "Promotion",
    "alias_object",
    "conflicts",
    "dataset_object",
    "evidence",
    "model_object",
    "parse_rules",
    "parse_settings",
    "vault_object",
]
