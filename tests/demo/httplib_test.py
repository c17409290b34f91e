#!/usr/bin/env python3
"""Sessions in cpp-httplib (examples/httplib_server): httplib_test.py FOLDER-OF-THE-PROGRAMS"""
import contextlib
import http.client
import pathlib
import subprocess
import sys
import threading
import unittest
import urllib.parse

PROGRAM = ""
LIMIT = 60


class Visitor:
    """A browser of few talents: it keeps the cookie."""

    def __init__(self, port, cookie=None):
        self.port, self.cookie = port, cookie

    def request(self, method, path, **fields):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)) as connection:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            if self.cookie:
                headers["Cookie"] = self.cookie
            connection.request(method, path, urllib.parse.urlencode(fields), headers)
            answer = connection.getresponse()
            self.headers, text = answer.headers, answer.read().decode()
        if line := self.headers["Set-Cookie"]:
            self.cookie = None if "Max-Age=0" in line else line.split(";")[0]
        return answer.status, text


class Sessions(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait, LIMIT)
        self.addCleanup(self.server.terminate)
        self.port = int(self.server.stdout.readline().rpartition(":")[2])

    def test_a_stranger_gets_no_session(self):
        for cookie in (None, "session=nonsense", "session=" + "A" * 43):
            stranger = Visitor(self.port, cookie)
            self.assertEqual(stranger.request("GET", "/"), (200, "who are you?"))
            self.assertIsNone(stranger.headers["Set-Cookie"])
            stranger.request("POST", "/logout")

    def test_log_in_count_and_log_out(self):
        ana = Visitor(self.port)
        self.assertEqual(ana.request("POST", "/count"), (200, "1"))
        self.assertEqual(ana.headers["Cache-Control"], "no-store")
        before = ana.cookie
        self.assertEqual(ana.request("POST", "/login", name="Ana"), (200, ""))
        self.assertNotEqual(ana.cookie, before)
        self.assertEqual(ana.request("GET", "/"), (200, "hello Ana"))
        self.assertIsNone(ana.headers["Set-Cookie"])
        self.assertEqual(ana.headers["Vary"], "Cookie")
        self.assertEqual(ana.request("POST", "/count"), (200, "2"))
        self.assertEqual(Visitor(self.port, before).request("GET", "/")[1], "who are you?")

        known = ana.cookie
        ana.request("POST", "/logout")
        self.assertIsNone(ana.cookie)
        self.assertEqual(Visitor(self.port, known).request("GET", "/")[1], "who are you?")

    def test_of_parallel_requests_none_is_lost(self):
        ana = Visitor(self.port)
        ana.request("POST", "/count")
        tabs = [threading.Thread(target=Visitor(self.port, ana.cookie).request, args=("POST", "/count")) for _ in range(8)]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        self.assertEqual(ana.request("POST", "/count"), (200, "10"))


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit("httplib_test.py: expected the folder of the programs")
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)) / "httplib_server")
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
