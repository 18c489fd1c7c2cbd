"""Decisions against plain pycasbin on the same model, and what the guard costs a request."""

from __future__ import annotations

import base64
import gc
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from auditkit.access import AccessControl, AccessRules
from auditkit.access.policy.rules import AccessRule, Grant
from auditkit.access.policy.snapshot import Snapshot, casbin_enforcer
from auditkit.canonical import Digest
from auditkit.ledger import Ledger, NoteSigner
from auditkit.resources import data_path

MODEL = data_path("policies", "access", "model.conf").read_text()
VERBS = ["model:read", "model:promote", "model:edit", "model:approve"]
API = "/api/2.0/mlflow/registered-models"
WARM_UP = 250
FILES = "/api/2.0/mlflow-artifacts/artifacts"
# A read and a change on each of the server's two stacks: Flask's routes, and FastAPI's own.
REQUESTS = {
    "get a model": ("GET", f"{API}/get?name=credit", ""),
    "search models": ("GET", f"{API}/search", ""),
    "set a tag": ("POST", f"{API}/set-tag", json.dumps({"name": "credit", "key": "t"})),
    "read a file": ("GET", f"{FILES}/x.txt", ""),
    "write a file": ("PUT", f"{FILES}/y.txt", "x"),
}


def world(size: int) -> AccessRules:
    """Names and patterns of objects; one rule in ten denies; a hundred users in ten roles."""
    draw = random.Random(7)
    rules = []
    for line in range(1, size + 1):
        model = f"models/m{draw.randrange(size)}"
        obj = draw.choice([model, f"{model}/**", f"{model}/aliases/*", f"{model}/aliases/champion"])
        effect = "deny" if draw.random() < 0.1 else "allow"
        rules.append(
            AccessRule(f"role:r{draw.randrange(10)}", "*", obj, draw.choice(VERBS), effect, line)
        )
    grants = [Grant(f"u{i}", f"role:r{i % 10}", "*") for i in range(100)]
    return AccessRules(tuple(rules), tuple(grants))


def requests(rules: AccessRules, count: int) -> list[tuple[str, str, str, str]]:
    draw = random.Random(8)
    found = []
    for _ in range(count):
        rule = draw.choice(rules.rules)
        obj = rule.object.replace("**", "aliases/champion").replace("*", "champion")
        found.append((f"u{draw.randrange(100)}", "default", rule.verb, obj))
    return found


