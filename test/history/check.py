"""Judges histories of append.c: does an isolation level's promise hold?

    check.py FILE...

Lists only grow, by one value at a time, and every value is appended once: a
list that was read tells which transactions came before.  From that follow
the dependencies between committed transactions,

    ww  the next one to append to the same list,
    wr  who has read what the other appended,
    rw  who has read a list without what the other appended to it,
    rt  who began after the other's commit had returned,

and what a level rules out is a kind of cycle.  Each anomaly that is found is
printed; the status is 1 then.
"""
import sys
from collections import defaultdict

LEVELS = {"C": "read committed", "R": "repeatable read", "S": "serializable"}


class Transaction:
    def __init__(self, fields, ops):
        self.session = int(fields[1])
        self.level = fields[2]
        self.begin = int(fields[3])
        self.end = int(fields[4])
        self.outcome = fields[5]
        self.ops = ops
        self.appends = defaultdict(list)  # key: values that it leaves
        self.undone = set()  # values that a savepoint took back
        self.reads = []  # (key, values of others, as a number of them)

    def __str__(self):
        ops = ";".join(" ".join(str(x) for x in op) for op in self.ops)
        if len(ops) > 500:
            ops = ops[:500] + "..."
        return (f"session {self.session}, {LEVELS[self.level]}, "
                f"{self.begin}..{self.end} {self.outcome}: {ops}")


