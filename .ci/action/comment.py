"""Keeps one comment on a pull request up to date: the summary, found again by its first line."""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

MOST = 65_000  # GitHub takes 65,536 characters
REST = "\n\nThe job's summary has the rest.\n"


def body_of(text: str) -> str:
    """The text, cut after a whole line if it is too long."""
    if len(text) <= MOST:
        return text
    return text[: text.rindex("\n", 0, MOST - len(REST))] + REST


def ask(method: str, url: str, content: object = None) -> object:
    """One request to GitHub, and its answer."""
    request = urllib.request.Request(
        url,
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def main() -> None:
    text = (Path(os.environ["OUTPUT"]) / "summary.md").read_text(encoding="utf-8")
    marker = text.partition("\n")[0]
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_bytes())
    base = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    comments = f"{base}/{int(event['pull_request']['number'])}/comments"
    page, ours = 1, None
    while ours is None:
        found = ask("GET", f"{comments}?per_page=100&page={page}")
        # Anyone can write the marker; only a bot's comment is taken for ours.
        ours = next(
            (
                c["id"]
                for c in found
                if c["user"]["type"] == "Bot" and c["body"].partition("\n")[0].strip() == marker
            ),
            None,
        )
        if len(found) < 100:
            break
        page += 1
    content = {"body": body_of(text)}
    if ours is None:
        ask("POST", comments, content)
    else:
        ask("PATCH", f"{base}/comments/{int(ours)}", content)


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        sys.exit(f"GitHub answered {error.code}: the token may not comment here, as on forks.")
    except OSError as error:
        sys.exit(f"GitHub cannot be reached: {type(error).__name__}.")
