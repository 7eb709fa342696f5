"""The world around the cache: PostgreSQL's snapshots and heap, and three views.  See model.py."""

IN, CO, AB = 'in progress', 'committed', 'aborted'
KEYS = VALUES = 4

# ---- the TVIEWs: what they read, and the columns that the trigger tracks for them
# A: posts with their author's and his company's name, restrictable by every tag
# B: users with a list of posts with comments
# C: posts with something of all comments: a relation tag, which touch marks
RELS = {'A': ('post', 'user', 'company'), 'B': ('user', 'post', 'comment'), 'C': ('post', 'comment')}
ROOT = {'A': 'post', 'B': 'user', 'C': 'post'}
VALIDITY = {'A': {'post': ['pk'], 'user': ['pk'], 'company': ['pk']},
            'B': {'user': ['pk'], 'post': ['fk'], 'comment': ['fk']},
            'C': {'post': ['pk'], 'comment': ['~']}}
LOOKUP = {'A': ('fk', 'code'), 'B': ('fk',), 'C': ('code',)}

def TOUCH(rel): return (rel, '~', None)
def ALL(rel): return (rel, '*', None)


class Snapshot:
    def __init__(self, xmin, xmax, xip, own):
        self.xmin, self.xmax, self.xip, self.own = xmin, xmax, xip, own

    def over(self, x):
        """x had ended when the snapshot was taken: by range, without the commit log"""
        return x < self.xmin or (x < self.xmax and x not in self.xip and x != self.own)


class Row:
    """what the view and the tag query say about one root row; val None: filtered out"""
    def __init__(self, val, tags, index):
        self.val, self.tags, self.index = val, tags, index


class World:
    def __init__(s):
        s.next, s.status = 10, {9: CO}
        s.active, s.unflushed = set(), set()      # xids in progress; commits that a crash would lose
        s.heap = {rel: [] for rel in ('company', 'user', 'post', 'comment')}   # [row, xmin, xmax]
        s.txs, s.readers, s.fills = [], [], []

    def snapshot(s, own=None):
        return Snapshot(min(s.active, default=s.next), s.next, frozenset(s.active - {own}), own)

    def oldest(s):
        """PostgreSQL's horizon: no registered snapshot is older, nor will be"""
        return min([s.next, *s.active] + [x.snap.xmin for x in s.txs + s.readers + s.fills if x.snap])

    def sees(s, S, x): return S.over(x) and s.status.get(x) == CO

    def scan(s, S, rel):
        def visible(x): return x is not None and (x == S.own or s.sees(S, x))
        return [row for row, xmin, xmax in s.heap[rel] if visible(xmin) and not visible(xmax)]

    def view(s, E, S):
        """every root row under S, with its tags and the values of its look-up columns"""
        posts, out = s.scan(S, 'post'), {}
        if E == 'A':
            users = {u['pk']: u for u in s.scan(S, 'user')}
            companies = {c['pk']: c for c in s.scan(S, 'company')}
            for p in posts:
                tags, u, val = {('post', 'pk', p['pk']), ('user', 'pk', p['fk'])}, users.get(p['fk']), None
                if u:                             # the tag stays when a filter hides the row
                    tags.add(('company', 'pk', u['fk']))
                    c = companies.get(u['fk'])
                    if not p['hidden']: val = (p['data'], u['data'], c and c['data'])
                out[p['pk']] = Row(val, tags, {('post', c, p[c]) for c in LOOKUP[E]})
        elif E == 'B':
            comments = s.scan(S, 'comment')
            for u in s.scan(S, 'user'):
                mine = [p for p in posts if p['fk'] == u['pk']]
                tags = {('user', 'pk', u['pk']), ('post', 'fk', u['pk'])} | {('comment', 'fk', p['pk']) for p in mine}
                said = [(p['data'], sorted(c['data'] for c in comments if c['fk'] == p['pk'])) for p in mine]
                out[u['pk']] = Row((u['data'], sorted(x for x in said if x[1])), tags, {('user', 'fk', u['fk'])})
        else:
            least = sorted(c['data'] for c in s.scan(S, 'comment'))[:2]
            for p in posts:
                out[p['pk']] = Row((p['data'], least), {('post', 'pk', p['pk']), TOUCH('comment')},
                                   {('post', 'code', p['code'])})
        return out

    def statement_snapshot(s, t):
        if t.iso == 'rc': return s.snapshot(t.xid)
        if not t.snap: t.snap = s.snapshot(t.xid)
        return t.snap

    def flush(s): s.unflushed.clear()

    def vacuum(s, H):
        for rel, heap in s.heap.items():
            for v in heap:
                if v[2] is not None and s.status.get(v[2]) not in (CO, IN): v[2] = None
            s.heap[rel] = [v for v in heap if s.status.get(v[1]) in (CO, IN) and not
                           (v[2] is not None and v[2] < H and s.status.get(v[2]) == CO and v[2] not in s.unflushed)]
