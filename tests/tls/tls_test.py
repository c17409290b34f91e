#!/usr/bin/env python3
"""The DynamoDB client through stunnel before an emulator: tls_test.py CALLER [unittest arguments]

The emulator is the one at DYNASESSION_ENDPOINT. `Outage` measures time, because a promise is about it: calls fail
within their limits while the service is away, and succeed within a second once it is back. The others measure none.
"""
import base64
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import warnings

from network import LIMIT, Authority, Proxy, Rude, TlsServer, Wire, is_tls

CALLER = ""
WAYS = ("blocking", "async")
AMPLE = 30_000  # ms: no call is meant to fail by it
OUTAGE_SECONDS = 5
RECOVERY_SECONDS = 1
CALL_SECONDS = 5  # the library's own limit
REFUSED_SECONDS = 1  # four attempts and their pauses, 175 ms at most


class Answer:
    def __init__(self, line):
        word, attempts, *self.kinds, self.text = line.rstrip("\n").split("\t")
        self.ok, self.attempts = word == "ok", int(attempts)

    def __repr__(self):
        return f"{'ok' if self.ok else 'failed'} after {self.attempts} attempts, {self.kinds}: {self.text}"


class Caller:
    """A process with a client, which keeps its connections from one call to the next."""

    def __init__(self, url, limit=AMPLE, **environment):
        settings = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        settings |= {k: str(v) for k, v in environment.items()} | {"AWS_ENDPOINT_URL_DYNAMODB": url}
        self.process = subprocess.Popen([CALLER, *([str(limit)] if limit else [])], env=settings, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, way="blocking"):
        print(way, file=self.process.stdin)
        return Answer(self.process.stdout.readline())

    def complaint(self):
        """What it says instead of being there for calls."""
        return Answer(self.process.stdout.readline())

    def close(self):
        self.process.communicate(timeout=LIMIT)
        if self.process.returncode not in (0, 2):  # what a sanitizer finds at the end, too
            raise AssertionError(f"the caller ended with {self.process.returncode}")


