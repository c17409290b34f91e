#!/usr/bin/env python3
"""The fault server before a made-up target: each fault does what it says, and only requests get through."""
import contextlib
import hashlib
import http.client
import http.server
import socket
import threading
import unittest
import urllib.parse

import fault_server
from fault_server import FAULTS, FaultServerProcess

BODY = b'{"TableName":"t"}'
ANSWER = b'{"answer":"' + b"x" * 500 + b'"}'


class Target(http.server.ThreadingHTTPServer):
    """Counts what it carries out, and answers in one piece or, when asked for "chunks", in two."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with self.server.arrived:
                self.server.requests += 1
                self.server.arrived.notify_all()
            if b"chunks" in body:
                half = len(ANSWER) // 2
                self.answer("Transfer-Encoding: chunked", b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (
                    half, ANSWER[:half], len(ANSWER) - half, ANSWER[half:]))
            else:
                self.answer(f"Content-Length: {len(ANSWER)}", ANSWER)

        def answer(self, length, body):
            self.wfile.write(f"HTTP/1.1 200 OK\r\nx-amz-crc32: 7\r\n{length}\r\n\r\n".encode() + body)

        def log_message(self, *_):
            pass

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.requests = 0
        self.arrived = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


def signed(body=BODY, **changed):
    """The header fields of a request as DynamoDB wants them."""
    headers = {"host": "localhost", "content-type": "application/x-amz-json-1.0", "x-amz-date": "20260101T000000Z",
               "x-amz-target": "DynamoDB_20120810.GetItem"}
    names = ";".join(sorted(headers))
    canonical = "\n".join(["POST", "/", "", *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names,
                           hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], "20260101/us-east-1/dynamodb/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{fault_server.SECRET}".encode()
    for part in ("20260101", "us-east-1", "dynamodb", "aws4_request"):
        key = fault_server.digest(key, part)
    headers["authorization"] = ("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/dynamodb/aws4_request, "
                                f"SignedHeaders={names}, Signature={fault_server.digest(key, text).hex()}")
    return headers | changed


class FaultServer(unittest.TestCase):
    def setUp(self):
        self.target = Target()
        self.addCleanup(self.target.server_close)
        self.addCleanup(self.target.shutdown)

    def start(self, *faults):
        server = FaultServerProcess(self.target.url, rate=1 if faults else 0, faults=faults)
        self.addCleanup(server.close)
        where = urllib.parse.urlsplit(server.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        self.addCleanup(connection.close)
        return server, connection

    def ask(self, connection, body=BODY):
        """The status and body of the answer, or what was raised."""
        try:
            connection.request("POST", "/", body, signed(body))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            return type(problem), None

    def one(self, fault, body=BODY):
        """What the client sees of a request that meets with this fault, and how often it was carried out."""
        server, connection = self.start(fault)
        seen = self.ask(connection, body)
        report = server.stop()
        self.assertEqual((report["faults"], report["requests"], report["malformed"]), ({fault: 1}, 1, []))
        return *seen, self.target.requests

    def test_passes_on_what_meets_with_no_fault_on_one_connection(self):
        server, connection = self.start()
        for body in (BODY, b'{"as":"chunks"}', BODY):
            self.assertEqual(self.ask(connection, body), (200, ANSWER))
        self.assertEqual(server.stop()["faults"], dict.fromkeys(FAULTS, 0))
        self.assertEqual(self.target.requests, 3)

    def test_resets_before_and_after(self):
        self.assertEqual(self.one("reset_before"), (ConnectionResetError, None, 0))
        self.assertEqual(self.one("reset_after"), (ConnectionResetError, None, 1))

    def test_has_a_copy_arrive_later_but_before_its_own_end(self):
        self.assertEqual(self.one("late_copy"), (ConnectionResetError, None, 1))

    def test_duplicates(self):
        self.assertEqual(self.one("duplicate"), (200, ANSWER, 2))

    def test_delays(self):
        self.assertEqual(self.one("delay"), (200, ANSWER, 1))

    def test_truncates(self):
        status, body, times = self.one("truncate", b'{"as":"chunks"}')
        self.assertEqual((issubclass(status, (http.client.HTTPException, OSError)), body, times), (True, None, 1))

    def test_answers_with_errors_before_and_after(self):
        status, _, times = self.one("error_before")
        self.assertEqual((status in (500, 503), times), (True, 0))
        status, _, times = self.one("error_after")
        self.assertEqual((status in (500, 503), times), (True, 1))

    def test_throttles(self):
        status, body, times = self.one("throttle")
        self.assertEqual((status, times), (400, 0))
        self.assertIn(b"#ThrottlingException", body)

    def test_falsifies_the_checksum(self):
        server, connection = self.start("bad_checksum")
        connection.request("POST", "/", BODY, signed())
        answer = connection.getresponse()
        self.assertEqual((answer.headers.get_all("x-amz-crc32"), answer.read()), (["1"], ANSWER))
        server.stop()

    def test_stalls_without_an_answer(self):
        status, body, _ = self.one("stall")
        self.assertEqual((status, body), (http.client.RemoteDisconnected, None))

    def test_closes_idle_connections(self):
        _, connection = self.start("close_idle")
        self.assertEqual(self.ask(connection), (200, ANSWER))
        self.assertEqual(connection.sock.recv(1), b"")

    def test_lets_nothing_through_that_is_no_request_of_dynamodb(self):
        server, _ = self.start()
        good = "POST / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in signed().items())
        length = f"content-length: {len(BODY)}\r\n"
        bad = [good.replace("POST", "GET") + length, good, good + length * 2, good + length + "a b: c\r\n",
               good + length + "folded\r\n", good + "transfer-encoding: chunked\r\n" + length,
               good.replace("localhost", "elsewhere") + length, good.replace("GetItem", "getItem") + length,
               good.replace("Signature=", "Signature=0") + length]
        where = urllib.parse.urlsplit(server.url)
        for head, body in [*((h, BODY) for h in bad), (good + length, BODY.replace(b"{", b"["))]:
            with self.subTest(head), socket.create_connection((where.hostname, where.port), timeout=60) as s:
                s.sendall(head.encode() + b"\r\n" + body)
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(s.recv(1), b"")
        self.assertEqual(len(server.stop()["malformed"]), len(bad) + 1)
        self.assertEqual(self.target.requests, 0)

    def test_has_a_method_for_each_fault(self):
        for fault in FAULTS:
            self.assertTrue(callable(getattr(fault_server.FaultServer, fault)))


if __name__ == "__main__":
    unittest.main()