def per_decision(size: int) -> None:
    rules = world(size)
    snapshot = Snapshot(rules, Digest.of(b""))
    enforcer = casbin_enforcer(MODEL, rules)
    asked = requests(rules, 20_000)
    plain = asked[: max(3, 200_000 // size)]
    theirs, wrong = [], 0
    for user, domain, verb, obj in plain:
        begun = time.perf_counter()
        answer = enforcer.enforce(user, domain, obj, verb)
        theirs.append(time.perf_counter() - begun)
        wrong += answer != snapshot.judge(user, domain, verb, obj)[0]
    runs = []
    for _ in range(5):
        begun = time.perf_counter()
        for request in asked:
            snapshot.judge(*request)
        runs.append((time.perf_counter() - begun) / len(asked))
    ours, casbin = statistics.median(runs), statistics.median(theirs)
    sys.stdout.write(
        f"{size:>7,} rules  casbin {casbin * 1e3:9.2f} ms  auditkit {ours * 1e6:6.2f} us  "
        f"ratio {casbin / ours:>9,.0f}  wrong {wrong} of {len(plain)}\n"
    )


def under_replacement(size: int, replacements: int) -> None:
    """Four threads decide while a fifth compiles and puts in two policies by turns.

    Each decision must be that of the policy whose digest it names. The time of a decision is from
    its call to its answer; what a thread waits for the interpreter before it calls is apart: it
    is seen by requests that come at a steady rate.
    """
    one = world(size)
    # The same users and objects, and every effect the other way round.
    turned = tuple(
        AccessRule(
            r.subject, r.domain, r.object, r.verb, "allow" if r.effect == "deny" else "deny", n
        )
        for n, r in enumerate(one.rules, start=1)
    )
    policies = (one, AccessRules(turned, one.grants))
    asked = requests(one, 5_000)
    access = AccessControl(policies[0])
    expected = {
        p.policy_digest: [p.decide(u, v, o).allowed for u, _, v, o in asked]
        for p in map(AccessControl, policies)
    }
    stop = threading.Event()
    times: list[list[float]] = [[] for _ in range(4)]
    wrong = [0] * 4
    replaced = 0

    def decide(worker: int) -> None:
        draw = random.Random(worker)
        while not stop.is_set():
            number = draw.randrange(len(asked))
            user, _, verb, obj = asked[number]
            begun = time.perf_counter()
            decision = access.decide(user, verb, obj)
            times[worker].append(time.perf_counter() - begun)
            wrong[worker] += decision.allowed != expected[decision.policy_digest][number]

    workers = [threading.Thread(target=decide, args=(i,)) for i in range(4)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    while replaced < replacements:
        replaced += 1
        access.replace(AccessControl(policies[replaced % 2]))
    seconds = time.perf_counter() - begun
    stop.set()
    for worker in workers:
        worker.join()
    found = sorted(t for part in times for t in part)
    sys.stdout.write(
        f"{size:>7,} rules  4 threads, {replaced} replacements in {seconds:.1f} s: p50 "
        f"{found[len(found) // 2] * 1e6:.1f} us, p99 {found[int(len(found) * 0.99)] * 1e3:.3f} ms, "
        f"longest {found[-1] * 1e3:.0f} ms, {sum(wrong)} wrong of {len(found):,}\n"
    )


def per_request(*options: str, label: str, repeats: int = 300) -> None:
    """The same requests by turns to a server without a guard and to one with it, one worker each.

    Credentials are cached: scrypt is paid once a minute.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
    from guarded_server import PASSWORD, Workplace, running

    shown = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {shown}", "Content-Type": "application/json"}

    def asker(url: str) -> Callable[[str, str, str], float]:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

        def ask(method: str, path: str, body: str) -> float:
            begun = time.perf_counter()
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{method} {path}: {answer.status}")
            return time.perf_counter() - begun

        return ask

    with ExitStack() as stack:
        urls = []
        for app in ("", "auditkit"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls.append(stack.enter_context(running(Workplace(folder), *options, app=app)).url)
        askers = [asker(url) for url in urls]
        for ask in askers:
            ask("POST", f"{API}/create", json.dumps({"name": "credit"}))
            ask("PUT", f"{FILES}/x.txt", "x")
        # The log's write-ahead file grows for the first 200 changes or so, and is then reused.
        for _ in range(WARM_UP):
            for ask in askers:
                ask(*REQUESTS["write a file"])
        for name, request in REQUESTS.items():
            times: list[list[float]] = [[], []]
            for _ in range(repeats):
                for ask, part in zip(askers, times, strict=True):
                    part.append(ask(*request))
            bare, guarded = (statistics.median(part) * 1e3 for part in times)
            sys.stdout.write(
                f"{label} {name:14} unguarded {bare:6.2f} ms, guarded {guarded:6.2f} ms, "
                f"added {guarded - bare:5.2f} ms (medians of {repeats}, by turns)\n"
            )


def served_download(*options: str, label: str, repeats: int = 9, megabytes: int = 100) -> None:
    """A large file, by turns: unguarded; approved and hashed on first use; approved, later uses.

    A change of the copy's times has the server hash it again, as it does on first use.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
    from guarded_server import PASSWORD, Workplace, running

    with ExitStack() as stack:
        servers, paths, copies = [], [], Path()
        for app in ("", "auditkit"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(running(Workplace(folder), *options, app=app))
            client = server.mlflow("ann")
            run = client.create_run("0").info
            (folder / "model").mkdir()
            data = random.Random(1).randbytes(megabytes * 2**20)
            (folder / "model" / "w.bin").write_bytes(data)
            client.log_artifacts(run.run_id, str(folder / "model"), "model")
            source = f"{run.artifact_uri}/model"
            client.create_registered_model("credit")
            client.create_model_version("credit", source, run.run_id, await_creation_for=0)
            if app:
                asked = server.client("abe").request("credit", "1", alias="champion")
                server.client("rita").approve(asked["request"])
                copies = folder / "approved"
            servers.append(server)
            paths.append(f"{FILES}/{source.removeprefix('mlflow-artifacts:/')}/w.bin")
        copy = next(copies.glob("*/w.bin"))
        shown = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()

        def download(at: int) -> float:
            address = servers[at].url.removeprefix("http://")
            connection = http.client.HTTPConnection(address, timeout=120)
            begun = time.perf_counter()
            connection.request("GET", paths[at], headers={"Authorization": f"Basic {shown}"})
            answer = connection.getresponse()
            read = 0
            while chunk := answer.read(2**20):
                read += len(chunk)
            took = time.perf_counter() - begun
            connection.close()
            if (answer.status, read) != (200, megabytes * 2**20):
                raise SystemExit(f"{paths[at]}: {answer.status}, {read} bytes")
            return took

        times: list[list[float]] = [[], [], []]
        for turn in range(repeats + 1):
            bare = download(0)
            copy.chmod(0o444)
            first, later = download(1), download(1)
            if turn:  # the first turn warms up
                for part, took in zip(times, (bare, first, later), strict=True):
                    part.append(took)
        bare, first, later = (statistics.median(part) * 1e3 for part in times)
        sys.stdout.write(
            f"{label} {megabytes} MB: unguarded {bare:.0f} ms, approved first {first:.0f} ms "
            f"({first / bare:.2f} times), later {later:.0f} ms ({later / bare:.2f} times)\n"
        )


def durable_entry() -> None:
    """What one durable entry of the log takes by itself, and an fsync of its size."""
    times: list[list[float]] = [[], []]
    signer = NoteSigner.generate("bench.local/log")
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "raw").open("wb") as raw,
        Ledger.open(f"sqlite:///{folder}/ledger.db", key=signer) as log,
    ):
        for number in range(200):
            begun = time.perf_counter()
            log.append(kind="access.decision", payload={"request": str(number)})
            appended = time.perf_counter()
            raw.write(bytes(4096))
            raw.flush()
            os.fsync(raw.fileno())
            times[0].append(appended - begun)
            times[1].append(time.perf_counter() - appended)
    entry, fsync = (statistics.median(part) * 1e3 for part in times)
    sys.stdout.write(
        f"one durable entry of the log: {entry:.2f} ms; an fsync of 4 KiB: {fsync:.2f} ms\n"
    )


def main() -> None:
    """Prints the tables."""
    for size in (1_000, 10_000, 100_000):
        per_decision(size)
        gc.collect()
    for size, replacements in ((10_000, 20), (100_000, 3)):
        under_replacement(size, replacements)
        gc.collect()
    durable_entry()
    per_request(label="uvicorn: ")
    per_request("--gunicorn-opts", "--threads 4", label="gunicorn:")
    served_download(label="uvicorn: ")
    served_download("--gunicorn-opts", "--threads 4", label="gunicorn:")


if __name__ == "__main__":
    main()
