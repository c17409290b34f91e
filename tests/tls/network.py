"""TLS servers before DynamoDB, certificates for them, and those who listen on the way."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import with_emulator  # pylint: disable=import-error,wrong-import-position

LIMIT = 60  # seconds after which something that should have happened never will
POLL_SECONDS = 0.01
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def wait_until(holds, what):
    deadline = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {LIMIT} s")
        time.sleep(POLL_SECONDS)


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {arguments[0]} ended with {done.returncode}: {done.stderr}")


class Authority:
    """Issues certificates; `file` is what has to be trusted for them."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.file, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.file, "-subj", f"/CN=test authority {name}",
                "-days", 1)

    def issue(self, host, days=1, other_name=None):
        """A file with a certificate for this host and its key; with days below 0 it has expired. With another name that
        is the one that counts, and the host is the subject only."""
        stem = self.folder / f"{self.name}.{host}.{days}.{other_name}"
        request, certificate, key, names = (stem.with_name(stem.name + end) for end in (".csr", ".crt", ".key", ".ext"))
        names.write_text(f"subjectAltName={other_name or f'DNS:{host}'}\n")
        openssl("req", "-new", *KEY, "-keyout", key, "-out", request, "-subj", f"/CN={host}")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-set_serial", 2, "-days", days,
                "-extfile", names, "-out", certificate)
        both = stem.with_name(stem.name + ".pem")
        both.write_text(certificate.read_text() + key.read_text())
        return both


class TlsServer:
    """stunnel before a server that speaks plain http, in a process of its own; the same port at each start."""

    def __init__(self, folder, certificate, target, oldest="TLSv1.2", newest="TLSv1.3"):
        self.process = None
        self.folder = folder
        for _ in range(with_emulator.ATTEMPTS):
            self.port = with_emulator.free_port()
            self.log = folder / f"stunnel.{self.port}.log"
            self.configuration = folder / f"stunnel.{self.port}.conf"
            self.configuration.write_text(
                f"foreground = yes\npid =\nsyslog = no\ndebug = info\noutput = {self.log}\n[dynamodb]\n"
                f"accept = 127.0.0.1:{self.port}\nconnect = {target}\ncert = {certificate}\n"
                f"sslVersionMin = {oldest}\nsslVersionMax = {newest}\nciphers = DEFAULT@SECLEVEL=0\nsecurityLevel = 0\n")
            if self.start():
                return
        raise AssertionError(f"stunnel does not start:\n{self.logged()}")

    def start(self):
        """False = it ended at once; somebody else has the port."""
        self.process = subprocess.Popen(["stunnel4", self.configuration], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
                                        preexec_fn=with_emulator.die_with_parent)
        wait_until(lambda: self.process.poll() is not None or with_emulator.owns(self.process.pid, self.port),
                   "stunnel listens")
        return self.process.poll() is None

    def kill(self):
        """At once, with everything under way."""
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def hanging(self):
        """It holds its connections, and answers none."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # its threads run on until the last of them has heard of it
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process:
            self.kill()

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def reached_dynamodb(self):
        """How many connections came so far that plain bytes were passed on."""
        return self.logged().count("s_connect: connected")

    def resumed(self):
        return self.logged().count("previous session reused")


class Listener:
    """Takes connections and keeps all that clients send; what else becomes of a connection is for `serve`."""

    def __init__(self):
        self.heard = []  # a bytearray for each connection
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(near)
            self.heard.append(bytearray())
            threading.Thread(target=self.run, args=(near, self.heard[-1]), daemon=True).start()

    def run(self, near, heard):
        with near, contextlib.suppress(OSError):
            self.serve(near, heard)

    def serve(self, near, heard):
        raise NotImplementedError

    def hear(self, near, heard):
        data = near.recv(65536)
        heard += data
        return data

    def cut(self):
        """Ends all connections."""
        while self.sockets:
            with contextlib.suppress(OSError):
                self.sockets.pop().shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


class Wire(Listener):
    """Passes everything on to a port of this machine."""

    def __init__(self, target):
        self.target = target
        super().__init__()

    def serve(self, near, heard):
        self.pass_on(near, heard)

    def pass_on(self, near, heard):
        with socket.create_connection(("127.0.0.1", self.target)) as far:
            self.sockets.append(far)
            threading.Thread(target=self.answer, args=(far, near), daemon=True).start()
            while data := self.hear(near, heard):
                far.sendall(data)

    @staticmethod
    def answer(far, near):
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)


class Proxy(Wire):
    """Answers CONNECT, and passes on to its one target what follows, whoever was asked for."""

    def __init__(self, target, authorization=None):
        self.authorization = authorization
        self.asked = []  # the requests
        super().__init__(target)

    def serve(self, near, heard):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += near.recv(1)
        self.asked.append(request.decode())
        if self.authorization and f"\r\nProxy-Authorization: {self.authorization}\r\n" not in self.asked[-1]:
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            self.hear(near, heard)
            return
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.pass_on(near, heard)


class Rude(Listener):
    """Says this to the first bytes, and closes."""

    def __init__(self, farewell=b""):
        self.farewell = farewell
        super().__init__()

    def serve(self, near, heard):
        self.hear(near, heard)
        near.sendall(self.farewell)


def is_tls(data):
    """Whether these bytes are nothing but TLS records (RFC 8446, 5.1), the last of them perhaps cut."""
    while data:
        if data[0] not in (20, 21, 22, 23) or data[1:2] not in (b"", b"\x03"):
            return False
        length = 5 + int.from_bytes(data[3:5], "big")
        data = data[length:]
    return True
