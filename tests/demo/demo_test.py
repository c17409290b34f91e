#!/usr/bin/env python3
"""Drives the demo server over HTTP: demo_test.py FOLDER-OF-THE-PROGRAMS [unittest arguments]

Sessions are in memory, or with DYNASESSION_ENDPOINT in the DynamoDB there.
"""
import base64
import contextlib
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

from demo_server import ITEMS, LIMIT, DemoServer, Visitor, backend_arguments
from forwarder import Forwarder

PROGRAM = ""
ENDPOINT = os.environ.get("DYNASESSION_ENDPOINT")
MADE_UP = "A" * 43  # has the shape of an id


def exchange(port, data):
    """All that the server sends when it gets these bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as s:
        s.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := s.recv(65536):
                answer += part
        return answer


def status_of(answer):
    return int(answer.split()[1]) if answer else None


class ServerTest(unittest.TestCase):
    """Tests that share a server."""

    @classmethod
    def setUpClass(cls):
        cls.server = DemoServer(PROGRAM, *backend_arguments())
        cls.addClassCleanup(cls.server.close)

    def visitor(self, **arguments):
        v = Visitor(self.server, **arguments)
        self.addCleanup(v.close)
        return v

    def logged_in(self, name="Ana"):
        v = self.visitor()
        v.log_in(name)
        return v


class Sessions(ServerTest):
    def test_a_visitor_without_a_session_gets_a_form_and_no_cookie(self):
        page = self.visitor().get()
        self.assertEqual(page.status, 200)
        self.assertIn('action="/login"', page.text)
        self.assertIsNone(page.headers["Set-Cookie"])

    def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(self):
        page = self.visitor().post("/login", name="Ana")
        self.assertEqual((page.status, page.headers["Location"]), (303, "/"))
        value, *attributes = page.headers["Set-Cookie"].split("; ")
        self.assertRegex(value, r"^session=[A-Za-z0-9_-]{43}$")
        self.assertEqual(sorted(attributes), ["HttpOnly", "Path=/", "SameSite=Lax"])

    def test_the_cookie_is_set_once_and_not_at_every_request(self):
        ana = self.logged_in()
        self.assertIsNone(ana.get().headers["Set-Cookie"])
        self.assertIsNone(ana.post("/count").headers["Set-Cookie"])

    def test_visits_and_clicks_are_counted_for_each_visitor(self):
        ana, bob = self.logged_in("Ana"), self.logged_in("Bob")
        for _ in range(3):
            self.assertEqual(ana.post("/count").status, 303)
        page = ana.get()
        self.assertEqual((page.user, page.visits, page.clicks), ("Ana", 2, 3))
        page = bob.get()
        self.assertEqual((page.user, page.visits, page.clicks), ("Bob", 2, 0))

    def test_the_cart_adds_removes_and_sums(self):
        ana = self.logged_in()
        for item in ("notebook", "mug", "mug", "lamp"):
            self.assertEqual(ana.post("/cart/add", item=item).headers["Location"], "/#cart")
        ana.post("/cart/remove", item="lamp")
        ana.post("/cart/remove", item="lamp")
        page = ana.get()
        self.assertEqual([page.amount(i) for i in ITEMS], [1, 2, 0])
        self.assertEqual(page.total, "28.30")
        self.assertEqual(ana.post("/cart/add", item="yacht").status, 400)

    def test_of_parallel_clicks_none_is_lost(self):
        ana = self.logged_in()
        times = 10
        actions = [("/count", {})] * 3 + [("/cart/add", {"item": i}) for i in ITEMS]
        together = threading.Barrier(len(actions))
        failures = []

        def click(path, fields):
            tab = ana.twin(self.server)
            with contextlib.closing(tab):
                together.wait(LIMIT)
                failures.extend(s for _ in range(times) if (s := tab.post(path, **fields).status) != 303)

        threads = [threading.Thread(target=click, args=a) for a in actions]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        page = ana.get()
        self.assertEqual(failures, [])
        self.assertEqual([page.clicks] + [page.amount(i) for i in ITEMS], [3 * times] + [times] * 3)

    def test_a_log_in_changes_the_id_and_the_old_one_is_dead(self):
        attacker = self.logged_in("Mallory")
        victim = self.visitor(cookie=attacker.cookie)
        victim.log_in("Victor")
        self.assertNotEqual(victim.cookie, attacker.cookie)
        self.assertEqual(victim.get().user, "Victor")
        self.assertIsNone(attacker.get().user)

    def test_an_id_that_somebody_made_up_does_not_become_a_session(self):
        victim = self.visitor(cookie=MADE_UP)
        victim.log_in("Victor")
        self.assertNotEqual(victim.cookie, MADE_UP)
        self.assertIsNone(self.visitor(cookie=MADE_UP).get().user)

    def test_nothing_of_the_session_before_comes_along_when_somebody_else_logs_in(self):
        ana = self.logged_in()
        ana.post("/cart/add", item="lamp")
        ana.log_in("Bob")
        page = ana.get()
        self.assertEqual((page.user, page.amount("lamp"), page.clicks), ("Bob", 0, 0))

    def test_a_log_out_ends_the_session_wherever_its_id_is_known(self):
        ana = self.logged_in()
        id_before, tab = ana.cookie, ana.twin(self.server)
        page = ana.post("/logout")
        self.assertEqual((page.status, page.headers["Location"]), (303, "/?goodbye"))
        self.assertIn("Max-Age=0", page.headers["Set-Cookie"])
        self.assertIsNone(ana.cookie)
        self.assertIsNone(self.visitor(cookie=id_before).get().user)
        self.assertEqual(tab.post("/count").status, 303)
        self.assertIsNone(tab.get().user)
        tab.close()

    def test_cookies_that_are_no_ids_are_ignored(self):
        ana = self.logged_in()
        good = f"session={ana.cookie}"
        for cookies in ("session=", "session", "session=short", f"session={MADE_UP}x", f"Session={ana.cookie}",
                        f"xsession={ana.cookie}", f"session ={ana.cookie}", f"x={good}", ";;;=;",
                        "a=b; " * 200):
            with self.subTest(cookies):
                page = self.visitor().get(Cookie=cookies)
                self.assertEqual((page.status, page.user, page.headers["Set-Cookie"]), (200, None, None))
        for cookies in (good, f"a=b; {good}", f"{good};c=d", f"session=junk; {good}", f"a;;\t{good}",
                        f'session="{ana.cookie}"'):
            with self.subTest(cookies):
                self.assertEqual(self.visitor().get(Cookie=cookies).user, "Ana")

    def test_a_message_is_shown_once(self):
        ana = self.visitor()
        ana.post("/login", name="Ana")
        self.assertEqual([ana.get().notice, ana.get().notice], ["You are logged in.", None])
        ana.post("/cart/add", item="mug")
        self.assertEqual([ana.get().notice, ana.get().notice], ["Coffee mug added.", None])
        self.assertEqual(ana.get(ana.post("/logout").headers["Location"]).notice, "You are logged out.")
        self.assertIsNone(ana.get().notice)

    def test_pages_escape_what_visitors_say(self):
        page = self.logged_in("<script>alert('x')</script> & {token} \"co\"").get()
        self.assertNotIn("<script>alert", page.text)
        self.assertEqual(page.user, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; {token} &quot;co&quot;")

    def test_names_are_checked(self):
        v = self.visitor()
        for name in ("", "   ", "x" * 161, b"\xff\xfe"):
            page = v.post("/login", name=name)
            self.assertEqual((page.status, page.headers["Set-Cookie"]), (400, None), name)
        v.log_in("Ünsal 🦉 and a space")
        self.assertEqual(v.get().user, "Ünsal 🦉 and a space")

    def test_the_times_of_the_session_are_shown(self):
        page = self.logged_in().get()
        moments = [time.mktime(time.strptime(m, "%Y-%m-%dT%H:%M:%SZ")) for m in
                   re.findall(r'<time datetime="([^"]*)"', page.text)]
        self.assertEqual(len(moments), 3)
        created, expires, deadline = moments
        self.assertGreaterEqual(expires - created, 1800)
        self.assertEqual(deadline - created, 12 * 3600)


class Devices(ServerTest):
    def setUp(self):
        self.user = f"user-{secrets.token_hex(4)}"  # whom nobody else is
        self.ana = self.on("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0")

    def on(self, user_agent):
        v = self.visitor(user_agent=user_agent)
        v.log_in(self.user)
        return v

    def names(self):
        return [name for name, _ in self.ana.get("/devices").devices]

    def handle(self, name):
        [handle] = [h for n, h in self.ana.get("/devices").devices if n == name]
        return handle

    def test_the_last_log_in_comes_first_and_this_one_is_told(self):
        self.on("Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/16.5 Mobile/15E148 Safari/604.1")
        self.on(None)
        self.assertEqual(self.names(), ["A browser", "Safari on iPhone", "Firefox on Linux"])
        self.assertIsNone(self.handle("Firefox on Linux"))
        self.assertRegex(self.handle("A browser"), r"^[A-Za-z0-9_-]{32}$")
        self.assertEqual(self.visitor().get("/devices").status, 303)

    def test_browsers_have_names_that_people_know(self):
        chrome = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36"
        for user_agent, name in (
                (chrome.format("Windows NT 10.0; Win64; x64"), "Chrome on Windows"),
                (chrome.format("Windows NT 10.0; Win64; x64") + " Edg/114.0.1823.51", "Edge on Windows"),
                (chrome.format("X11; CrOS x86_64 14541.0.0") + " OPR/100.0.0.0", "Opera on ChromeOS"),
                (chrome.format("Linux; Android 10; K"), "Chrome on Android"),
                (chrome.format("Macintosh; Intel Mac OS X 10_15_7"), "Chrome on macOS"),
                ("Mozilla/5.0 (iPad; CPU OS 13_4 like Mac OS X) AppleWebKit/605.1.15 FxiOS/115.0 Mobile/15E148", "Firefox on iPad"),
                ("curl/7.88.1", "curl"), ("<b>", "A browser")):
            self.on(user_agent)
            self.assertEqual(self.names()[0], name)

    def test_one_device_is_logged_out(self):
        other = self.on("curl/7.88.1")
        handle = self.handle("curl")
        page = self.ana.post("/devices/end", device=handle)
        self.assertEqual((page.status, page.headers["Location"]), (303, "/devices"))
        self.assertIsNone(other.get().user)
        page = self.ana.get("/devices")
        self.assertEqual((page.notice, len(page.devices)), ("That device is logged out.", 1))
        self.ana.post("/devices/end", device=handle)
        self.assertEqual(self.ana.get("/devices").notice, "That device was logged out already.")

    def test_all_others_are_logged_out(self):
        others = [self.on("curl/7.88.1") for _ in range(3)]
        id_before = self.ana.cookie
        self.ana.post("/count")
        self.assertEqual(self.ana.post("/devices/end-others").headers["Location"], "/devices")
        self.assertEqual([o.get().user for o in others], [None] * 3)
        page = self.ana.get("/devices")
        self.assertEqual((page.notice, page.devices), ("All your other devices are logged out.", [("Firefox on Linux", None)]))
        self.assertEqual((self.ana.get().clicks, self.ana.cookie), (1, id_before))
        self.assertEqual(self.on("curl/7.88.1").get().user, self.user)

    def test_all_are_logged_out_and_may_come_back(self):
        other = self.on("curl/7.88.1")
        page = self.ana.post("/devices/end-all")
        self.assertEqual((page.headers["Location"], self.ana.cookie), ("/?goodbye", None))
        self.assertIsNone(other.get().user)
        self.ana.log_in(self.user)
        self.assertEqual(self.names(), ["Firefox on Linux"])

    def test_the_device_in_use_is_logged_out_as_by_the_button(self):
        twin = self.ana.twin(self.server)
        self.addCleanup(twin.close)
        handle = dict(self.on("curl/7.88.1").get("/devices").devices)["Firefox on Linux"]
        self.assertEqual(self.ana.post("/devices/end", device=handle).headers["Location"], "/?goodbye")
        self.assertIsNone(self.ana.cookie)
        self.assertIsNone(twin.get().user)

    def test_devices_of_others_are_out_of_reach(self):
        self.on("curl/7.88.1")
        handle = self.handle("curl")
        bob = self.logged_in(f"{self.user}-bob")
        bob.post("/devices/end", device=handle)
        bob.post("/devices/end-others")
        bob.post("/devices/end-all")
        self.assertEqual(len(self.names()), 2)
        for nonsense in ("", "x", handle + "x", "A" * 31 + "="):
            self.assertEqual(self.ana.post("/devices/end", device=nonsense).status, 400)
        for path in ("/devices/end", "/devices/end-others", "/devices/end-all"):
            self.assertEqual(self.ana.post(path, token="x", device=handle).status, 403)
        self.assertEqual(len(self.names()), 2)

    def test_there_are_twenty_at_most(self):
        for _ in range(20):
            self.on("curl/7.88.1")
        self.assertIsNone(self.ana.get().user)


class Requests(ServerTest):
    def test_a_form_needs_the_token_of_its_session(self):
        ana, bob = self.logged_in("Ana"), self.logged_in("Bob")
        for path in ("/count", "/cart/add", "/logout", "/devices/end-all"):
            for token in ("", "x", bob.token):
                self.assertEqual(ana.post(path, token=token, item="lamp").status, 403)
        page = ana.get()
        self.assertEqual((page.user, page.clicks, page.amount("lamp")), ("Ana", 0, 0))

    def test_other_sites_cannot_log_a_visitor_in(self):
        for site in ("cross-site", "same-site"):
            page = self.visitor().post("/login", {"Sec-Fetch-Site": site}, name="Mallory")
            self.assertEqual((page.status, page.headers["Set-Cookie"]), (403, None))
        self.assertEqual(self.visitor().post("/login", {"Sec-Fetch-Site": "same-origin"}, name="Ana").status, 303)

    def test_every_page_forbids_caching_framing_and_foreign_scripts(self):
        ana = self.logged_in()
        for page in (self.visitor().get(), ana.get(), ana.get("/devices"), ana.get("/none"), ana.post("/count"),
                     ana.post("/count", token="")):
            self.assertEqual(page.headers["Cache-Control"], "no-store")
            self.assertEqual(page.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(page.headers["Referrer-Policy"], "no-referrer")
            policy = page.headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertRegex(policy, "script-src 'sha256-[A-Za-z0-9+/]{43}=';")

    def test_unknown_addresses_and_wrong_methods_have_their_answers(self):
        v = self.visitor()
        self.assertEqual(v.get("/none").status, 404)
        self.assertEqual(v.get("/index.html?a=/").status, 404)
        self.assertEqual(v.get("/?a=b").status, 200)
        page = v.get("/count")
        self.assertEqual((page.status, page.headers["Allow"]), (405, "POST"))
        page = v.request("DELETE", "/")
        self.assertEqual((page.status, page.headers["Allow"]), (405, "GET, HEAD"))

    def test_head_tells_the_size_and_counts_nothing(self):
        ana = self.logged_in()
        page = ana.request("HEAD", "/")
        self.assertEqual((page.status, page.text), (200, ""))
        self.assertGreater(int(page.headers["Content-Length"]), 1000)
        self.assertEqual(ana.get().visits, 2)

    def test_bodies_and_headers_that_are_too_large_are_refused(self):
        head = b"POST /count HTTP/1.1\r\nHost: x\r\n"
        port = self.server.port
        self.assertEqual(status_of(exchange(port, head + b"Content-Length: 999999999\r\n\r\n")), 413)
        self.assertEqual(status_of(exchange(port, head + b"Content-Length: 200000\r\n\r\n" + b"x" * 200000)), 413)
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        self.assertEqual(status_of(exchange(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4)), 413)
        self.assertEqual(status_of(exchange(port, head + b"X: " + b"x" * 20000 + b"\r\n\r\n")), 431)

    def test_what_is_not_http_is_refused(self):
        for garbage in (b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
                        b"GET /\x01 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
                        b"POST /count HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            with self.subTest(garbage):
                self.assertEqual(status_of(exchange(self.server.port, garbage)), 400)
        self.assertEqual(self.visitor().get().status, 200)

    def test_requests_in_one_packet_are_answered_in_order(self):
        answer = exchange(self.server.port, b"GET /1 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", answer), [b"404", b"200"])

    def test_the_log_names_sessions_but_holds_nothing_of_them(self):
        name = f"name-{secrets.token_hex(4)}"
        ana = self.logged_in(name)
        first = ana.cookie
        ana.log_in(name)
        ana.post("/cart/add", item="lamp")
        other = self.logged_in(name)
        [handle] = [h for _, h in ana.get("/devices").devices if h]
        ana.post("/devices/end", device=handle)
        self.visitor(cookie=first).get()
        self.visitor(cookie=MADE_UP).get()
        self.visitor(cookie=f"{ana.cookie}.{MADE_UP}").get()
        exchange(self.server.port, b"GET /\xc3\xa9\x7f HTTP/1.1\r\nConnection: close\r\n\r\n")
        log = self.server.logged()
        self.assertRegex(log, r"(?m)^127\.0\.0\.1 GET /devices 200 sid:[0-9a-f]{8} \d+us$")
        self.assertRegex(log, r"(?m)^security: unknown_id sid:[0-9a-f]{8}$")
        self.assertRegex(log, r"(?m)^security: malformed_id $")
        for secret in (first, ana.cookie, other.cookie, MADE_UP, ana.token, name, handle, "lamp"):
            self.assertNotIn(secret, log)
        self.assertTrue(log.isascii())


class SignedIds(unittest.TestCase):
    def server(self, secret):
        server = DemoServer(PROGRAM, *self.backend, SESSION_SECRET=secret)
        self.addCleanup(server.close)
        return server

    def visitor(self, server, **arguments):
        v = Visitor(server, **arguments)
        self.addCleanup(v.close)
        return v

    def test_only_what_the_server_has_signed_counts(self):
        self.backend = backend_arguments()
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        server = self.server(secret)
        ana = self.visitor(server)
        ana.log_in()
        self.assertRegex(ana.cookie, r"^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$")
        bare, signature = ana.cookie.split(".")
        for forged in (bare, f"{bare}.{MADE_UP}", f"{MADE_UP}.{signature}", ana.cookie + "A"):
            self.assertIsNone(self.visitor(server, cookie=forged).get().user)
        log = server.logged()
        self.assertIn("security: bad_signature", log)
        for text in (secret, bare, signature):
            self.assertNotIn(text, log)
        if ENDPOINT:
            self.assertEqual(self.visitor(self.server(secret), cookie=ana.cookie).get().user, "Ana")
            other = base64.b64encode(secrets.token_bytes(32)).decode()
            self.assertIsNone(self.visitor(self.server(other), cookie=ana.cookie).get().user)

    def test_a_secret_that_is_none_is_told_but_not_shown(self):
        run = subprocess.run([PROGRAM, "--port", "0"], capture_output=True, text=True, timeout=LIMIT,
                             env=os.environ | {"SESSION_SECRET": "swordfish"})
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("openssl rand -base64 32", run.stderr)
        self.assertNotIn("swordfish", run.stderr)


class Stopping(unittest.TestCase):
    def test_a_stop_closes_idle_and_half_open_connections_and_ends_with_success(self):
        server = DemoServer(PROGRAM, *backend_arguments())
        self.addCleanup(server.close)
        idle = Visitor(server)
        idle.get()
        with contextlib.closing(idle), socket.create_connection(("127.0.0.1", server.port)) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: ")
            self.assertEqual(server.stop(), 0)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))

    def test_a_port_that_is_taken_is_told(self):
        server = DemoServer(PROGRAM, "--backend", "memory")
        self.addCleanup(server.close)
        second = subprocess.run([PROGRAM, "--port", str(server.port)], capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual((second.returncode, second.stdout), (1, ""))
        self.assertIn("in use", second.stderr)


class Https(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        folder = pathlib.Path(scratch.name)
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=demo", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", certificate], check=True, capture_output=True)
        self.server = DemoServer(PROGRAM, *backend_arguments(), "--certificate", certificate, "--private-key", key)
        self.addCleanup(self.server.close)
        self.tls = ssl.create_default_context(cafile=certificate)

    def test_the_cookie_is_bound_to_the_host_and_to_https(self):
        ana = Visitor(self.server, tls=self.tls)
        self.addCleanup(ana.close)
        page = ana.log_in()
        value, *attributes = page.headers["Set-Cookie"].split("; ")
        self.assertRegex(value, r"^__Host-session=[A-Za-z0-9_-]{43}$")
        self.assertEqual(sorted(attributes), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"])
        ana.post("/count")
        self.assertEqual(ana.get().clicks, 1)
        self.assertIsNone(ana.get(Cookie=f"session={ana.cookie}").user)
        self.assertIn("Secure", ana.post("/logout").headers["Set-Cookie"])

    def test_plain_http_gets_nothing_and_the_server_stops_with_open_connections(self):
        self.assertNotIn(b"HTTP/", exchange(self.server.port, b"GET / HTTP/1.1\r\n\r\n"))
        ana = Visitor(self.server, tls=self.tls)
        ana.log_in()
        self.assertEqual(self.server.stop(), 0)
        ana.close()


class StoreThatIsAway(unittest.TestCase):
    def test_nobody_is_logged_out_when_the_store_cannot_be_reached(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # does not listen: connections are refused
            server = DemoServer(PROGRAM, "--backend", "dynamodb", "--endpoint-url",
                                f"http://127.0.0.1:{nobody.getsockname()[1]}")
            self.addCleanup(server.close)
            v = Visitor(server, cookie=MADE_UP)
            self.addCleanup(v.close)
            v.token = "x"
            for page in (v.get(), v.request("HEAD", "/"), v.post("/count"), v.post("/logout"),
                         v.post("/login", name="Ana")):
                self.assertEqual((page.status, page.headers["Set-Cookie"]), (503, None))
                self.assertTrue(page.headers["Retry-After"].isdigit())
            self.assertIn("session store: ", server.logged())
            without = Visitor(server)
            self.addCleanup(without.close)
            self.assertEqual(without.get().status, 200)


@unittest.skipIf(ENDPOINT, "what is in DynamoDB outlives its server")
class Memory(unittest.TestCase):
    def test_sessions_end_with_the_server_and_visitors_log_in_again(self):
        server = DemoServer(PROGRAM, "--backend", "memory")
        self.addCleanup(server.close)
        ana = Visitor(server)
        self.addCleanup(ana.close)
        ana.log_in()
        self.assertEqual(server.stop(), 0)
        server.start()
        ana.close()
        self.assertIsNone(ana.get().user)
        ana.log_in()
        self.assertEqual(ana.get().user, "Ana")


@unittest.skipUnless(ENDPOINT, "what is in memory ends with its server")
class Dynamodb(unittest.TestCase):
    def setUp(self):
        where = urllib.parse.urlsplit(ENDPOINT)
        self.forwarder = Forwarder(where.hostname, where.port)
        self.addCleanup(self.forwarder.go_away)
        self.server = DemoServer(PROGRAM, "--backend", "dynamodb", "--endpoint-url", self.forwarder.url, "--table-name",
                                 f"demo-{secrets.token_hex(4)}", "--create-table")
        self.addCleanup(self.server.close)
        self.ana = Visitor(self.server)
        self.addCleanup(self.ana.close)
        self.ana.log_in()
        self.forwarder.operations.clear()

    def test_sessions_survive_a_restart_of_the_server(self):
        self.ana.post("/cart/add", item="mug")
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.ana.close()
        page = self.ana.get()
        self.assertEqual((page.user, page.amount("mug")), ("Ana", 1))

    def test_a_session_is_still_there_when_the_store_comes_back(self):
        self.ana.post("/count")
        self.forwarder.go_away()
        for page in (self.ana.get(), self.ana.post("/count")):
            self.assertEqual((page.status, page.headers["Set-Cookie"]), (503, None))
        self.forwarder.come_back()
        page = self.ana.get()
        self.assertEqual((page.user, page.clicks), ("Ana", 1))

    def stranger(self, server):
        v = Visitor(server)
        self.addCleanup(v.close)
        return v

    def test_strangers_cost_nothing_and_made_up_ids_write_nothing(self):
        stranger = self.stranger(self.server)
        stranger.get()
        stranger.get(Cookie="session=nonsense")
        self.assertEqual(self.forwarder.operations, [])
        stranger.cookie, stranger.token = MADE_UP, "x"
        stranger.get()
        stranger.post("/count")
        # A lock on condition that there is such a session, and a look why not.
        self.assertEqual(self.forwarder.operations, ["UpdateItem", "GetItem"] * 2)

    def test_with_a_secret_made_up_ids_cost_nothing(self):
        server = DemoServer(PROGRAM, *self.server.arguments, SESSION_SECRET="5e" * 32)
        self.addCleanup(server.close)
        stranger = self.stranger(server)
        self.forwarder.operations.clear()
        for cookie in (MADE_UP, f"{MADE_UP}.{MADE_UP}"):
            stranger.cookie, stranger.token = cookie, "x"
            stranger.get()
            stranger.post("/count")
        self.assertEqual(self.forwarder.operations, [])

    def test_a_request_that_is_under_way_is_answered_before_the_server_ends(self):
        self.forwarder.open_gate.clear()
        pages = []
        request = threading.Thread(target=lambda: pages.append(self.ana.get()))
        request.start()
        self.forwarder.wait_for("UpdateItem", LIMIT)
        self.server.terminate()
        deadline = time.monotonic() + LIMIT
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                socket.create_connection(("127.0.0.1", self.server.port)).close()
        self.forwarder.open_gate.set()
        request.join()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual([p.user for p in pages], ["Ana"])


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit("demo_test.py: expected the folder of the programs")
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)) / "beast_server")
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
