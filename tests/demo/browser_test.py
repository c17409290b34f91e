#!/usr/bin/env python3
"""Uses the demo server as a person does, with Chromium: browser_test.py FOLDER-OF-THE-PROGRAMS

Leaves screenshots beside the programs, in demo_screenshots. With DYNASESSION_ENDPOINT the sessions are in the DynamoDB
there, and the server is restarted on the way.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from demo_server import LIMIT, DemoServer, Visitor, backend_arguments

PROGRAMS = pathlib.Path()
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-component-update",
         "--disable-background-networking", "--disable-sync", "--no-first-run"]
DESKTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


class Browser:
    """As much of the WebDriver protocol (W3C) as is needed here."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="dynasession.")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        self.session = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                self.base = f"http://127.0.0.1:{found[1]}"
                break
        else:
            raise AssertionError("chromedriver does not start")
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [*FLAGS, f"--user-data-dir={self.profile.name}"]}}}})
        self.session = f"/session/{made['sessionId']}"

    def close(self):
        try:
            if self.session:
                self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.communicate(timeout=LIMIT)
            self.profile.cleanup()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{method} {path}: {json.load(problem)['value']['message']}") from None

    def do(self, method, path, body=None):
        return self.call(method, self.session + path, body)

    def develop(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def back(self):
        """By the back button, and until the page is there: it may have been kept, and is loaded anew then."""
        self.do("POST", "/back", {})
        self.wait_until("document.readyState == 'complete' && !document.body.hidden")

    def evaluate(self, script):
        return self.do("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def find(self, selector):
        found = self.do("POST", "/element", {"using": "css selector", "value": selector})
        return "/element/" + next(iter(found.values()))

    def text(self, selector):
        return self.do("GET", self.find(selector) + "/text")

    def type(self, selector, text):
        self.do("POST", self.find(selector) + "/value", {"text": text})

    def submit(self, selector):
        """Clicks, and waits until another page has taken the place of this one."""
        before = self.evaluate("performance.timeOrigin")
        self.do("POST", self.find(selector) + "/click", {})
        self.wait_until(f"document.readyState == 'complete' && performance.timeOrigin != {before}")

    def wait_until(self, condition):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):  # between two pages there is nothing to evaluate in
                if self.evaluate(condition):
                    return
        raise AssertionError(f"never: {condition}")

    def screen(self, metrics, scheme="light"):
        self.develop("Emulation.setDeviceMetricsOverride", **metrics)
        self.develop("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        shot = self.develop("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


class Person(unittest.TestCase):
    def setUp(self):
        self.sessions_last = "DYNASESSION_ENDPOINT" in os.environ
        self.folder = PROGRAMS.parent / "demo_screenshots" / ("dynamodb" if self.sessions_last else "memory")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = DemoServer(PROGRAMS / "beast_server", *backend_arguments())
        self.addCleanup(self.server.close)
        self.browser = Browser()
        self.addCleanup(self.browser.close)
        self.browser.screen(DESKTOP)

    def picture(self, name):
        for device, metrics in (("desktop", DESKTOP), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                self.browser.screen(metrics, scheme)
                self.browser.screenshot(self.folder / f"{name}-{device}-{scheme}.png")
                self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), metrics["width"])
                small = self.browser.evaluate("[...document.querySelectorAll('button, input:not([type=hidden])')]"
                                              ".filter(e => e.offsetHeight < 44 || e.offsetWidth < 44).length")
                self.assertEqual(small, 0, "a finger needs 44 pixels")
        self.browser.screen(DESKTOP)

    def another_browser(self):
        b = Browser()
        self.addCleanup(b.close)
        b.screen(DESKTOP)
        return b

    def visitor(self, cookie=None):
        v = Visitor(self.server, cookie=cookie)
        self.addCleanup(v.close)
        return v

    def log_in(self, browser, name):
        browser.open(self.server.url)
        browser.type("#name", name)
        browser.submit("form button")
        self.assertEqual(browser.text("h1"), f"Hello {name}")

    def is_stranger(self, browser):
        browser.open(self.server.url)
        return browser.text("h1") == "Who are you?"

    def cookie(self, browser):
        [cookie] = browser.do("GET", "/cookie")
        return cookie

    def expect_no_complaints(self, browser, but="a^"):
        complaints = [entry["message"] for entry in browser.do("POST", "/se/log", {"type": "browser"})]
        self.assertEqual([c for c in complaints if not re.search(but, c)], [])

    def test_a_visit(self):
        b = self.browser
        b.open(self.server.url)
        self.assertEqual(b.text("h1"), "Who are you?")
        self.assertEqual(b.do("GET", "/cookie"), [])
        self.picture("log-in")

        self.log_in(b, "Ana & Luís")
        self.assertEqual(b.text(".notice"), "You are logged in.")
        cookie = self.cookie(b)
        self.assertEqual([cookie[k] for k in ("name", "httpOnly", "sameSite", "path", "secure", "domain")],
                         ["session", True, "Lax", "/", False, "127.0.0.1"])
        self.assertNotIn("expiry", cookie)
        self.assertEqual(b.evaluate("document.cookie"), "")

        b.submit("#count")
        b.submit("#count")
        self.assertEqual((b.text("#clicks"), b.text("#visits")), ("2", "3"))
        for label in ("Add one Notebook", "Add one Coffee mug", "Add one Coffee mug", "Remove one Notebook"):
            b.submit(f"button[aria-label='{label}']")
        self.assertEqual(b.text("#total"), "€ 23.80")
        self.assertEqual(b.text("#cart-notice"), "Notebook removed.")
        self.picture("shop")

        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        if self.sessions_last:
            b.open(self.server.url)
            self.assertEqual([b.text(s) for s in ("h1", "#clicks", "#total")], ["Hello Ana & Luís", "2", "€ 23.80"])
        else:
            self.assertTrue(self.is_stranger(b))
            self.log_in(b, "Ana & Luís")

        b.open(self.server.url + "/none")
        self.picture("notice")
        b.open(self.server.url)
        b.submit("#log-out")
        self.assertEqual((b.text("h1"), b.text(".notice")), ("Who are you?", "You are logged out."))
        self.picture("goodbye")
        self.assertEqual(b.do("GET", "/cookie"), [])
        for _ in range(3):
            b.back()
            self.assertNotIn("Hello", b.text("body"))
        self.expect_no_complaints(b, but=r"/none .* 404")

    def test_a_planted_cookie_is_not_adopted(self):
        b = self.browser
        mallory = self.visitor()
        mallory.log_in("Mallory")
        for planted in (mallory.cookie, "A" * 43, "nonsense"):
            b.open(self.server.url + "/none")
            b.do("DELETE", "/cookie")
            b.do("POST", "/cookie", {"cookie": {"name": "session", "value": planted, "path": "/"}})
            b.open(self.server.url + "/none")
            b.evaluate("(() => { document.querySelector('main').innerHTML = '<form method=post action=/login>"
                       "<input id=name name=name><button>Log in</button></form>'; })()")
            b.type("#name", "Victor")
            b.submit("main button")
            self.assertEqual(b.text("h1"), "Hello Victor")
            self.assertNotEqual(self.cookie(b)["value"], planted)
            self.assertIsNone(self.visitor(planted).get().user)

    def test_devices_are_logged_out_from_another_one(self):
        here, there = self.browser, self.another_browser()
        self.log_in(here, "Ana")
        self.log_in(there, "Ana")
        there.open(self.server.url + "/devices")
        here.open(self.server.url)
        here.submit("nav a[href='/devices']")
        self.assertEqual(here.evaluate("document.querySelectorAll('.devices li').length"), 2)
        self.assertIn("Chrome on Linux", here.text(".devices"))
        self.picture("devices")

        here.submit(".devices button")
        self.assertEqual(here.text(".notice"), "That device is logged out.")
        self.assertEqual(here.evaluate("document.querySelectorAll('.devices li').length"), 1)
        self.assertTrue(self.is_stranger(there))

        self.log_in(there, "Ana")
        here.open(self.server.url + "/devices")
        here.submit("#end-others")
        self.assertEqual(here.text(".notice"), "All your other devices are logged out.")
        self.picture("devices-alone")
        self.assertTrue(self.is_stranger(there))
        here.open(self.server.url)
        self.assertEqual(here.text("h1"), "Hello Ana")

        self.log_in(there, "Ana")
        there.open(self.server.url + "/devices")
        here.open(self.server.url + "/devices")
        here.submit("#end-all")
        self.assertEqual(here.text("h1"), "Who are you?")
        self.assertEqual(here.do("GET", "/cookie"), [])
        self.assertTrue(self.is_stranger(there))
        for b in (here, there):
            for _ in range(3):
                b.back()
                self.assertNotIn("Ana", b.text("body"))
            self.expect_no_complaints(b)


class LivePage(unittest.TestCase):
    """The page of examples/beast_websocket.cpp."""

    def setUp(self):
        self.server = subprocess.Popen([PROGRAMS / "beast_websocket"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait, LIMIT)
        self.addCleanup(self.server.terminate)
        self.url = self.server.stdout.readline().split()[-1]
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def test_it_notices_that_the_session_has_ended(self):
        b = self.browser
        b.open(self.url)
        b.wait_until("document.body.innerText.includes('You are a visitor')")
        [cookie] = b.do("GET", "/cookie")
        elsewhere = urllib.request.Request(self.url + "/logout", b"", {"Cookie": f"session={cookie['value']}"})
        with urllib.request.urlopen(elsewhere, timeout=LIMIT) as answer:
            self.assertEqual(answer.status, 204)
        b.wait_until("document.body.innerText.includes('You have been logged out.')")
        complaints = [entry["message"] for entry in b.do("POST", "/se/log", {"type": "browser"})]
        self.assertEqual([c for c in complaints if "/favicon.ico" not in c], [])

    def test_pages_of_other_sites_get_no_socket(self):
        b = self.browser
        b.open(self.url)
        b.wait_until("document.body.innerText.includes('You are a visitor')")
        [cookie] = b.do("GET", "/cookie")
        host = self.url.removeprefix("http://")
        for origin, cookies in (("http://elsewhere.example", f"session={cookie['value']}"), (self.url, ""),
                                (self.url, "session=" + "A" * 43)):
            with socket.create_connection(host.split(":"), timeout=LIMIT) as s:
                s.sendall(f"GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookies}\r\n"
                          "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
                self.assertEqual(s.recv(1000), b"")


def main():
    global PROGRAMS
    if len(sys.argv) < 2:
        sys.exit("browser_test.py: expected the folder of the programs")
    PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
