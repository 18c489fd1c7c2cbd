"""The page for reviewers: it shows what is open, and lets them approve or reject it.

Laws:
    - Every action is that of the API: planned, admitted, logged and carried out by the same
      functions. The page grants nothing.
    - A form counts only from this site's own page, made for this user and this action.
    - A session's cookie counts for the page alone: no route of the API or of MLflow reads it.
    - Every text is escaped; the page loads nothing from elsewhere and runs no script.
"""
