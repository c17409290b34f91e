"""What processes noted of their operations (see worker.cpp), and whether the lists that they left agree with it.

Each operation appends its name to a list that only grows. So the list tells which operations were carried out, how
often and in which order, and the history what their callers were told.
"""
import collections
import dataclasses
import pathlib

VIOLATIONS = {
    "lost": "reported as done, and not in the list",
    "duplicated": "in the lists more than once",
    "applied_but_failed": "reported as not done, and in the list",
    "misplaced": "in a list that it was not meant for",
    "invented": "in a list, and nobody's operation",
    "order": "before an operation that had ended when it began",
    "program_order": "before an earlier one of the same thread",
    "vanished": "a session is not there, and nobody has destroyed it",
    "torn": "the history cannot be read",
}
ENDS = ("ok", "fail", "unknown", "none")
NEVER = float("inf")


@dataclasses.dataclass
class Operation:
    """One operation; times in ns. Without an end its process was killed, or still works on it."""
    name: str
    session: int
    key: str
    invoked: int
    held: list = dataclasses.field(default_factory=list)
    event: str = "open"
    error: str = "-"
    ended: float = NEVER

    @property
    def process(self):
        return self.name.rsplit(":", 2)[0]

    @property
    def actor(self):
        return self.name.rsplit(":", 1)[0]

    @property
    def number(self):
        return int(self.name.rsplit(":", 1)[1])


class History:
    """What is in the files of a folder; `read` may be called again as they grow."""

    def __init__(self, folder=None):
        self.folder = folder and pathlib.Path(folder)
        self.operations = {}
        self.open = collections.defaultdict(dict)  # process -> name -> operation
        self.counts = collections.Counter()  # of each event
        self.holds = collections.defaultdict(list)  # session -> (time, operation)
        self.oks = collections.defaultdict(list)  # session -> (time, operation)
        self.torn = []
        self.offsets = {}

    def read(self):
        for path in sorted(self.folder.glob("*.history")):
            with open(path, "rb") as file:
                file.seek(self.offsets.get(path, 0))
                text = file.read()
            whole = text.rfind(b"\n") + 1
            self.offsets[path] = self.offsets.get(path, 0) + whole
            for line in text[:whole].decode().splitlines():
                self.add(line)
        return self

    def add(self, line):
        try:
            time, event, name, session, key, error = line.split(" ")
            time, session = int(time), int(session)
            if event == "invoke":
                if name in self.operations:
                    raise ValueError("a second time")
                operation = Operation(name, session, key, time)
                self.operations[name] = self.open[operation.process][name] = operation
                return
            operation = self.operations[name]
            if (operation.session, operation.key, operation.event) != (session, key, "open"):
                raise ValueError("something else than was begun")
            if event == "hold":
                operation.held.append(time)
                self.holds[session].append((time, operation))
                return
            if event not in ENDS:
                raise ValueError("no such event")
        except (KeyError, ValueError) as problem:
            self.torn.append(f"{line!r}: {problem}")
            return
        operation.event, operation.error, operation.ended = event, error, time
        del self.open[operation.process][name]
        self.counts[event] += 1
        if event == "ok":
            self.oks[session].append((time, operation))

    def holders(self):
        """The processes that hold a session at this moment, as far as is known."""
        return [process for process, operations in self.open.items()
                if any(o.held for o in operations.values())]


def check(history, sessions):
    """The violations by their kinds. `sessions` has for each session its lists by their keys, or None."""
    found = {kind: [] for kind in VIOLATIONS}
    found["torn"] = list(history.torn)
    places = collections.defaultdict(list)
    for session, lists in enumerate(sessions):
        if lists is None:
            found["vanished"].append(f"session {session}")
            continue
        for key, names in lists.items():
            for index, name in enumerate(names):
                places[name].append((session, key, index))
            check_order(history, f"session {session}, {key}", names, found)
    for name in places.keys() - history.operations.keys():
        found["invented"].append(f"{name} at {places[name]}")
    for operation in history.operations.values():
        check_operation(operation, places.get(operation.name, []), found)
    return found


def check_operation(operation, places, found):
    right = [p for p in places if p[:2] == (operation.session, operation.key)]
    if len(places) > 1:
        found["duplicated"].append(f"{operation} at {places}")
    if len(right) < len(places):
        found["misplaced"].append(f"{operation} at {places}")
    if operation.event == "ok" and not right:
        found["lost"].append(str(operation))
    if operation.event in ("fail", "none") and places:
        found["applied_but_failed"].append(f"{operation} at {places}")
    if operation.event == "none":
        found["vanished"].append(str(operation))


def check_order(history, place, names, found):
    known = [history.operations[n] for n in dict.fromkeys(names) if n in history.operations]
    # From the end: the one behind that was done first. What is unknown may be carried out at any time after it began.
    first = None
    for operation in reversed(known):
        if first and first.ended < operation.invoked:
            found["order"].append(f"{place}: {operation} before {first}")
        if operation.event == "ok" and (first is None or operation.ended < first.ended):
            first = operation
    last = {}
    for operation in known:
        if operation.event == "ok":
            earlier = last.get(operation.actor)
            if earlier and earlier.number > operation.number:
                found["program_order"].append(f"{place}: {earlier} before {operation}")
            last[operation.actor] = operation


@dataclasses.dataclass
class Succession:
    """How a session went on that a process was working on when it was killed or paused."""
    held: bool
    to_next_hold: float  # seconds
    to_next_ok: float


def successions(history, process, at):
    """One for each session that the process had an open operation on at that time, in ns."""
    def wait(events, session):
        later = (time for time, o in events[session] if time > at and o.process != process)
        return (min(later, default=NEVER) - at) / 1e9

    sessions = collections.defaultdict(bool)
    for o in history.operations.values():
        if o.process == process and o.invoked < at < o.ended:
            sessions[o.session] |= any(time < at for time in o.held)
    return [Succession(held, wait(history.holds, s), wait(history.oks, s)) for s, held in sorted(sessions.items())]
