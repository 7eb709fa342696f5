#!/usr/bin/env python3
"""The protocol of the snapshot-exact cache as an executable model.

    python3 model.py FROM TO [MUTANT]     histories with the seeds FROM .. TO-1

A history is a random interleaving of small steps: transactions write, publish
marks, prepare, commit and abort; readers take one step at a time; fills are
stored late; the settler changes rows and trims the log in separate steps; the
server crashes, losing commits that were not flushed and giving out their xids
again; the store is reset and revived; the floor advances; TVIEWs are created
and dropped.  Every read is compared with the view under the same snapshot.

MUTANT takes one rule out (README.md lists them); `if s.bug == '...'` marks the
place of each rule.  What is one line here is atomic in the implementation too:
one LMDB transaction, one append under the log's mutex, one load.
"""
import itertools
import random
import sys

from world import ALL, LOOKUP, RELS, ROOT, TOUCH, VALIDITY, KEYS, VALUES, IN, CO, AB, Snapshot, World

UNKNOWN = 1 << 60             # the floor of an epoch that has none yet


class Entry:
    """a stored row; a hollow one is None instead: a key, and perhaps index entries, without a value"""
    def __init__(self, val, tags, covers):
        self.val, self.tags, self.covers = val, tags, covers


class Marks:
    """what a copy of the log (or the own transaction's set) says, by tag; records are (tag, xid, pk, gone)"""
    def __init__(self, records):
        self.xids, self.pks, self.gone = {}, {}, set()
        for tag, xid, pk, gone in records:
            self.xids.setdefault(tag, set()).add(xid)
            if pk is not None: self.pks.setdefault(tag, set()).add(pk)
            if gone: self.gone.add((tag[0], xid))

    def on(self, tags):
        """the xids whose marks concern these tags: on the tag itself, or all(R)"""
        out = set()
        for t in tags:
            out |= self.xids.get(t, set())
            out |= self.xids.get(ALL(t[0]), set())
        return out

    def touches(self, tags): return any(t in self.xids or ALL(t[0]) in self.xids for t in tags)
    def keys_of(self, rel): return {t[2] for t in self.xids if t[0] == rel and t[1] == 'pk'}


class Store:
    """one epoch: the LMDB environment (rows, index, complete, floors of TVIEWs) and the mark log"""
    def __init__(self, ring):
        self.rows = {E: {} for E in RELS}
        self.index = {E: set() for E in RELS}     # (tag, pk)
        self.complete = dict.fromkeys(RELS, False)
        self.view_floor = dict.fromkeys(RELS, 0)
        self.floor = self.born = UNKNOWN
        self.late_floor = 0                       # mutant latefloor
        self.ring = [None] * ring
        self.head = self.tail = 0                 # positions count records and never wrap

    def clear(self, E): self.rows[E], self.index[E], self.complete[E] = {}, set(), False
    def room(self): return len(self.ring) - (self.tail - self.head)
    def append(self, record): self.ring[self.tail % len(self.ring)] = record; self.tail += 1
    def records(self, start, end): return [self.ring[p % len(self.ring)] for p in range(start, end)]
    def marks(self): return Marks(self.records(self.head, self.tail))

    def put(self, E, pk, row, covers):
        """row None: no root row, so that the key leaves the universe with its index entries"""
        self.index[E] = {(t, k) for t, k in self.index[E] if k != pk}
        if row is None: self.rows[E].pop(pk, None); return
        self.rows[E][pk] = Entry(row.val, row.tags, covers)
        self.index[E] |= {(t, pk) for t in row.index}


class Transaction:
    def __init__(self, rng):
        self.xid, self.snap = None, None
        self.iso = rng.choice(['rc', 'rr'])
        self.phase = 'run'                        # run, publishing, published, prepared, late (a mutant)
        self.reads_only = rng.random() < .3
        self.own = []                             # records not yet published
        self.wrote, self.locked, self.gone = set(), set(), set()   # relations
        self.creating = None                      # the TVIEW that it creates
        self.busy = 0                             # a reader of its own is under way


