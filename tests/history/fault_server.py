#!/usr/bin/env python3
"""A reverse proxy that does to requests and answers what networks and services do on bad days.

    fault_server.py --target http://127.0.0.1:8000 [--rate 0.08] [--seed 1] [--faults reset_before,late_copy]
                    [--trace FILE]

Prints "listening on http://127.0.0.1:PORT". At SIGTERM it lets everything that is under way arrive, so that nothing
changes after its end, and prints what it did as one line of JSON.
"""
import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

SECRET = "secret"
STALL_SECONDS = 3  # the attempt timeout of the client is 2 s
# How often one comes compared with the others. What has the client wait for seconds is rarer.
FAULTS = {
    "reset_before": 3,  # the request is lost, and the connection reset
    "reset_after": 3,  # carried out, the answer lost, and the connection reset
    "duplicate": 2,  # carried out twice; the answer of the first
    "late_copy": 3,  # reset at once, carried out 50 to 600 ms later
    "delay": 2,  # 0.1 to 1 s on the way there or back
    "truncate": 2,  # carried out, the connection closed in the middle of the answer
    "error_before": 2,  # 500 instead
    "error_after": 2,  # carried out, then 500
    "throttle": 1,
    "bad_checksum": 2,  # carried out, x-amz-crc32 wrong
    "stall": 0.3,  # carried out or not, no answer
    "close_idle": 2,  # answered, the connection closed a little later, perhaps under the next request
}
ERRORS = (
    ("500 Internal Server Error", "application/x-amz-json-1.0",
     b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"made up"}'),
    ("500 Internal Server Error", "text/html", b"<html><body><h1>500</h1></body></html>"),
    ("503 Service Unavailable", "text/plain", b""),
)
THROTTLED = ("400 Bad Request", "application/x-amz-json-1.0",
             b'{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}')
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
HEADER = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\x20-\x7e\t]*?)[ \t]*")
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=\w+/(\d{8})/([\w-]+)/dynamodb/aws4_request, "
                           r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})")


class Malformed(Exception):
    """A request is not what DynamoDB takes."""


def demand(holds, what):
    if not holds:
        raise Malformed(what)


def read_head(head):
    """The header fields of a request, by their names in lower case."""
    first, *lines = head[:-4].split(b"\r\n")
    demand(first == b"POST / HTTP/1.1", f"the request line {first!r}")
    headers = {}
    for line in lines:
        field = HEADER.fullmatch(line)
        demand(field, f"the header field {line!r}")
        name = field[1].decode().lower()
        demand(name not in headers, f"{name} twice")
        headers[name] = field[2].decode()
    demand(headers.get("content-length", "").isdigit(), "no Content-Length")
    for name in ("host", "content-type", "x-amz-target", "x-amz-date", "authorization"):
        demand(headers.get(name), f"no {name}")
    demand("transfer-encoding" not in headers, "two lengths")
    return headers


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check(headers, body):
    """Checks the body and the signature (AWS Signature Version 4)."""
    demand(re.fullmatch(r"DynamoDB_20120810\.[A-Z]\w+", headers["x-amz-target"]), "the target")
    try:
        demand(isinstance(json.loads(body), dict), "the body is no JSON object")
    except ValueError as problem:
        raise Malformed(f"the body is no JSON: {problem}") from problem
    found = AUTHORIZATION.fullmatch(headers["authorization"])
    demand(found, "the form of Authorization")
    day, region, signed, signature = found.groups()
    names = signed.split(";")
    demand(names == sorted(names) and {"host", "x-amz-date", "x-amz-target"} <= set(names), "the signed headers")
    canonical = "\n".join(["POST", "/", "", *(f"{n}:{headers.get(n, '')}" for n in names), "", signed,
                           hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/{region}/dynamodb/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, "dynamodb", "aws4_request"):
        key = digest(key, part)
    demand(digest(key, text).hex() == signature, "the signature")


async def read_answer(reader):
    """A whole answer, as it came."""
    answer = head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        return answer + await reader.readexactly(int(length[1]))
    while True:  # chunked: DynamoDB Local does that from 32 KiB on
        size = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(size, 16) + 2)
        answer += size + chunk
        if chunk == b"\r\n":
            return answer


