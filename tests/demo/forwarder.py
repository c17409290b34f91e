"""A TCP forwarder before DynamoDB that tells which operations pass, and that can hold requests back or be away."""
import re
import socket
import threading


class Forwarder:
    def __init__(self, host, port):
        self.target = (host, port)
        self.operations = []  # names such as GetItem, in the order of arrival
        self.arrived = threading.Condition()
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.sockets = []
        self.port = 0
        self.listen()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def go_away(self):
        """From now on connections are refused, and those that were open are gone."""
        for s in [self.listener, *self.sockets]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.sockets.clear()

    def come_back(self):
        self.listen()

    def wait_for(self, operation, limit):
        with self.arrived:
            if not self.arrived.wait_for(lambda: operation in self.operations, limit):
                raise AssertionError(f"no {operation} within {limit} s, only {self.operations}")

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            self.sockets += [near, far]
            threading.Thread(target=self.pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, False), daemon=True).start()

    def pump(self, source, sink, are_requests):
        try:
            while data := source.recv(65536):
                if are_requests:
                    with self.arrived:
                        self.operations += [m.decode() for m in
                                            re.findall(rb"(?i)x-amz-target: *DynamoDB_20120810\.(\w+)", data)]
                        self.arrived.notify_all()
                    self.open_gate.wait()
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            s.close()