class Reader:
    """one scan; its steps, in this order, are the order that the implementation must keep:
    S snapshot, E epoch, H head, L begin of the LMDB transaction, F floor, T tail; then the check"""
    ORDER = {'tailearly': 'SEHTLF', 'headlate': 'SELHFT', 'floorearly': 'SEHFLT', 'floorfirst': 'SEFHLT',
             'snaplate': 'EHLFTS', 'epochearly': 'ESHLFT', 'floorlast': 'SEHLTF'}
    def __init__(self, E, want, tx, own, bug):
        self.E, self.want, self.tx, self.own = E, want, tx, own    # want: None (all), ('key', pk) or ('look', tag)
        self.todo = list(self.ORDER.get(bug, 'SEHLFT'))
        self.snap = self.store = self.marks = self.floor = self.rows = None
        self.trimmed = False


class Fill:
    """what a reader computed and may store: items are (pk, Row or None when there is no root row)"""
    def __init__(self, store, E, snap, items, whole=False, creator=None):
        self.store, self.E, self.snap, self.items, self.whole, self.creator = store, E, snap, items, whole, creator


class Waiting:
    """rows of a reader that wait to be stored, with their covers; nobody keeps their snapshot: items are (pk, Row, covers)"""
    def __init__(self, store, E, created, snap, head, items):
        self.store, self.E, self.created, self.snap, self.head, self.items = store, E, created, snap, head, items


class Violation(Exception): pass


