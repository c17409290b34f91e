"""The demo server (examples/beast_server) as a process, and visitors that talk to it over HTTP."""
import http.client
import os
import re
import secrets
import signal
import subprocess
import tempfile
import urllib.parse

LIMIT = 60  # seconds after which something that should have happened never will
ITEMS = {"notebook": "Notebook", "mug": "Coffee mug", "lamp": "Desk lamp"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


class DemoServer:
    """A started server. The port is free at the first start and stays the same at a restart."""

    def __init__(self, program, *arguments, **environment):
        self.program, self.arguments, self.port = program, arguments, 0
        self.environment = os.environ | CREDENTIALS | environment
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = None
        self.start()

    def start(self):
        self.asked_to_end = False
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--threads", "4", *self.arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.environment)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (https?)://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.stop()
            raise AssertionError(f"the server does not start: {line!r}\n{self.logged()}")
        self.url, self.port = line.split()[-1], int(found[2])

    def terminate(self):
        """Asks it to end, as a service manager would."""
        if not self.asked_to_end:
            self.asked_to_end = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """Ends it; the exit status."""
        self.terminate()
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()

    def close(self):
        self.stop()
        self.log.close()

    def logged(self):
        self.log.seek(0)
        return self.log.read()


def backend_arguments():
    """Sessions in the DynamoDB of DYNASESSION_ENDPOINT, in another table at each call; without it, in memory."""
    endpoint = os.environ.get("DYNASESSION_ENDPOINT")
    if not endpoint:
        return ["--backend", "memory"]
    return ["--backend", "dynamodb", "--endpoint-url", endpoint, "--table-name", f"demo-{secrets.token_hex(4)}",
            "--create-table"]


class Page:
    """An answer, with what a reader sees in it."""

    def __init__(self, answer):
        self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()

    def find(self, pattern):
        found = re.search(pattern, self.text)
        return found[1] if found else None

    @property
    def user(self):
        return self.find(r"<h1>Hello (.*)</h1>")

    @property
    def visits(self):
        return int(self.find(r'id="visits">(\d+)<'))

    @property
    def clicks(self):
        return int(self.find(r'id="clicks"[^>]*>(\d+)<'))

    @property
    def total(self):
        return self.find(r'id="total">€\u00a0([\d.]+)<')

    @property
    def token(self):
        return self.find(r'name="token" value="([^"]*)"')

    @property
    def notice(self):
        return self.find(r'role="status"[^>]*>([^<]*)<')

    @property
    def devices(self):
        """Names and handles, the handle of this one None."""
        return [(name, handle or None) for name, handle in
                re.findall(r'(?s)<li>.*?<b>(.*?)</b>.*?(?:value="([^"]*)"|This one).*?</li>', self.text)]

    def amount(self, item):
        return int(self.find(rf'aria-label="Remove one {ITEMS[item]}">−</button><span>(\d+)</span>'))


class Visitor:
    """A browser of few talents: it keeps one connection and the cookie, and follows nothing by itself."""

    def __init__(self, server, tls=None, cookie=None, user_agent=None):
        self.connection = (http.client.HTTPSConnection("127.0.0.1", server.port, timeout=LIMIT, context=tls) if tls else
                           http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT))
        self.name = "__Host-session" if tls else "session"
        self.cookie = cookie
        self.user_agent = user_agent
        self.token = ""

    def twin(self, server):
        """Another tab of the same browser."""
        other = Visitor(server, cookie=self.cookie, user_agent=self.user_agent)
        other.token = self.token
        return other

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.user_agent:
            headers["User-Agent"] = self.user_agent
        if self.cookie is not None:
            headers.setdefault("Cookie", f"{self.name}={self.cookie}")
        self.connection.request(method, path, body, headers)
        page = Page(self.connection.getresponse())
        for line in page.headers.get_all("Set-Cookie", []):
            name, value = line.split(";")[0].split("=", 1)
            if name == self.name:
                self.cookie = value or None
        return page

    def get(self, path="/", **headers):
        page = self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.token = page.token or self.token
        return page

    def post(self, path, headers=None, **fields):
        if path != "/login":
            fields.setdefault("token", self.token)
        return self.request("POST", path, urllib.parse.urlencode(fields),
                            {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {}))

    def log_in(self, name="Ana"):
        page = self.post("/login", name=name)
        assert page.status == 303, page.text
        self.get()
        return page

    def close(self):
        self.connection.close()
