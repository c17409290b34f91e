#!/usr/bin/env python3
"""What sessions cost a Beast server: CPU time a request, as a ratio to the same server without them.

    web.py [--rounds N] PROGRAM     PROGRAM is build/release/benchmarks/web_server; needs wrk (Debian package)

Both servers run at the same time on one core and are loaded in turn from the other, so that what else the machine does hits
both. The ratio is the median of the rounds.
"""
import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys

SECONDS = 2
CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, program, mode):
        self.process = subprocess.Popen([program, mode], stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self.process.pid, {0})
        port, self.cookie = self.process.stdout.readline().split()
        self.url = f"http://127.0.0.1:{port}"

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def microseconds_a_request(self, path, cookie):
        header = ["-H", f"Cookie: {self.cookie}"] if cookie else []
        before = self.cpu_seconds()
        told = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *header, self.url + path], text=True,
                              stdout=subprocess.PIPE, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {1})).stdout
        if "Non-2xx" in told or "Socket errors" in told:
            sys.exit(f"{path}: not all requests were answered:\n{told}")
        return 1e6 * (self.cpu_seconds() - before) / int(re.search(r"(\d+) requests in", told)[1])

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()

    bare, sessions = Server(arguments.program, "bare"), Server(arguments.program, "sessions")
    try:
        print("| request | bare, us | with sessions, us | ratio | added, us |\n| --- | --- | --- | --- | --- |")
        for what, path, cookie in (("without a cookie", "/", False), ("with a cookie, session not asked for", "/", True),
                                   ("with a cookie, reads its session", "/read", True)):
            floors, ours = [], []
            for _ in range(arguments.rounds):
                floors.append(bare.microseconds_a_request(path, cookie))
                ours.append(sessions.microseconds_a_request(path, cookie))
            ratio = statistics.median(o / f for o, f in zip(ours, floors))
            added = statistics.median(o - f for o, f in zip(ours, floors))
            print(f"| {what} | {statistics.median(floors):.2f} | {statistics.median(ours):.2f} | {ratio:.3f} | {added:+.2f} |")
    finally:
        bare.close()
        sessions.close()


if __name__ == "__main__":
    main()
