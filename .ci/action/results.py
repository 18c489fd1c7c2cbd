"""Tells GitHub how an audit came out: outputs, summary, and what the uploads need.

    results.py FOLDER EXIT_CODE SIGNED
"""

import base64
import hashlib
import json
import os
import sys
from pathlib import Path

CUT = 1000 * 1024  # GitHub drops a summary of more than 1,024 KiB whole
UNSIGNED = (
    "Unsigned: no key was given, as is so for pull requests from forks. "
    "The report's key was made for this job and vouches for nobody."
)

TOO_LONG = (
    "The summary is longer than GitHub shows (1,024 KiB), so it is left out here: "
    "see summary.md beside the report."
)


def main(folder: Path, code: str, signed: str) -> None:
    outputs = {"exit-code": code, "signed": "false", "verdict": "error"}
    notes = []
    text = f"## auditkit: error\n\nThere was no audit: exit code {code}. The job's log says why.\n"
    statement = folder / "statement.json"
    if statement.is_file():
        data = statement.read_bytes()
        envelope = json.loads((folder / "test-result.dsse.json").read_bytes())
        result = json.loads(base64.b64decode(envelope["payload"]))
        subject = result["subject"][0]
        (folder / "test-result.predicate.json").write_text(json.dumps(result["predicate"]))
        outputs |= {
            "verdict": json.loads(data)["predicate"]["verdict"]["decision"],
            "signed": signed,
            "statement-digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "report-path": str(folder / "report.pdf"),
            "subject-name": subject["name"],
            "subject-digest": f"sha256:{subject['digest']['sha256']}",
        }
        text = (folder / "summary.md").read_text(encoding="utf-8")
        if signed != "true":
            notes.append(UNSIGNED)
        against = folder / "against.json"
        if against.is_file():
            regressed = json.loads(against.read_bytes())["regressed"]
            outputs["regressed"] = " ".join(regressed)
            some = ", ".join(regressed[:20]) + (", ..." if len(regressed) > 20 else "")
            notes.append(
                f"{len(regressed):,} findings got worse since the earlier audit: {some}."
                if regressed
                else "Nothing got worse since the earlier audit."
            )
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
        for name, value in outputs.items():
            # One line each, or a value would set another output.
            file.write(f"{name}={' '.join(value.splitlines())}\n")
    text = "\n\n".join([text.rstrip("\n"), *notes]) + "\n"
    if statement.is_file():
        (folder / "summary.md").write_text(text, encoding="utf-8")
    if os.environ.get("SUMMARY") == "true":
        written = text.encode()
        if len(written) > CUT:
            written = f"{text.splitlines()[0]}\n\n{TOO_LONG}\n".encode()
        with open(os.environ["GITHUB_STEP_SUMMARY"], "ab") as file:
            file.write(written)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
