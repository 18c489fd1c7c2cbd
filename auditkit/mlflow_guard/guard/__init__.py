"""The gate: decides a request, checks approvals and evidence, and logs it."""
