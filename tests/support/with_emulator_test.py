#!/usr/bin/env python3
"""with_emulator.py with made-up emulators: small Python programs that behave well or badly."""
import http.server
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200 if self.headers["X-Amz-Target"].endswith("ListTables") else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""
DIES = "print('no room on the disk'); raise SystemExit(1)"
PORT_TAKEN = "print('java.net.BindException: Address already in use')"  # and ends with 0, as DynamoDB Local does
SILENT = "import signal; signal.pause()"


def start(emulator, *command, settings=""):
    script = (f"import sys; sys.path.insert(0, {str(HERE)!r}); import emulators, with_emulator\n"
              f"emulators.GETTERS = {{'fake': lambda: [sys.executable, '-c', {emulator!r}]}}\n{settings}\n"
              f"sys.argv = ['with_emulator.py', 'fake', '--', *{list(command)!r}]\nsys.exit(with_emulator.main())")
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(*arguments, **settings):
    process = start(*arguments, **settings)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def gone(pid):
    """Waits for the end of a process that is not our child, through its pidfd."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    return bool(ready)


# A command that prints the children of the wrapper, itself and the emulator, and waits.
REPORT = ("import os, signal; parent = os.getppid(); "
          "print(open(f'/proc/{parent}/task/{parent}/children').read(), flush=True); signal.pause()")


class WithEmulator(unittest.TestCase):
    def test_gives_the_command_an_endpoint_that_answers_and_test_credentials(self):
        command = ("import http.client, os; c = http.client.HTTPConnection(os.environ['DYNASESSION_ENDPOINT'][7:]); "
                   "c.request('POST', '/', '{}', {'X-Amz-Target': 'DynamoDB_20120810.ListTables'}); "
                   "print(c.getresponse().status, os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_REGION'])")
        status, out, err = finish(SERVER, sys.executable, "-c", command)
        self.assertEqual((status, out), (0, "200 AKIDEXAMPLE us-east-1\n"), err)

    def test_keeps_the_settings_of_the_developer_away_from_the_command(self):
        command = "import os; print(sorted(k for k in os.environ if k in ('AWS_PROFILE', 'AWS_SESSION_TOKEN')))"
        status, out, err = finish(SERVER, sys.executable, "-c", command,
                                  settings="import os; os.environ |= {'AWS_PROFILE': 'work', 'AWS_SESSION_TOKEN': 'x'}")
        self.assertEqual((status, out), (0, "[]\n"), err)

    def test_returns_the_exit_status_of_the_command(self):
        self.assertEqual(finish(SERVER, "sh", "-c", "exit 7")[0], 7)
        self.assertEqual(finish(SERVER, "sh", "-c", "kill -9 $$")[0], 128 + 9)

    def test_says_so_when_the_command_does_not_exist(self):
        status, _, err = finish(SERVER, "/nowhere/command")
        self.assertEqual(status, 2)
        self.assertIn("/nowhere/command", err)

    def test_an_emulator_that_dies_is_a_failure_with_its_log(self):
        status, out, err = finish(DIES, "echo", "the command ran")
        self.assertEqual((status, out), (3, ""))
        self.assertIn("no room on the disk", err)

    def test_an_emulator_whose_port_is_taken_is_not_mistaken_for_one_that_started(self):
        status, out, err = finish(PORT_TAKEN, "echo", "the command ran")
        self.assertEqual((status, out), (3, ""))
        self.assertIn("BindException", err)

    def test_an_answer_of_a_stranger_on_the_port_is_not_accepted(self):
        class Stranger(http.server.BaseHTTPRequestHandler):
            asked = threading.Event()

            def do_POST(self):
                self.asked.set()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                status, out, err = finish(SILENT, "echo", "the command ran", settings=(
                    "with_emulator.START_SECONDS = 0.5; with_emulator.ATTEMPTS = 1\n"
                    f"with_emulator.free_port = lambda: {server.server_port}"))
            finally:
                server.shutdown()
                thread.join()
        self.assertTrue(Stranger.asked.is_set())
        self.assertEqual((status, out), (3, ""))
        self.assertIn("no answer to ListTables", err)

    def test_ends_emulator_and_command_when_it_is_told_to_stop(self):
        for number, expected in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
            with self.subTest(signal=number.name):
                process = start(SERVER, sys.executable, "-c", REPORT)
                pids = [int(pid) for pid in process.stdout.readline().split()]
                self.assertEqual(len(pids), 2, "the command and the emulator")
                process.send_signal(number)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, expected)
                for pid in pids:
                    self.assertTrue(gone(pid))

    def test_refuses_an_emulator_it_does_not_know(self):
        done = subprocess.run([sys.executable, HERE / "with_emulator.py", "scylla", "--", "true"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("dynalite or dynamodb_local", done.stderr)


if __name__ == "__main__":
    unittest.main()