class History:
    """What a file says, and the anomalies found in it."""

    def __init__(self, lines):
        self.transactions = []
        self.final = {}  # key: values in their order
        self.anomalies = []
        self.allowed = 0  # knots of dependencies that the level allows
        self.reads = 0
        for line in lines:
            fields = line.rstrip("\n").split(" ", 6)
            if fields[0] == "T":
                ops = [tuple(op.split(" ")) for op in fields[6].split(";") if op]
                self.transactions.append(Transaction(fields, ops))
            elif fields[0] == "F":
                self.final[fields[1]] = fields[2].split(",")

    def anomaly(self, name, text, *transactions):
        self.anomalies.append((name, text, transactions))

    # ---- values ----

    def note_appends(self):
        """Who appended what; what a transaction leaves and what it undoes."""
        self.writer = {}
        for t in self.transactions:
            since = None
            for op in t.ops:
                if op[0] == "s":
                    since = []
                elif op[0] == "x":
                    for key, value in since or []:
                        t.appends[key].remove(value)
                        t.undone.add(value)
                    since = None
                elif op[0] == "a":
                    t.appends[op[1]].append(op[2])
                    self.writer[op[2]] = t
                    if since is not None:
                        since.append((op[1], op[2]))

    def decide_unknown(self):
        """A transaction whose commit got no answer has committed exactly if
        what it appended is there."""
        present = {value for values in self.final.values() for value in values}
        for t in self.transactions:
            if t.outcome == "u":
                values = [v for vs in t.appends.values() for v in vs]
                t.outcome = "c" if values and values[0] in present else "a"
                t.end = None if t.outcome == "c" else t.end

    def check_final(self):
        """Every committed value is there once, no other is."""
        self.position = {}
        for key, values in self.final.items():
            for i, value in enumerate(values):
                t = self.writer.get(value)
                if (key, value) in self.position:
                    self.anomaly("duplicate", f"{value} is in list {key} twice", t)
                elif t is None:
                    self.anomaly("garbage", f"nobody appended {value} in list {key}")
                elif t.outcome != "c" or value not in t.appends[key]:
                    self.anomaly("dirty write", f"{value} is in list {key}", t)
                self.position[key, value] = i
        for t in self.transactions:
            if t.outcome != "c":
                continue
            for key, values in t.appends.items():
                at = [self.position.get((key, value)) for value in values]
                if None in at:
                    self.anomaly("lost append", f"{values} to list {key}", t)
                elif at != list(range(at[0], at[0] + len(at))) if at else False:
                    self.anomaly("G0", f"{values} are apart in list {key}", t)

    def check_read(self, t, key, text, own):
        """One read: a prefix of the list, then what t itself has appended.
        Returns how many values of others, or None."""
        values = text.split(",") if text else []
        mine = len(own)
        if (values[-mine:] if mine else []) != own:
            self.anomaly("internal", f"list {key} was read without the own {own}", t)
            return None
        others = values[:-mine] if mine else values
        final = self.final.get(key, [])
        if len(set(values)) != len(values):
            self.anomaly("duplicate", f"list {key} was read as {text}", t)
        if others == final[:len(others)]:
            # the common case; what is final is committed
            if others:
                last = self.writer.get(others[-1])
                if last is not None and last is not t and \
                        last.appends[key][-1:] != [others[-1]]:
                    self.anomaly("G1b", f"list {key} was read up to {others[-1]}", t, last)
            return len(others)
        for value in others:
            writer = self.writer.get(value)
            if writer is None:
                self.anomaly("garbage", f"list {key} was read with {value}", t)
            elif writer.outcome != "c" or value in writer.undone:
                self.anomaly("G1a", f"list {key} was read with {value}", t, writer)
            elif writer is t:
                self.anomaly("internal", f"list {key} was read with the own {value} amid others", t)
            elif value not in writer.appends[key]:
                self.anomaly("garbage", f"list {key} was read with {value} of another list", t, writer)
        self.anomaly("incompatible order", f"list {key} was read as {text}, it is {','.join(final)}", t)
        return None

    def check_reads(self):
        for t in self.transactions:
            own = defaultdict(list)
            saved = None
            seen = {}
            for op in t.ops:
                if op[0] == "a":
                    own[op[1]].append(op[2])
                elif op[0] == "s":
                    saved = {k: list(v) for k, v in own.items()}
                elif op[0] == "x" and saved is not None:
                    own = defaultdict(list, saved)
                    saved = None
                elif op[0] == "r":
                    self.reads += 1
                    n = self.check_read(t, op[1], op[2] if len(op) > 2 else "", own[op[1]])
                    if n is None:
                        continue
                    if t.level != "C" and seen.setdefault(op[1], n) != n:
                        self.anomaly("fuzzy read", f"list {op[1]} was read with {seen[op[1]]} and {n} values of others", t)
                    if n < seen.get(op[1], 0):
                        self.anomaly("not monotonic", f"list {op[1]} was read with {seen[op[1]]} and then {n} values of others", t)
                    seen[op[1]] = n
                    t.reads.append((op[1], n))

    # ---- cycles ----

    def build(self):
        """edges[kind][i]: transactions that depend on transaction i.  Moments
        between transactions are nodes as well, after these."""
        committed = [t for t in self.transactions if t.outcome == "c"]
        self.nodes = committed
        number = {id(t): i for i, t in enumerate(committed)}
        self.edges = {kind: defaultdict(set) for kind in ("ww", "wr", "rw", "rt")}

        def writer_of(value):
            t = self.writer.get(value)
            return number.get(id(t)) if t is not None else None

        def add(kind, a, b):
            if a is not None and b is not None and a != b:
                self.edges[kind][a].add(b)

        for values in self.final.values():
            for a, b in zip(values, values[1:]):
                add("ww", writer_of(a), writer_of(b))
        for i, t in enumerate(committed):
            for key, n in t.reads:
                final = self.final.get(key, [])
                if n > 0:
                    add("wr", writer_of(final[n - 1]), i)
                while n < len(final) and writer_of(final[n]) == i:
                    n += 1
                if n < len(final):
                    add("rw", i, writer_of(final[n]))
        # one node for each end; who begins later hangs on the last one before
        events = sorted([(t.end, 1, i) for i, t in enumerate(committed) if t.end is not None] +
                        [(t.begin, 0, i) for i, t in enumerate(committed)])
        moment = None
        following = len(committed)
        for _, is_end, i in events:
            if is_end:
                if moment is not None:
                    self.edges["rt"][moment].add(following)
                self.edges["rt"][i].add(following)
                moment = following
                following += 1
            elif moment is not None:
                self.edges["rt"][moment].add(i)
        self.count = following

    def is_snapshot(self, i):
        return i < len(self.nodes) and self.nodes[i].level != "C"

    def successors(self, kinds):
        """A function from a state (node, came by rw) to the next ones.  rw
        counts where one snapshot stands for the whole reader, and only where
        the step before was none."""
        def function(state):
            node, by_rw = state
            for kind in kinds:
                if kind != "rw":
                    for b in self.edges[kind].get(node, ()):
                        yield (b, False)
            if "rw" in kinds and not by_rw and self.is_snapshot(node):
                for b in self.edges["rw"].get(node, ()):
                    yield (b, True)
        return function

    def any_successors(self, state):
        for kind in ("ww", "wr", "rw"):
            for b in self.edges[kind].get(state[0], ()):
                yield (b, False)

    def kind_of(self, a, b):
        return "/".join(k for k in ("ww", "wr", "rw", "rt") if b in self.edges[k].get(a, ()))

    def report_cycle(self, name, component, successors):
        cycle = shortest_cycle(component, successors)
        nodes = [node for node, _ in cycle]
        kinds = [self.kind_of(a, b) for a, b in zip(nodes, nodes[1:] + nodes[:1])]
        shown = [i for i in nodes if i < len(self.nodes)]
        if name is None:
            weak = sum(kind == "rw" for kind in kinds)
            name = "G-single" if weak == 1 else "G-nonadjacent" if weak else "G1c"
        if any(kind == "rt" for kind in kinds):
            name += "-realtime"
        self.anomaly(name, " ".join(kinds), *[self.nodes[i] for i in shown])

    def check_cycles(self):
        tests = [("G0", self.successors(("ww",))), ("G1c", self.successors(("ww", "wr"))),
                 (None, self.successors(("ww", "wr", "rw"))),
                 ("G1c", self.successors(("ww", "wr", "rt"))),
                 (None, self.successors(("ww", "wr", "rw", "rt")))]
        # PostgreSQL promises it among serializable transactions
        if all(t.level == "S" for t in self.nodes):
            tests.append(("G2", self.any_successors))
        else:
            self.allowed = len(components(self.count, self.any_successors))
        for name, successors in tests:
            before = len(self.anomalies)
            for component in components(self.count, successors):
                self.report_cycle(name, component, successors)
            if len(self.anomalies) > before:
                break

    def check(self):
        self.note_appends()
        self.decide_unknown()
        self.check_final()
        self.check_reads()
        self.build()
        self.check_cycles()
        return self.anomalies


