#!/usr/bin/env python3
"""Processes that work on the same sessions, some of them killed or paused, through a network that loses and repeats.

    history_test.py WORKER            the plans of the suite
    history_test.py WORKER --long     those for people: minutes
    history_test.py WORKER --policy none --how update --rate 0.28 --kills 3 ...    one plan of one's own

Needs DynamoDB Local (tests/support/emulators.py), or a DynamoDB at DYNASESSION_ENDPOINT. Afterwards the sessions are
read without faults and compared with what each process noted (see checker.py). Exit status 1 if a promise was broken,
and also if the run shows nothing: too few operations, nobody killed, no fault.

Time is measured here because a promise is about it: who waits for a dead holder gets in within its lease and 2.5 s.
"""
import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import checker
from fault_server import FAULTS, FaultServerProcess

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import emulators  # pylint: disable=import-error,wrong-import-position
import with_emulator  # pylint: disable=import-error,wrong-import-position

POLL_SECONDS = 0.02
LIMIT = 60  # seconds after which something that should have happened never will
GRACE = 2.5  # seconds after the end of a lease
EXAMPLES = 3  # of a violation that are shown
PROBLEMS = ("stuck", "slow", "died", "unavailable", "meaningless", "malformed")


@dataclasses.dataclass
class Plan:
    policy: str = ""
    how: str = "update"
    keys: str = "shared"
    processes: int = 4
    threads: int = 2
    coroutines: int = 0
    sessions: int = 2
    rate: float = 0.08
    faults: str = ""  # these alone
    kills: int = 2
    pauses: int = 0
    lease: int = 1000  # ms
    hold: int = 0  # ms
    operations: int = 300  # that have to succeed, at least
    ok_share: float = 0  # of all but those of killed processes, at least
    unknown_share: float = 1  # at most
    seed: int = 1
    broken: bool = False  # has to be found faulty: nobody promises that this works

    def __str__(self):
        actors = f"{self.coroutines} coroutines on {self.threads}" if self.coroutines else f"{self.threads}"
        return (f"{self.policy}, {self.how}, {self.keys} keys: {self.processes} processes with {actors} threads, "
                f"{self.sessions} sessions, {self.rate:.0%} faults, seed {self.seed}")


# What is never lost: changes under a lock, on a version, by update(), and to keys that nobody else changes. And what
# has to be seen when it is lost: one of two saves of one key without a lock.
QUICK = [
    Plan("pessimistic", "load_save", kills=2, pauses=1, hold=10, ok_share=0.9),
    Plan("optimistic", "load_save", coroutines=2, operations=200),
    Plan("none", "update", coroutines=2, sessions=3, operations=200, ok_share=0.8),
    Plan("none", "load_save", keys="own", operations=200, ok_share=0.9),
    Plan("none", "load_save", rate=0, kills=0, operations=100, broken=True),
]


def long_plans():
    crowd = {"processes": 8, "sessions": 4, "kills": 20, "pauses": 10, "operations": 3000}
    for seed in (1, 2, 3):
        crowd["seed"] = seed
        yield Plan("pessimistic", "load_save", hold=10, lease=1500, ok_share=0.99, unknown_share=0.01, **crowd)
        yield Plan("pessimistic", "update", coroutines=4, lease=1500, ok_share=0.99, unknown_share=0.01, **crowd)
        yield Plan("optimistic", "load_save", **crowd)
        yield Plan("optimistic", "update", coroutines=4, **crowd)
        yield Plan("none", "update", **crowd)
        yield Plan("none", "load_save", keys="own", **crowd)
    bad_day = crowd | {"rate": 0.28, "kills": 5, "pauses": 2, "operations": 500, "seed": 1}
    for policy, how in (("pessimistic", "load_save"), ("optimistic", "load_save"), ("none", "update")):
        yield Plan(policy, how, lease=1500, **bad_day)


class Stuck(Exception):
    """Something that has to happen does not."""


