#!/usr/bin/env python3
"""Runs a command with a DynamoDB emulator of its own: with_emulator.py dynalite|dynamodb_local -- command...

The command finds DYNASESSION_ENDPOINT and test credentials in its environment; its exit status is ours. The emulator
listens on a free port and is ended whatever happens. One that cannot be started is a failure (exit status 3), never a
reason to skip.
"""
import contextlib
import ctypes
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import emulators

START_SECONDS = 60  # two busy cores take 3
ATTEMPTS = 3  # somebody else may take the free port before the emulator does
POLL_SECONDS = 0.05
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
REAL_SETTINGS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
                 "AWS_ENDPOINT_URL_DYNAMODB")


def die_with_parent():
    """Between fork and exec: should this script be killed outright, its child goes too (PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """True when ListTables gives 200. Neither emulator checks the signature, both want its form."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "X-Amz-Date": "20260101T000000Z", "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/"
        "dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/", "{}", headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def owns(pid, port):
    """True when this process holds the listening socket: an answer alone may be somebody else's server."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
            for fields in (line.split() for line in lines):
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    listening.add(f"socket:[{fields[9]}]")
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(descriptor) in listening:
                return True
    return False


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(process, port, log):
    """None when our own server answers, or why it never will."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"it ended with {process.wait(timeout=POLL_SECONDS)}:\n{log.read_text(errors='replace')}"
        text = log.read_text(errors="replace")
        if "BindException" in text or "EADDRINUSE" in text:
            return f"port {port} was taken:\n{text}"
        if answers(port) and process.poll() is None and owns(process.pid, port):
            return None
    return f"no answer to ListTables within {START_SECONDS} s:\n{log.read_text(errors='replace')}"


@contextlib.contextmanager
def running(name, command, log):
    """The port of a started emulator, which is ended at the end of the block."""
    for _ in range(ATTEMPTS):
        port = free_port()
        with open(log, "wb") as output:
            process = subprocess.Popen([*command, str(port)], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       cwd=log.parent, preexec_fn=die_with_parent, start_new_session=True)
        try:
            problem = wait_until_ready(process, port, log)
            if problem is None:
                yield port
                return
        finally:
            end(process)
    raise emulators.EmulatorError(f"{name} does not start: {problem}")


def run(command, port):
    environment = {k: v for k, v in os.environ.items() if k not in REAL_SETTINGS}
    environment |= CREDENTIALS | {"DYNASESSION_ENDPOINT": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
    try:
        status = process.wait()
    finally:
        end(process)
    return status if status >= 0 else 128 - status


def stop(signal_number, _):
    sys.exit(128 + signal_number)


def main():
    names = " or ".join(emulators.GETTERS)
    if len(sys.argv) < 4 or sys.argv[1] not in emulators.GETTERS or sys.argv[2] != "--":
        print(f"with_emulator.py: expected: with_emulator.py ({names}) -- command...", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        with tempfile.TemporaryDirectory(prefix="dynasession.") as folder:
            with running(sys.argv[1], emulators.get(sys.argv[1]), pathlib.Path(folder) / "log") as port:
                return run(sys.argv[3:], port)
    except emulators.EmulatorError as problem:
        print(f"with_emulator.py: {problem}", file=sys.stderr)
        return 3
    except OSError as problem:
        print(f"with_emulator.py: cannot run {sys.argv[3]}: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
