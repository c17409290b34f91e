#!/usr/bin/env python3
"""Drives examples/crow_server over HTTP: example_test.py PROGRAM [unittest arguments]"""
import http.client
import socket
import subprocess
import sys
import time
import unittest

LIMIT = 30  # seconds; no good run takes as long


class Visitor:
    """A browser that keeps the cookie `session`."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        self.cookie = None

    def ask(self, method, path, form=None):
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.connection.request(method, path, form, headers)
        answer = self.connection.getresponse()
        page = answer.read().decode()
        for given in answer.headers.get_all("Set-Cookie", []):
            self.cookie = given.split(";")[0]
            if "Max-Age=0" in given:
                self.cookie = None
        return answer.status, page


class Example(unittest.TestCase):
    def setUp(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.server = subprocess.Popen([PROGRAM, str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.terminate)
        end = time.monotonic() + LIMIT
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                if self.server.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def visitor(self):
        new = Visitor(self.port)
        self.addCleanup(new.connection.close)
        return new

    def test_a_visit(self):
        ann = self.visitor()
        self.assertIn("Who are you?", ann.ask("GET", "/")[1])
        self.assertIsNone(ann.cookie)
        self.assertEqual(ann.ask("POST", "/login", "user=Ann+%3Cb%3E")[0], 303)
        first = ann.ask("GET", "/")[1]
        self.assertIn("Hello Ann &lt;b&gt;", first)
        self.assertIn("You are logged in.", first)
        self.assertIn("<output>1</output>", first)
        second = ann.ask("GET", "/")[1]
        self.assertNotIn("You are logged in.", second)
        self.assertIn("<output>2</output>", second)
        stolen = ann.cookie
        self.assertEqual(ann.ask("POST", "/logout", "")[0], 303)
        self.assertIsNone(ann.cookie)
        thief = self.visitor()
        thief.cookie = stolen
        self.assertIn("Who are you?", thief.ask("GET", "/")[1])

    def test_a_login_without_a_name(self):
        for form in ("", "user=", "name=Ann"):
            with self.subTest(form=form):
                self.assertEqual(self.visitor().ask("POST", "/login", form)[0], 400)

    def test_a_login_again_has_a_new_id(self):
        ann = self.visitor()
        ann.ask("POST", "/login", "user=Ann")
        planted = ann.cookie
        ann.ask("POST", "/login", "user=Ann")
        self.assertNotEqual(ann.cookie, planted)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
