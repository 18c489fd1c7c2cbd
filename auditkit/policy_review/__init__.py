"""What people ask of a policy before they rely on it: what is wrong, what it says, what changed.

Nothing here judges a model; the gate does (`auditkit.judgement.gate`).
"""
