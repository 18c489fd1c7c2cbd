"""Decisions against plain pycasbin on the same model, and what the guard costs a request."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from auditkit.access import AccessControl, Rules
from auditkit.access.rules import Grant, Rule
from auditkit.access.snapshot import Snapshot, casbin_enforcer
from auditkit.canonical import Digest
from auditkit.resources import data_path

MODEL = data_path("policies", "access", "model.conf").read_text()
VERBS = ["model:read", "model:promote", "model:edit", "model:approve"]


def world(size: int) -> Rules:
    """Names and patterns of objects; one rule in ten denies; a hundred users in ten roles."""
    draw = random.Random(7)
    rules = []
    for line in range(1, size + 1):
        model = f"models/m{draw.randrange(size)}"
        obj = draw.choice([model, f"{model}/**", f"{model}/aliases/*", f"{model}/aliases/champion"])
        effect = "deny" if draw.random() < 0.1 else "allow"
        rules.append(
            Rule(f"role:r{draw.randrange(10)}", "*", obj, draw.choice(VERBS), effect, line)
        )
    grants = [Grant(f"u{i}", f"role:r{i % 10}", "*") for i in range(100)]
    return Rules(tuple(rules), tuple(grants))


def requests(rules: Rules, count: int) -> list[tuple[str, str, str, str]]:
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


def under_replacement(size: int, seconds: float = 4.0) -> None:
    """Four threads decide while a fifth compiles and puts in policies all the while."""
    rules = world(size)
    access = AccessControl(rules)
    other = AccessControl(rules)
    asked = requests(rules, 5_000)
    expected = [access.decide(u, v, o).allowed for u, _, v, o in asked]
    stop = threading.Event()
    times: list[list[float]] = [[] for _ in range(4)]
    wrong = [0] * 4
    replaced = [0]

    def decide(worker: int) -> None:
        draw = random.Random(worker)
        while not stop.is_set():
            number = draw.randrange(len(asked))
            user, _, verb, obj = asked[number]
            begun = time.perf_counter()
            allowed = access.decide(user, verb, obj).allowed
            times[worker].append(time.perf_counter() - begun)
            wrong[worker] += allowed != expected[number]

    def replace() -> None:
        spare = [other, AccessControl(rules)]
        while not stop.is_set():
            access.replace(spare[replaced[0] % 2])
            replaced[0] += 1
            spare[replaced[0] % 2] = AccessControl(rules)

    workers = [threading.Thread(target=decide, args=(i,)) for i in range(4)]
    workers.append(threading.Thread(target=replace))
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    found = sorted(t for part in times for t in part)
    p99 = found[int(len(found) * 0.99)]
    sys.stdout.write(
        f"{size:>7,} rules  4 threads, {replaced[0]} replacements: p50 "
        f"{found[len(found) // 2] * 1e6:.1f} us, p99 {p99 * 1e3:.3f} ms, "
        f"{sum(wrong)} wrong of {len(found):,}\n"
    )


def per_request() -> None:
    """The same requests to one worker, unguarded and guarded, cached credentials."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
    import requests as http
    from guarded_server import PASSWORD, Workplace, running

    medians = {}
    for app in ("", "auditkit"):
        with tempfile.TemporaryDirectory() as folder:
            workplace = Workplace(Path(folder))
            with running(workplace, app=app) as server, http.Session() as session:
                session.auth = ("ann", PASSWORD)
                base = f"{server.url}/api/2.0/mlflow/registered-models"
                session.post(f"{base}/create", json={"name": "credit"}, timeout=30)
                runs = []
                for _ in range(5):
                    times = []
                    for _ in range(100):
                        begun = time.perf_counter()
                        session.get(f"{base}/get?name=credit", timeout=30).raise_for_status()
                        times.append(time.perf_counter() - begun)
                    runs.append(statistics.median(times))
                medians[app] = statistics.median(runs) * 1e3
    added = medians["auditkit"] - medians[""]
    sys.stdout.write(
        f"GET a model: unguarded {medians['']:.2f} ms, guarded {medians['auditkit']:.2f} ms, "
        f"added {added:.2f} ms (medians of 5 runs of 100)\n"
    )


def main() -> None:
    """Prints the tables."""
    for size in (1_000, 10_000, 100_000):
        per_decision(size)
        gc.collect()
    for size in (10_000, 100_000):
        under_replacement(size)
        gc.collect()
    per_request()


if __name__ == "__main__":
    main()
