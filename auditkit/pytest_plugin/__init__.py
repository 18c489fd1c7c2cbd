"""pytest shows an audit as tests: one for each condition of its policy.

    pytest --audit audit.yaml

The plugin is loaded with pytest, and loads nothing of auditkit until an audit is asked for.
"""