class Model(World):
    def __init__(s, seed, bug=None):
        super().__init__()
        s.rng, s.bug = random.Random(seed), bug
        s.rate = s.WEIGHTS | s.OTHERS | s.CLIMATES[seed % len(s.CLIMATES)]
        s.exists = {E: 9 if s.rng.random() < s.rate['shown'] else None for E in RELS}   # the creator's xid, visible TVIEWs only
        # rows wait in a third of the histories; mutants of other rules keep the histories that catch them
        s.late = random.Random(-seed)
        s.waits = seed // len(s.CLIMATES) % 3 == 2 and (bug is None or bug.startswith('wait'))
        s.waiting = []
        s.store = Store(s.rate['ring'])                         # None: epoch 0, nobody serves, stores or publishes
        s.store.floor = s.store.born = s.next
        s.settling = None
        s.events = list(s.WEIGHTS)
        s.weights = list(itertools.accumulate(s.rate[e] for e in s.events))
        s.count = dict(reads=0, bypassed=0, hits=0, recomputed=0, stored=0, waited=0, created=0, resets=0)

    # ---- writing and publishing ----
    def take_xid(s, t):
        if t.xid is None:
            t.xid = s.next; s.status[s.next] = IN; s.active.add(s.next); s.next += 1
            if t.snap: t.snap = Snapshot(t.snap.xmin, t.snap.xmax, t.snap.xip, t.xid)

    def dependents(s, t, rel):
        """the TVIEWs whose triggers t fires: visible ones and its own"""
        return [E for E in RELS if rel in RELS[E] and (s.exists[E] or t.creating == E)]

    def mark(s, t, rel, old, new):
        """the row trigger: validity columns always; index-only ones when the row comes, goes, moves or changes there"""
        deps = s.dependents(t, rel)
        tracked = {c for E in deps for c in VALIDITY[E][rel]}
        index_only = {c for E in deps if ROOT[E] == rel for c in LOOKUP[E]} - tracked
        moved = not (old and new) or (old['pk'] != new['pk'] and s.bug != 'nokeychange')
        for row in (old, new):
            if row is None: continue
            for c in sorted(tracked):
                if c == '~':
                    if s.bug != 'notouch': t.own.append((TOUCH(rel), t.xid, None, False))
                elif not (s.bug == 'nofk' and c == 'fk'): t.own.append(((rel, c, row[c]), t.xid, row['pk'], False))
            for c in sorted(index_only):
                if not moved and old[c] == new[c]: continue
                if s.bug == 'nooldindex' and old and new and row is old: continue
                if s.bug == 'nonewindex' and old and new and row is new: continue
                t.own.append(((rel, c, row[c]), t.xid, row['pk'], False))
        if deps and s.rng.random() < .02:         # the set collapses
            t.own = [m for m in t.own if m[0][0] != rel or m[3]] + [(ALL(rel), t.xid, None, False)]

    def write(s, t):
        rel = s.rng.choice(['company', 'user', 'user', 'post', 'post', 'post', 'comment', 'comment'])
        others = [o for o in s.txs if o is not t]
        if any(rel in o.gone or rel in o.locked for o in others): return         # TRUNCATE, CREATE: waits
        s.take_xid(t)
        S, x, heap = s.statement_snapshot(t), t.xid, s.heap[rel]
        def live(v): return s.status.get(v[1]) in (CO, IN) and not (v[2] == x or s.status.get(v[2]) == CO)
        def free(pk): return not any(v[0]['pk'] == pk and live(v) for v in heap)
        if s.rng.random() < s.rate['truncate']:   # TRUNCATE waits for writers and for readers
            if any(rel in o.wrote for o in others): return
            if s.bug != 'noreadlock' and any(rel in RELS[r.E] for r in s.readers): return
            for v in heap:
                if live(v): v[2] = x
            t.wrote.add(rel); t.gone.add(rel)
            if s.dependents(t, rel): t.own.append((ALL(rel), x, None, True))
            return
        op = s.rng.choice(['insert', 'update', 'update', 'delete'])
        if op == 'insert':
            row = dict(pk=s.rng.randrange(KEYS), fk=s.rng.randrange(VALUES), code=s.rng.randrange(VALUES),
                       data=s.rng.random(), hidden=s.rng.random() < .2)
            if not free(row['pk']): return
            heap.append([row, x, None]); s.mark(t, rel, None, row)
        else:
            def seen(y): return y == x or s.sees(S, y)
            found = [v for v in heap if seen(v[1]) and s.status.get(v[2]) not in (IN, CO)]
            if not found: return
            v = s.rng.choice(found); old = v[0]
            if op == 'delete': v[2] = x; s.mark(t, rel, old, None)
            else:
                row = dict(old, data=s.rng.random())
                if s.rng.random() < .3: row['fk'] = s.rng.randrange(VALUES)
                if s.rng.random() < .3: row['code'] = s.rng.randrange(VALUES)
                if s.rng.random() < .2: row['hidden'] = not row['hidden']
                if s.rng.random() < .1 and free(pk := s.rng.randrange(KEYS)): row['pk'] = pk
                v[2] = x; heap.append([row, x, None]); s.mark(t, rel, old, row)
        t.wrote.add(rel)

    def publish(s, t):
        """PRE_COMMIT, PRE_PREPARE: in several appends, if need be; no epoch, no marks: the floor will pass us"""
        for _ in range(s.rng.randrange(1, 9)):
            if not t.own: break
            if s.store and s.store.room() == 0: s.relieve()
            if s.store: s.store.append(t.own[-1])
            t.own.pop()
        if not t.own: t.phase = s.rng.choice(['published', 'published', 'prepared'])
        if t.phase == 'prepared': s.flush()

    def finish(s, t):
        """commit or abort"""
        x, ok = t.xid, s.rng.random() < s.rate['commit']
        s.status[x] = CO if ok else AB
        s.active.discard(x); s.txs.remove(t)
        if not ok:
            s.fills = [f for f in s.fills if f.creator is not t]
            return
        s.unflushed.add(x)
        if t.phase == 'prepared' or t.gone or s.rng.random() < s.rate['flushed']: s.flush()
        for rel in t.gone:                        # the old storage is gone for every snapshot
            s.heap[rel] = [v for v in s.heap[rel] if v[1] == x and v[2] != x]
        if t.creating: s.exists[t.creating] = x
        s.fills = [f for f in s.fills if f.creator is not t]
        if s.bug == 'latepublish' and t.own: t.phase = 'late'; t.busy = 0; s.txs.append(t)

    # ---- reading ----
    def begin_read(s, t):
        shown = [E for E in RELS if s.exists[E] or (t and t.creating == E)]
        if not shown: return
        E = s.rng.choice(shown)
        # the scan locks the base tables before anything else: it waits for a TRUNCATE, and then no TRUNCATE gets in
        if s.bug != 'noreadlock' and any(o is not t and o.gone & set(RELS[E]) for o in s.txs): return
        want, dice = None, s.rng.random()
        if dice < .45: want = ('key', s.rng.randrange(KEYS))
        elif dice < .75 and LOOKUP[E]: want = ('look', (ROOT[E], s.rng.choice(LOOKUP[E]), s.rng.randrange(VALUES)))
        r = Reader(E, want, t, Marks(t.own if t else []), s.bug)
        if t: t.busy = 1
        s.readers.append(r); s.run_read(r)

    def run_read(s, r):
        """all the remaining steps in one go, or some of them"""
        n = len(r.todo)
        for _ in range(n if s.rng.random() < s.rate['hurry'] else s.rng.randrange(1, n + 1)):
            getattr(s, 'read_' + r.todo.pop(0))(r)
        if r.todo: return
        s.readers.remove(r)
        if r.tx: r.tx.busy = 0
        s.check(r)
        while s.fills and s.fills[-1].snap is r.snap and s.rng.random() < .9: s.store_some(s.fills[-1])   # mostly at once

    def read_S(s, r): r.snap = s.statement_snapshot(r.tx) if r.tx else s.snapshot()
    def read_E(s, r): r.store = s.store
    def read_H(s, r):
        """the backend has copied some of the log earlier: marks up to r.copied are in its memory"""
        if r.store:
            r.head = r.store.head
            r.copied = r.head if s.rng.random() < .3 else r.store.tail
            r.known = r.store.records(r.head, r.copied)
    def read_L(s, r):
        if r.store:
            r.rows, r.index = dict(r.store.rows[r.E]), r.store.index[r.E]
            r.complete, r.view_floor = r.store.complete[r.E], r.store.view_floor[r.E]
    def read_F(s, r): r.floor = r.store.floor if r.store else UNKNOWN
    def read_T(s, r):
        if r.store:
            r.trimmed = r.store.head > r.copied and s.bug != 'notrimcheck'   # the slots may have been used again
            r.marks = Marks(r.known + r.store.records(r.copied, r.store.tail))

    def valid(s, e, S, marks, own):
        """the heart: the xids with marks on the row's tags that S sees are exactly those that the row covers"""
        return e is not None and not own.touches(e.tags) and \
            all((x in e.covers) == s.sees(S, x) for x in marks.on(e.tags))

    def all_changed(s, rel, marks, own):
        """all(root) is pending: keys may be missing, so only the view knows"""
        return ALL(rel) in own.xids or any(s.status.get(x) == CO for x in marks.xids.get(ALL(rel), ()))

    def is_gone(s, E, marks):
        """a command that is not MVCC-safe has committed and its mark is not settled"""
        return s.bug != 'nogone' and any(rel in RELS[E] and s.status.get(x) == CO for rel, x in marks.gone)

    def check(s, r):
        """serves from what the steps have read, and compares"""
        E, S, want, own, root = r.E, r.snap, r.want, r.own, ROOT[r.E]
        view, bad = s.view(E, S), set()
        def wanted(k, index): return want is None or (k == want[1] if want[0] == 'key' else want[1] in index)
        truth = {k: row.val for k, row in view.items() if row.val is not None and wanted(k, row.index)}
        s.count['reads'] += 1
        if not r.store or r.trimmed or S.xmin < r.floor or (S.xmin < r.view_floor and s.bug != 'nocreatefloor') \
                or s.is_gone(E, r.marks):
            s.count['bypassed'] += 1; return
        if want and want[0] == 'key':             # with every key known and no mark on this one, missing means "no row"
            known = r.complete and not s.all_changed(root, r.marks, own) and want[1] not in r.rows and \
                (s.bug == 'nocand' or want[1] not in r.marks.keys_of(root) | own.keys_of(root))
            cand = set() if known else {want[1]}
        elif not r.complete or s.all_changed(root, r.marks, own):
            if want is None: s.fill(r.store, E, S, view, set(view), own, whole=True)
            s.count['bypassed'] += 1; return
        elif want is None:
            cand = set(r.rows)
            if s.bug != 'nocand': cand |= r.marks.keys_of(root)
            cand |= own.keys_of(root)
        else:
            cand = {k for t, k in r.index if t == want[1]}
            if s.bug != 'nocarry': cand |= r.marks.pks.get(want[1], set())
            cand |= own.pks.get(want[1], set())
        got = {}
        for k in cand:
            e = r.rows.get(k)
            if not s.valid(e, S, r.marks, own): bad.add(k)
            elif e.val is not None and (not want or want[0] == 'key' or (want[1], k) in r.index): got[k] = e.val
        s.count['hits'] += len(cand) - len(bad)
        s.fill(r.store, E, S, view, bad, own)
        got.update({k: view[k].val for k in bad if k in view and view[k].val is not None and wanted(k, view[k].index)})
        if got != truth:
            raise Violation(f'{E} {want} got {got} truth {truth} snapshot {vars(S)} tx {r.tx and vars(r.tx)}')

    # ---- storing ----
    def fill(s, store, E, S, view, keys, own, whole=False):
        """own changes are not stored; a transaction that has changed the root does not know the whole universe"""
        s.count['recomputed'] += len(keys)
        items = []
        for k in keys:
            tags = view[k].tags if k in view else {(ROOT[E], 'pk', k)}
            if not own.touches(tags) or (s.bug == 'deleteown' and k not in view): items.append((k, view.get(k)))
            else: whole = whole and s.bug == 'wholeown'
        if any(t[0] == ROOT[E] for t in own.xids) and s.bug != 'wholeown': whole = False
        if s.waits and not whole and not own.xids and s.late.random() < .5 and s.let_wait(store, E, S, items): return
        if len(s.fills) < 5 and (items or whole): s.fills.append(Fill(store, E, S, items, whole))

    def covers(s, tags, S, marks):
        """xids with marks on these tags that S sees; None while one of those commits is not flushed"""
        seen = {x for x in marks.on(tags) if s.sees(S, x)}
        return None if seen & s.unflushed else frozenset(seen)

    def store_some(s, f=None):
        """one LMDB write transaction: epoch, floor and marks are read inside it"""
        if not s.fills: return
        f = f or s.rng.choice(s.fills); db, E, S = f.store, f.E, f.snap
        marks = db.marks()
        # commits before the epoch's first floor may have no marks: all of them must be flushed
        if s.bug != 'nofloorflush' and any(x < db.born for x in s.unflushed): return
        usable = S.xmin >= db.floor and (S.xmin >= db.view_floor[E] or f.creator) or (f.creator and s.bug == 'createfree')
        if not usable and s.bug == 'deletenofloor': f.items = [i for i in f.items if i[1] is None]; f.whole = False
        elif not usable and s.bug != 'nofloorcheck': s.fills.remove(f); return
        if s.is_gone(E, marks): s.fills.remove(f); return
        for _ in range(s.rng.randrange(1, 9)):
            if not f.items: break
            k, row = f.items.pop(s.rng.randrange(len(f.items)))
            cov = s.covers(row.tags if row else {(ROOT[E], 'pk', k)}, S, marks)
            if cov is None and (s.bug == 'nodurable' or (s.bug in ('deleteunflushed', 'deletehollow') and not row)): cov = frozenset()
            if s.bug in ('deletehollow', 'onlyhollow') and not row and db.rows[E].get(k): continue
            if s.bug == 'skipunseen' and row and any(s.status.get(x) == CO for x in marks.on(row.tags) - (cov or set())): cov = None
            if cov is None: f.whole = False; continue
            db.put(E, k, row, cov); s.count['stored'] += 1
        if not f.items:
            s.fills.remove(f)
            # a key may be missing because of a delete that a crash would undo
            lost = s.unflushed & {x for t, xs in marks.xids.items() if t[0] == ROOT[E] for x in xs if s.sees(S, x)}
            if f.whole and (not lost or s.bug == 'completeunflushed'): db.complete[E] = True

    # ---- storing rows that have waited ----
    def let_wait(s, store, E, S, items):
        """covers are computed now; the reader then forgets the snapshot"""
        marks = store.marks()
        if any(x < store.born for x in s.unflushed) or any(row is None for _, row in items): return False
        found = [(k, row, s.covers(row.tags, S, marks)) for k, row in items]
        s.waiting.append(Waiting(store, E, s.exists[E], S, store.head, [i for i in found if i[2] is not None]))
        return True

    def store_waiting(s):
        """under the settle lock: the head is where it was, so no mark has gone that a row would have to cover"""
        w = s.waiting.pop(s.late.randrange(len(s.waiting)))
        db, E = w.store, w.E
        if s.settling and s.settling['store'] is db and s.bug != 'waitnolock': return
        if db.head != w.head and s.bug != 'waitnohead': return
        if (w.snap.xmin < db.floor or w.snap.xmin < db.view_floor[E]) and s.bug != 'waitnofloor': return
        if s.exists[E] != w.created: return       # another definition
        for k, row, covers in w.items: db.put(E, k, row, covers); s.count['waited'] += 1

    # ---- settling ----
    def horizon(s, db):
        """no snapshot that uses the store is or will be older"""
        oldest = s.oldest()
        if s.bug == 'nohorizon': return s.next
        return max(oldest, min([max(db.floor, db.late_floor), s.next, *s.active]))

    def settle(s, many=False):
        """step one: rows, in one LMDB transaction; nothing is recomputed, what misses a mark becomes hollow"""
        db = s.store
        H, end = s.horizon(db), min(db.tail, db.head + (len(db.ring) if many else s.rng.randrange(1, 16)))
        done, keep = [], []
        for m in db.records(db.head, end):
            x = m[1]
            old = x < H and (s.status.get(x) != CO or x not in s.unflushed or s.bug == 'nodurable')
            (done if old else keep).append(m)
        s.settling = dict(store=db, end=end, keep=keep, rows=[m for m in done if s.status.get(m[1]) == CO])
        if s.bug != 'trimfirst': s.settle_rows()

    def settle_rows(s):
        for m in s.settling['rows']: s.hollow(s.settling['store'], *m)
        s.settling['rows'] = []

    def hollow(s, db, tag, x, pk, gone):
        rel, col = tag[:2]
        for E in RELS:
            if rel not in RELS[E]: continue
            if gone:
                if s.bug != 'nogoneclear': db.clear(E)
                continue
            rows = db.rows[E]
            for k, e in rows.items():
                if e and x not in e.covers and s.bug != 'nohollow' and \
                        (any(t[0] == rel for t in e.tags) if col == '*' else tag in e.tags): rows[k] = None
            if rel != ROOT[E]: continue
            if col == '*':
                if s.bug != 'noallincomplete': db.complete[E] = False
            elif col == 'pk' or col in LOOKUP[E]:
                e = rows.get(pk)
                if e and x in e.covers: continue
                if pk in rows or s.bug != 'nostub': rows[pk] = None
                if col != 'pk' and s.bug != 'nohollowindex': db.index[E] = db.index[E] | {(tag, pk)}

    def trim(s):
        """step two: re-append what must live on, then move head; never in the other order"""
        job, db = s.settling, s.settling['store']
        if s.bug == 'keeplate' and 'moved' not in job:
            db.head = job['end']; job['moved'] = True; return
        if len(job['keep']) <= db.room():
            if s.bug != 'nokeep':
                for m in job['keep']: db.append(m)
            db.head = job['end']
            db.floor = max(db.floor, db.late_floor)
        if s.bug == 'trimfirst' and job['rows'] and s.rng.random() < .7: job['keep'] = []; job['end'] = db.head; return
        s.settle_rows()
        s.settling = None

    def advance(s):
        """pressure: older snapshots run the view from now on; only then may marks that they do not see settle"""
        new = s.snapshot().xmin
        if s.bug == 'latefloor': s.store.late_floor = new
        elif s.store.floor != UNKNOWN: s.store.floor = max(s.store.floor, new)

    def relieve(s):
        """the ring is full"""
        if s.settling: s.trim()
        s.advance()
        if not s.settling: s.settle(many=True); s.trim()
        if s.store.room() == 0: s.reset()

    # ---- the store's life ----
    def reset(s):
        """epoch 0; whoever still uses the old files finds them consistent with what he has seen before"""
        s.revive_floor = s.next                   # mutant floorbeforerevive
        s.store = None; s.settling = None; s.count['resets'] += 1

    def revive(s):
        """a new epoch; its floor is the next xid *after* publishers can see it"""
        if s.store is None:
            s.store = Store(s.rate['ring'])
            if s.bug == 'floorbeforerevive': s.store.late_next = s.revive_floor
        elif s.store.floor == UNKNOWN:
            s.store.floor = s.store.born = getattr(s.store, 'late_next', s.next)

    # ---- TVIEWs come and go ----
    def create(s):
        """locks against writers, xid, floor, then (when clean) a snapshot and the build; visible at commit"""
        E = s.rng.choice('ABC')
        if s.exists[E] or any(t.creating == E for t in s.txs): return
        old = [t for t in s.txs if t.phase == 'run' and not t.busy and not t.creating and not t.gone]
        clean = not old or s.rng.random() < .6
        t = Transaction(s.rng) if clean else s.rng.choice(old)
        if clean: s.txs.append(t)
        if any((o.wrote | o.locked) & set(RELS[E]) for o in s.txs if o is not t) and s.bug != 'nocreatelock':
            if clean: s.txs.remove(t)
            return
        clean = t.xid is None and t.snap is None
        s.take_xid(t)
        t.creating = E; t.locked = set(RELS[E]) if s.bug != 'nocreatelock' else set(); s.count['created'] += 1
        if not s.store: return
        s.store.clear(E); s.store.view_floor[E] = s.next
        if clean or s.bug in ('unclean', 'latest'):
            S = s.statement_snapshot(t) if s.bug == 'unclean' else s.snapshot(t.xid)
            if s.bug != 'nocreateflush': s.flush()
            s.fills.append(Fill(s.store, E, S, list(s.view(E, S).items()), True, t))

    def drop(s):
        """waits for everybody; the rows go before the settler forgets the TVIEW"""
        E = s.rng.choice('ABC'); rels = set(RELS[E])
        if not s.exists[E] or any(r.E == E for r in s.readers) or any(f.E == E for f in s.fills) or \
                any((t.wrote | t.locked) & rels for t in s.txs): return
        s.exists[E] = None; s.flush()
        if s.store: s.store.clear(E)

    # ---- accidents and housekeeping of the server ----
    def crash(s):
        """commits that were not flushed are lost and their xids are given out again; the store's files survive"""
        s.txs = [t for t in s.txs if t.phase == 'prepared']
        s.readers, s.fills, s.waiting, s.settling = [], [], [], None
        for x in s.unflushed | (s.active - {t.xid for t in s.txs}): s.status[x] = AB
        s.active = {t.xid for t in s.txs}; s.unflushed = set()
        for E, x in s.exists.items():
            if x is not None and s.status.get(x) != CO: s.exists[E] = None
        s.vacuum(0)
        s.next = max([x for x, v in s.status.items() if v != AB] + [9]) + 1
        s.status = {x: v for x, v in s.status.items() if x < s.next}

    # ---- one step of a history ----
    WEIGHTS = dict(begin=60, write=320, read=180, resume=120, store=110, settle=60, end=110, flush=3, vacuum=8,
                   crash=2, reset=.5, revive=40, advance=2.5, relieve=1, create=12, drop=.7)
    OTHERS = dict(commit=.8, flushed=.6, truncate=.01, hurry=.5, most=5, shown=.8, ring=120, rush=0, older=.5)   # probabilities; limits
    CLIMATES = [dict(),
                dict(crash=8, reset=3, revive=120, flush=1, flushed=.2, commit=.6, write=200, hurry=.9, most=3),
                dict(write=60, read=150, resume=60, hurry=.3, store=60, settle=20, advance=10, relieve=60, most=4, rush=6, older=.8),
                dict(write=120, create=150, drop=40, hurry=.9, most=3, settle=100, shown=.2),
                dict(write=120, truncate=.1, hurry=.5, most=3, store=200),
                dict(write=200, hurry=.3, resume=50, settle=150, end=200, ring=30)]

    def step(s):
        rng = s.rng
        idle = [t for t in s.txs if not t.busy]
        run = [t for t in idle if t.phase == 'run']
        known = s.store and s.store.floor != UNKNOWN
        what = rng.choices(s.events, cum_weights=s.weights)[0]
        if s.waiting and s.late.random() < .12: s.store_waiting()
        if s.waits and s.settling and s.late.random() < .01: s.settling = None   # the settler is killed
        if what == 'begin':
            if len(s.txs) < s.rate['most']:
                t = Transaction(rng); s.txs.append(t)
                if rng.random() < s.rate['older']: s.statement_snapshot(t)
        elif what == 'write' and (able := [t for t in run if not t.reads_only]): s.write(rng.choice(able))
        elif what == 'read': s.begin_read(rng.choice(run) if run and rng.random() < s.rate['older'] else None)
        elif what == 'resume' and s.readers: s.run_read(rng.choice(s.readers))
        elif what == 'store': s.store_some()
        elif what == 'settle' and known: s.trim() if s.settling else s.settle()
        elif what == 'end' and idle: s.end_step(rng.choice(idle))
        elif what == 'flush': s.flush()
        elif what == 'vacuum': s.vacuum(s.oldest())
        elif what == 'crash': s.crash()
        elif what == 'reset': s.reset()
        elif what == 'revive' and not known: s.revive()
        elif what == 'advance' and known: s.advance()
        elif what == 'relieve' and known:
            s.relieve()
            for _ in range(s.rate['rush']): s.begin_read(None)      # others come at once
        elif what == 'create': s.create()
        elif what == 'drop': s.drop()

    def end_step(s, t):
        """run -> publishing -> published or prepared -> gone"""
        if t.phase == 'run':
            if t.xid is None:
                if s.rng.random() < .4: s.txs.remove(t)
                return
            t.snap = None
            t.phase = 'published' if s.bug == 'latepublish' else 'publishing'
        if any(f.creator is t for f in s.fills) and s.rng.random() < .9: return    # still building
        if t.phase == 'publishing': s.publish(t)
        elif t.phase == 'late':
            for m in t.own:
                if s.store and s.store.room(): s.store.append(m)
            s.txs.remove(t)
        else: s.finish(t)


def history(seed, bug=None, steps=1500):
    """runs one history; returns (violation or None, counters)"""
    m = Model(seed, bug)
    try:
        for i in range(steps): m.step()
    except Violation as e:
        return f'seed {seed} step {i}: {e}', m.count
    return None, m.count


if __name__ == '__main__':
    total = {}
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        found, count = history(seed, sys.argv[3] if len(sys.argv) > 3 else None)
        for k, n in count.items(): total[k] = total.get(k, 0) + n
        if found: print('VIOLATION', found); sys.exit(1)
    print('ok', total)
