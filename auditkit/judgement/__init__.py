"""From evidence to a verdict: small cells hidden, rules applied, controls assessed."""