def wait_until(holds, what, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not holds():
        if time.monotonic() >= deadline:
            raise Stuck(f"{what} within {limit} s")
        time.sleep(POLL_SECONDS)


class Worker:
    """A place that processes work in, one after the other."""

    def __init__(self, number, run):
        self.number, self.run, self.incarnation = number, run, -1
        self.start()

    @property
    def name(self):
        return f"{self.number}:{self.incarnation}"

    def start(self):
        self.incarnation += 1
        plan, folder = self.run.plan, self.run.folder
        stem = self.name.replace(":", ".")
        with open(folder / f"{stem}.log", "wb") as log:
            self.process = subprocess.Popen(
                [*self.run.command, "--endpoint-url", self.run.server.url, "--history", folder / f"{stem}.history",
                 "--worker", str(self.number), "--incarnation", str(self.incarnation), "--seed", str(plan.seed),
                 "--policy", plan.policy, "--how", plan.how, "--keys", plan.keys, "--threads", str(plan.threads),
                 "--coroutines", str(plan.coroutines), "--lease", str(plan.lease), "--hold", str(plan.hold)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=with_emulator.die_with_parent)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Lets it finish what it is at; what is wrong with its end, or None."""
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f"no end within {LIMIT} s"
        if status == 0:
            return None
        log = (self.run.folder / f"{self.name.replace(':', '.')}.log").read_text(errors="replace")
        return f"worker {self.name}: {status}\n{log}"


class Run:
    """One plan, carried out."""

    def __init__(self, plan, program, endpoint, folder, trace):
        self.plan, self.endpoint, self.folder, self.trace = plan, endpoint, folder, trace
        self.command = [program, "--table", f"history-{secrets.token_hex(4)}", "--ids", folder / "ids"]
        self.random = random.Random(plan.seed)
        self.history = checker.History(folder)
        self.problems = {kind: [] for kind in PROBLEMS}
        self.killed, self.paused = [], []  # (name of the process, time)
        self.violations = {}
        self.faults = {}
        self.seconds = 0
        self.server = None
        self.workers = []

    def direct(self, *arguments):
        """What a worker prints that works without faults."""
        done = subprocess.run([*self.command, "--endpoint-url", self.endpoint, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT)
        return done.stdout

    def carry_out(self):
        start = time.monotonic()
        self.direct("--create", str(self.plan.sessions))
        faults = self.plan.faults.split(",") if self.plan.faults else None
        trace = self.folder / "trace" if self.trace else None
        with FaultServerProcess(self.endpoint, self.plan.rate, self.plan.seed, faults, trace) as self.server:
            try:
                self.workers = [Worker(i, self) for i in range(self.plan.processes)]
                self.disturb()
                self.wait_for_oks(self.plan.operations - self.history.read().counts["ok"])
            except Stuck as problem:
                self.problems["stuck"].append(str(problem))
            finally:
                self.end()
            self.faults = self.server.stop()
        self.history.read()
        lists = [json.loads(line) for line in self.direct("--dump").splitlines()]
        self.violations = checker.check(self.history, lists)
        self.seconds = time.monotonic() - start
        self.judge()

    def end(self):
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        self.problems["died"] += [problem for worker in self.workers if (problem := worker.stop())]

    # ---- kills and pauses, one after the other: each is seen through before the next

    def disturb(self):
        actions = [self.kill] * self.plan.kills + [self.pause] * self.plan.pauses
        self.random.shuffle(actions)
        for action in actions:
            self.wait_for_oks(self.random.randint(10, 60))
            action(*self.stopped_holder())

    def wait_for_oks(self, more):
        before = self.history.read().counts["ok"]
        self.check_alive()
        wait_until(lambda: self.history.read().counts["ok"] >= before + more, f"not {more} more operations succeed")

    def check_alive(self):
        for worker in self.workers:
            if worker.process.poll() is not None:
                raise Stuck(f"worker {worker.name} ended by itself")

    def stopped_holder(self):
        """A process that was stopped between a load and the end of its save, and the time when it was."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            worker, at = self.random.choice(self.workers), time.monotonic_ns()
            worker.process.send_signal(signal.SIGSTOP)
            if worker.name in self.history.read().holders():
                return worker, at
            worker.process.send_signal(signal.SIGCONT)
            time.sleep(self.random.random() * POLL_SECONDS)
        raise Stuck("nobody holds a session")

    def kill(self, worker, at):
        name = worker.name
        self.killed.append((name, at))
        worker.kill()
        worker.start()
        self.wait_for_successors(name, at)

    def pause(self, worker, at):
        """Longer than its lease, so that others take over; then it goes on as if nothing had happened."""
        name = worker.name
        self.paused.append((name, at))
        try:
            end = time.monotonic() + self.plan.lease / 1000 + GRACE + self.random.random()
            self.wait_for_successors(name, at)
            wait_until(lambda: time.monotonic() >= end, "the pause does not end")
        finally:
            worker.process.send_signal(signal.SIGCONT)
        now = time.monotonic_ns()
        wait_until(lambda: any(o.process == name and now < o.ended < checker.NEVER
                               for o in self.history.read().operations.values()), f"{name} does not go on")

    def wait_for_successors(self, name, at):
        def all_in():
            return all(s.to_next_hold < checker.NEVER for s in checker.successions(self.history.read(), name, at))
        wait_until(all_in, f"nobody gets in after {name}")

    # ---- what came of it

    def successions(self, disturbed):
        return [s for name, at in disturbed for s in checker.successions(self.history, name, at)]

    def shares(self):
        """Of the operations whose end was seen: how many ended in which way."""
        counts = self.history.counts
        total = max(1, sum(counts.values()))
        return {event: counts[event] / total for event in checker.ENDS}

    def judge(self):
        plan, counts = self.plan, self.history.counts
        if plan.policy == "pessimistic":
            bound = plan.lease / 1000 + GRACE
            self.problems["slow"] += [f"{s.to_next_hold:.2f} s until the next one got in, expected {bound}"
                                      for s in self.successions(self.killed) if s.to_next_hold > bound]
            if plan.kills and not any(s.held for s in self.successions(self.killed)):
                self.problems["meaningless"].append("nobody was killed that held a session")
        shares = self.shares()
        if shares["ok"] < plan.ok_share or shares["unknown"] > plan.unknown_share:
            self.problems["unavailable"].append(f"{shares['ok']:.2%} ok and {shares['unknown']:.2%} unknown, expected "
                                                f"{plan.ok_share:.0%} and {plan.unknown_share:.0%}")
        if counts["ok"] < plan.operations:
            self.problems["meaningless"].append(f"{counts['ok']} operations, expected {plan.operations}")
        if len(self.killed) < plan.kills or len(self.paused) < plan.pauses:
            self.problems["meaningless"].append("not all kills and pauses took place")
        if plan.rate and not sum(self.faults["faults"].values()):
            self.problems["meaningless"].append("no fault")
        self.problems["malformed"] += self.faults["malformed"]

    def passed(self):
        if any(self.problems.values()):
            return False
        return any(self.violations.values()) == self.plan.broken

    def figures(self):
        counts, shares = self.history.counts, self.shares()
        yield "operations", f"{len(self.history.operations)} in {self.seconds:.1f} s"
        for event in checker.ENDS:
            errors = collections.Counter(o.error for o in self.history.operations.values() if o.event == event)
            names = ", ".join(f"{name} {n}" for name, n in errors.most_common() if name != "-")
            if event != "none" or counts[event]:
                yield event, f"{counts[event]} ({shares[event]:.2%}){'  ' if names else ''}{names}"
        yield "open", f"{len(self.history.operations) - sum(counts.values())} of killed processes"
        for what, disturbed in (("kills", self.killed), ("pauses", self.paused)):
            seen = self.successions(disturbed)
            text = f"{len(disturbed)}; sessions held {sum(s.held for s in seen)}, under way {len(seen)}"
            if seen:
                text += (f"; next one in after {max(s.to_next_hold for s in seen):.2f} s at most, "
                         f"done after {max(s.to_next_ok for s in seen):.2f} s")
            yield what, text
        faults = self.faults["faults"]
        yield "faults", (f"{sum(faults.values())} of {self.faults['requests']} requests  " +
                         ", ".join(f"{name} {n}" for name, n in faults.items() if n))
        took = sorted((o.ended - o.invoked) / 1e6 for o in self.history.operations.values() if o.event == "ok")
        if took:
            p50, p99, most = (took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1))
            yield "latency", f"median {p50:.0f} ms, 99 % {p99:.0f} ms, longest {most:.0f} ms"
        yield "violations", ", ".join(f"{kind} {len(examples)}" for kind, examples in self.violations.items())

    def print(self):
        print(f"\n{self.plan}")
        for name, text in self.figures():
            print(f"  {name:10}  {text}")
        examples = {} if self.plan.broken else self.violations
        for kind, texts in [*self.problems.items(), *examples.items()]:
            for text in texts[:EXAMPLES]:
                print(f"  {kind}: {text}")
        expected = " (as it has to be: this way of working loses updates)" if self.plan.broken else ""
        print(f"  {'passed' if self.passed() else 'FAILED'}{expected}", flush=True)


@contextlib.contextmanager
def dynamodb():
    """The URL of a DynamoDB."""
    given = os.environ.get("DYNASESSION_ENDPOINT")
    if given:
        yield given
        return
    for name in with_emulator.REAL_SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(with_emulator.CREDENTIALS)
    with tempfile.TemporaryDirectory(prefix="dynasession.") as folder:
        command = emulators.get("dynamodb_local")
        with with_emulator.running("dynamodb_local", command, pathlib.Path(folder) / "log") as port:
            yield f"http://127.0.0.1:{port}"


def carry_out(plan, program, endpoint, keep):
    with tempfile.TemporaryDirectory(prefix="dynasession.") as folder:
        run = Run(plan, program, endpoint, pathlib.Path(folder), trace=bool(keep))
        run.carry_out()
        run.print()
        if keep:
            shutil.copytree(folder, pathlib.Path(keep) / f"{plan.policy}.{plan.how}.{plan.seed}.{time.time_ns()}")
        return run.passed()


def arguments():
    parser = argparse.ArgumentParser(description="Multi-process, fault-injected, history-checked.")
    parser.add_argument("worker", type=os.path.abspath)
    parser.add_argument("--long", action="store_true", help="the plans for people")
    parser.add_argument("--repeat", type=int, default=1, help="each plan with so many seeds")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the histories there, and all requests and answers")
    own = parser.add_argument_group("one plan of one's own, with --policy", "faults: " + ", ".join(FAULTS))
    for field in dataclasses.fields(Plan):
        name = "--" + field.name.replace("_", "-")
        if field.type is bool:
            own.add_argument(name, action="store_true")
        else:
            own.add_argument(name, type=field.type, default=field.default)
    given = parser.parse_args()
    if given.policy:
        return given, [Plan(**{f.name: getattr(given, f.name) for f in dataclasses.fields(Plan)})]
    return given, list(long_plans()) if given.long else QUICK


def stop(signal_number, _):
    sys.exit(128 + signal_number)


def main():
    given, plans = arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    policies = subprocess.run([given.worker, "--policies"], stdout=subprocess.PIPE, text=True, check=True).stdout
    failed = []
    try:
        with dynamodb() as endpoint:
            for plan in plans:
                if plan.policy not in policies.split():
                    print(f"\n{plan}\n  NOT RUN: the policy is not there yet")
                    continue
                for seed in range(plan.seed, plan.seed + given.repeat):
                    variant = dataclasses.replace(plan, seed=seed)
                    if not carry_out(variant, given.worker, endpoint, given.keep):
                        failed.append(variant)
    except emulators.EmulatorError as problem:
        print(f"history_test.py: {problem}", file=sys.stderr)
        return 3
    print(f"\n{len(failed)} failed" if failed else "\nall passed")
    for plan in failed:
        print(f"  {plan}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