def made_up(status, content_type, body):
    return (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def reset(writer):
    linger = struct.pack("ii", 1, 0)  # close() sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


class FaultServer:
    """Each fault is a method of its name, which returns whether the connection can serve on."""

    def __init__(self, target, rate, seed, faults, trace=None):
        self.target, self.rate, self.trace = target, rate, trace
        self.kinds, self.weights = list(faults), list(faults.values())
        self.random = random.Random(seed)
        self.counts = dict.fromkeys(faults, 0)
        self.requests = 0
        self.unanswered = 0  # by the target: nothing that we wanted
        self.malformed = []
        self.idle = []  # connections to the target
        self.under_way = set()

    async def run(self):
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await stop.wait()
        server.close()
        while self.under_way:
            await asyncio.wait(self.under_way)
        print(json.dumps({"requests": self.requests, "faults": self.counts, "malformed": self.malformed,
                          "unanswered": self.unanswered}), flush=True)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = read_head(head)
                body = await reader.readexactly(int(headers["content-length"]))
                check(headers, body)
                self.requests += 1
                what = self.one_of_the_faults()
                self.note(what.__name__, head + body)
                if not await what(head + body, writer):
                    break
        except Malformed as problem:
            self.malformed.append(str(problem))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two has gone, or all is over
        finally:
            writer.close()

    def one_of_the_faults(self):
        if self.random.random() >= self.rate:
            return self.answer
        fault = self.random.choices(self.kinds, self.weights)[0]
        self.counts[fault] += 1
        return getattr(self, fault)

    async def forward(self, request):
        """The answer of the target. Nothing that happens to the caller keeps the request from being carried out."""
        task = asyncio.ensure_future(self.exchange(request))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    async def exchange(self, request):
        while self.idle and self.idle[-1][0].at_eof():
            self.idle.pop()[1].close()
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(*self.target)
        try:
            writer.write(request)
            answer = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            self.unanswered += 1
            writer.close()
            raise
        self.idle.append((reader, writer))
        self.note("carried out", request, answer)
        return answer

    def note(self, what, request, answer=b""):
        """A line of the trace: what met with which fault, and when it was carried out."""
        if self.trace:
            attempt = re.findall(rb"(?i)\r\namz-sdk-(?:invocation-id|request): *([^\r;]*)", request)
            texts = [b" ".join(attempt), request.partition(b"\r\n\r\n")[2], answer[9:12],
                     answer.partition(b"\r\n\r\n")[2]]
            print(time.monotonic_ns(), what, *(text.decode(errors="replace") for text in texts), sep="\t",
                  file=self.trace, flush=True)

    def in_background(self, work):
        task = asyncio.ensure_future(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def send(self, writer, answer):
        writer.write(answer)
        await writer.drain()
        return True

    async def answer(self, request, writer):
        return await self.send(writer, await self.forward(request))

    # ---- the faults

    async def reset_before(self, _, writer):
        reset(writer)
        return False

    async def reset_after(self, request, writer):
        await self.forward(request)
        reset(writer)
        return False

    async def duplicate(self, request, writer):
        answer = await self.forward(request)
        self.in_background(self.quietly(request, 0))
        return await self.send(writer, answer)

    async def late_copy(self, request, writer):
        self.in_background(self.quietly(request, self.random.uniform(0.05, 0.6)))
        reset(writer)
        return False

    async def quietly(self, request, pause):
        await asyncio.sleep(pause)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.exchange(request)

    async def delay(self, request, writer):
        there = self.random.random() < 0.5
        pause = self.random.uniform(0.1, 1)
        if there:
            await asyncio.sleep(pause)
        answer = await self.forward(request)
        if not there:
            await asyncio.sleep(pause)
        return await self.send(writer, answer)

    async def truncate(self, request, writer):
        answer = await self.forward(request)
        await self.send(writer, answer[:self.random.randrange(1, len(answer))])
        return False

    async def error_before(self, _, writer):
        return await self.send(writer, made_up(*self.random.choice(ERRORS)))

    async def error_after(self, request, writer):
        await self.forward(request)
        return await self.send(writer, made_up(*self.random.choice(ERRORS)))

    async def throttle(self, _, writer):
        return await self.send(writer, made_up(*THROTTLED))

    async def bad_checksum(self, request, writer):
        answer = await self.forward(request)
        first, rest = answer.split(b"\r\n", 1)
        rest = re.sub(rb"(?im)^x-amz-crc32:.*\r\n", b"", rest, count=1)
        return await self.send(writer, first + b"\r\nx-amz-crc32: 1\r\n" + rest)

    async def stall(self, request, _):
        if self.random.random() < 0.5:
            await self.forward(request)
        await asyncio.sleep(STALL_SECONDS)
        return False

    async def close_idle(self, request, writer):
        await self.answer(request, writer)
        await asyncio.sleep(self.random.uniform(0, 0.05))
        return False


class FaultServerProcess:
    """The server as a process of its own."""

    def __init__(self, target, rate, seed=1, faults=None, trace=None):
        self.report = None
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--target", target, "--rate", str(rate), "--seed", str(seed),
             *(["--faults", ",".join(faults)] if faults else []), *(["--trace", trace] if trace else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().rpartition(" ")[2].strip()
        if not self.url:
            raise RuntimeError(f"the fault server does not start: exit status {self.process.wait()}")

    def stop(self):
        """Has everything that is under way arrive; what the server did."""
        if self.report is None:
            self.process.terminate()
            out, _ = self.process.communicate(timeout=60)
            self.report = json.loads(out)
        return self.report

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    parser = argparse.ArgumentParser(description="A proxy that loses, repeats, delays and damages.")
    parser.add_argument("--target", required=True, metavar="URL")
    parser.add_argument("--rate", type=float, default=0.08, help="the part of the requests that meet with a fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join(FAULTS), help="these alone")
    parser.add_argument("--trace", type=argparse.FileType("w"), help="note all that happens there")
    arguments = parser.parse_args()
    names = arguments.faults.split(",")
    if not set(names) <= set(FAULTS):
        parser.error(f"the faults are {', '.join(FAULTS)}")
    where = urllib.parse.urlsplit(arguments.target)
    faults = {name: FAULTS[name] for name in names}
    target = where.hostname, where.port
    asyncio.run(FaultServer(target, arguments.rate, arguments.seed, faults, arguments.trace).run())


if __name__ == "__main__":
    main()