class Place(unittest.TestCase):
    """A folder, authorities, and whatever a test starts, until its end."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="dynasession.")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.authority, cls.stranger = Authority(cls.folder, "ours"), Authority(cls.folder, "strange")
        cls.certificate = cls.authority.issue("localhost")

    def start(self, made):
        self.addCleanup(made.close)
        return made

    def server(self, certificate=None, **versions):
        target = urllib.parse.urlsplit(os.environ["DYNASESSION_ENDPOINT"]).netloc
        return self.start(TlsServer(self.folder, certificate or self.certificate, target, **versions))

    def caller(self, port, limit=AMPLE, host="localhost", **environment):
        settings = {"AWS_CA_BUNDLE": self.authority.file} | environment
        return self.start(Caller(f"https://{host}:{port}", limit, **settings))

    def assert_ok(self, answer, attempts=1):
        self.assertTrue(answer.ok, answer)
        self.assertEqual(answer.attempts, attempts, answer)

    def assert_failed(self, answer, *texts):
        self.assertFalse(answer.ok, answer)
        self.assertIn("unavailable", answer.kinds)
        for text in texts:
            self.assertIn(text, answer.text)

    def assert_nothing_in_clear(self, listener):
        self.assertTrue(listener.heard)
        for heard in listener.heard:
            self.assertTrue(is_tls(heard), bytes(heard))
            for secret in (b"POST", b"DynamoDB", b"AKIDEXAMPLE", b"authorization"):
                self.assertNotIn(secret, heard)


class Connections(Place):
    def test_calls_succeed_and_connections_are_kept(self):
        for version in ("TLSv1.2", "TLSv1.3"):
            server = self.server(oldest=version, newest=version)
            wire = self.start(Wire(server.port))
            call = self.caller(wire.port)
            for way in WAYS * 2:
                self.assert_ok(call(way))
            self.assertEqual((len(wire.heard), server.reached_dynamodb()), (1, 1))
            self.assertIn(f"{version} ciphersuite", server.logged())
            self.assertIn(b"localhost", wire.heard[0])  # SNI
            self.assert_nothing_in_clear(wire)
        self.assertFalse(is_tls(b"POST / HTTP/1.1\r\n"))  # the check itself
        self.assertFalse(is_tls(bytes(wire.heard[0]) + b"POST"))

    def test_a_new_connection_resumes_the_session_of_the_last_one(self):
        for version in ("TLSv1.2", "TLSv1.3"):
            server = self.server(oldest=version, newest=version)
            wire = self.start(Wire(server.port))
            call = self.caller(wire.port)
            self.assert_ok(call())
            self.assertEqual(server.resumed(), 0)
            for way in WAYS:
                wire.cut()
                self.assert_ok(call(way))
            self.assertEqual((len(wire.heard), server.resumed()), (3, 2))

    def test_a_server_that_is_not_to_be_trusted_gets_no_request(self):
        issue = self.authority.issue
        for certificate, text in ((issue("example.org"), "hostname mismatch"), (issue("localhost", days=-1), "expired"),
                                  (issue("localhost", other_name="email:a@b.test"), "hostname mismatch"),
                                  (self.stranger.issue("localhost"), "certificate")):
            server = self.server(certificate)
            wire = self.start(Wire(server.port))
            call = self.caller(wire.port)
            for way in WAYS:
                answer = call(way)
                self.assert_failed(answer, "TLS handshake with localhost", text)
                self.assertIn("configuration", answer.kinds)
                self.assertEqual(answer.attempts, 1)
            self.assertEqual((len(wire.heard), server.reached_dynamodb()), (2, 0))
            self.assert_nothing_in_clear(wire)

    def test_old_protocols_are_refused(self):
        server = self.server(oldest="TLSv1", newest="TLSv1.1")
        wire = self.start(Wire(server.port))
        call = self.caller(wire.port)
        for way in WAYS:
            self.assert_failed(call(way), "TLS handshake with localhost")
        self.assertEqual(server.reached_dynamodb(), 0)
        self.assert_nothing_in_clear(wire)

        old = ssl.create_default_context(cafile=self.authority.file)
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
        with old.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost") as s:
            self.assertEqual(s.version(), "TLSv1.1")  # it does serve those who take it

    def test_a_server_that_closes_in_the_handshake_or_speaks_no_tls_gets_no_request(self):
        for farewell, text in ((b"", "closed"), (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "TLS failed"),
                               (b"\x15\x03\x03\x00\x02\x02\x28", "TLS failed")):
            listener = self.start(Rude(farewell))
            call = self.caller(listener.port)
            for way in WAYS:
                self.assert_failed(call(way), text, "TLS handshake with localhost")
            self.assert_nothing_in_clear(listener)

    def test_without_a_file_those_of_the_system_are_trusted_and_they_do_not_know_ours(self):
        server = self.server()
        self.assert_failed(self.caller(server.port, AWS_CA_BUNDLE="")(), "certificate")
        self.assertEqual(server.reached_dynamodb(), 0)

    def test_a_file_of_authorities_that_is_none_is_refused_by_the_name_of_its_variable(self):
        for file in (self.folder / "nowhere.pem", os.devnull):
            complaint = self.caller(1, AWS_CA_BUNDLE=file).complaint()
            self.assertFalse(complaint.ok)
            self.assertIn(f"AWS_CA_BUNDLE: no certificates (PEM) can be read from {file}", complaint.text)


class Proxies(Place):
    HOST = "dynamodb.test"  # nobody but the proxy can find it

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate = cls.authority.issue(cls.HOST)

    def test_tls_goes_through_the_proxy_of_the_environment(self):
        server = self.server()
        authorization = "Basic " + base64.b64encode(b"ana:s@cret").decode()
        proxy = self.start(Proxy(server.port, authorization))
        call = self.caller(443, host=self.HOST, HTTPS_PROXY=f"http://ana:s%40cret@127.0.0.1:{proxy.port}")
        for way in WAYS * 2:
            self.assert_ok(call(way))
        proxy.cut()
        self.assert_ok(call())
        self.assertEqual(proxy.asked, [f"CONNECT {self.HOST}:443 HTTP/1.1\r\nHost: {self.HOST}:443\r\n"
                                       f"Proxy-Authorization: {authorization}\r\n\r\n"] * 2)
        self.assertEqual(server.resumed(), 1)
        self.assert_nothing_in_clear(proxy)

    def test_a_proxy_that_refuses_is_an_error_that_does_not_tell_the_password(self):
        server = self.server()
        proxy = self.start(Proxy(server.port, "Basic right"))
        call = self.caller(443, host=self.HOST, https_proxy=f"http://ana:secret@127.0.0.1:{proxy.port}")
        for way in WAYS:
            answer = call(way)
            self.assert_failed(answer, "HTTPS_PROXY", f"the proxy 127.0.0.1:{proxy.port}", "407")
            self.assertIn("configuration", answer.kinds)
            self.assertEqual(answer.attempts, 1)
            self.assertNotIn("secret", answer.text)
        self.assertEqual([bytes(heard) for heard in proxy.heard], [b""] * 2)

    def test_a_proxy_cannot_lead_to_another_server(self):
        server = self.server(self.authority.issue("localhost"))
        proxy = self.start(Proxy(server.port))
        call = self.caller(443, host=self.HOST, HTTPS_PROXY=f"127.0.0.1:{proxy.port}")
        for way in WAYS:
            self.assert_failed(call(way), "hostname mismatch")
        self.assertEqual(server.reached_dynamodb(), 0)
        self.assert_nothing_in_clear(proxy)

    def test_this_machine_is_reached_without_a_proxy(self):
        server = self.server(self.authority.issue("localhost"))
        self.assert_ok(self.caller(server.port, HTTPS_PROXY="http://127.0.0.1:1")())


class Restarts(Place):
    def test_calls_succeed_after_a_restart_that_ended_their_connections(self):
        server = self.server()
        call = self.caller(server.port)
        self.assert_ok(call())
        for way in WAYS * 2:
            server.kill()
            server.start()
            self.assert_ok(call(way))

    def test_calls_fail_while_the_server_is_away_and_the_first_one_after_it_succeeds(self):
        server = self.server()
        for way in WAYS:
            call = self.caller(server.port)
            self.assert_ok(call(way))
            server.kill()
            for _ in range(3):
                answer = call(way)
                self.assert_failed(answer, "refused")
                self.assertEqual(answer.attempts, 4)
            server.start()
            self.assert_ok(call(way))

    def test_calls_fail_while_the_server_hangs_and_the_first_one_after_it_succeeds(self):
        server = self.server()
        for way in WAYS:
            warm, cold = self.caller(server.port, limit=500), self.caller(server.port, limit=500)
            self.assertTrue(warm(way).ok)
            with server.hanging():
                for call in (warm, warm, cold):
                    self.assert_failed(call(way), "no answer before the deadline")
            patient = self.caller(server.port)
            self.assert_ok(patient(way))


class Outage(Place):
    def fail_for(self, seconds, call, way, limit):
        """Calls until the time has passed, and what they take."""
        end, failures = time.monotonic() + seconds, 0
        while (begin := time.monotonic()) < end:
            self.assert_failed(call(way))
            self.assertLess(time.monotonic() - begin, limit)
            failures += 1
        self.assertGreater(failures, 0)

    def recover(self, call, way):
        begin = time.monotonic()
        self.assertTrue(call(way).ok)
        self.assertLess(time.monotonic() - begin, RECOVERY_SECONDS)

    def test_nobody_listens(self):
        server = self.server()
        for way in WAYS:
            call = self.caller(server.port, limit=None)
            self.assert_ok(call(way))
            server.kill()
            self.fail_for(OUTAGE_SECONDS, call, way, REFUSED_SECONDS)
            server.start()
            self.recover(call, way)

    def test_the_server_hangs(self):
        server = self.server()
        for way in WAYS:
            call = self.caller(server.port, limit=None)
            self.assert_ok(call(way))
            with server.hanging():
                self.fail_for(OUTAGE_SECONDS, call, way, CALL_SECONDS + RECOVERY_SECONDS)
            self.recover(call, way)


def main():
    global CALLER
    if len(sys.argv) < 2:
        sys.exit("tls_test.py: expected the caller")
    CALLER = sys.argv.pop(1)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