def components(count, successors):
    """Strongly connected components of more than one state (Tarjan's, without
    recursion)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in range(count):
        root = (root, False)
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, successors(root))]
        while work:
            state, rest = work[-1]
            for after in rest:
                if after not in index:
                    index[after] = low[after] = len(index)
                    stack.append(after)
                    on_stack.add(after)
                    work.append((after, successors(after)))
                    break
                if after in on_stack:
                    low[state] = min(low[state], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.add(member)
                        if member == state:
                            break
                    if len(component) > 1:
                        found.append(component)
    return found


def shortest_cycle(component, successors):
    """A shortest cycle within a component, by breadth first from some of its
    states."""
    best = None
    for start in sorted(component)[:200]:
        before = {start: None}
        layer = [start]
        while layer:
            following = []
            for state in layer:
                for after in successors(state):
                    if after == start:
                        path = [state]
                        while before[path[-1]] is not None:
                            path.append(before[path[-1]])
                        path.reverse()
                        if best is None or len(path) < len(best):
                            best = path
                        following = []
                        break
                    if after in component and after not in before:
                        before[after] = state
                        following.append(after)
                else:
                    continue
                break
            layer = following
    return best


def main(files):
    status = 0
    for number, name in enumerate(files, 1):
        with open(name, encoding="ascii") as file:
            history = History(file)
        history.check()
        levels = defaultdict(int)
        for t in history.transactions:
            if t.outcome == "c":
                levels[LEVELS[t.level]] += 1
        summary = ", ".join(f"{n} {level}" for level, n in sorted(levels.items()))
        edges = ", ".join(f"{sum(map(len, e.values()))} {k}" for k, e in history.edges.items())
        print(f"# committed: {summary}; {history.reads} lists read; dependencies: {edges}; "
              f"{history.allowed} knots of the kind that the level allows")
        for anomaly, text, transactions in history.anomalies[:10]:
            status = 1
            print(f"# {anomaly}: {text}")
            for t in transactions:
                print(f"#     {t}")
        if not levels or history.reads == 0:
            status = 1
            print("# nothing to judge")
        good = "not ok" if history.anomalies or not levels else "ok"
        print(f"{good} {number} - {len(history.anomalies)} anomalies in {history.reads} lists read")
    print(f"1..{len(files)}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
