"""`auditkit policy`: what is wrong with a policy, what it says, what changed, how it judges."""
