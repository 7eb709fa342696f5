"""The cases: reads and writes of one statement, as bench/alternate runs them.

A case that needs more than that is a function in bench/special.py.  Goals are
ratios of throughput to the second variant unless `unit` says otherwise.
"""
from server import DOCS, POSTS

READERS = ("tv", "native", "view", "matview")
RELATIONS = {"tv": "app.tv_post", "native": "app.native", "view": "app.v_post", "matview": "app.mv_post"}
CASES = {}


class Case:
    """One row of the report."""

    def __init__(self, name, work, goal=None, data=(), function=None, **spec):
        self.name = name
        self.work = work
        self.goal = goal
        self.data = data
        self.function = function
        self.spec = spec
        CASES[name] = self


def readers(statement, relations=None, names=READERS, kind="sql"):
    """The variants of a read: the statement over each relation."""
    relations = relations or RELATIONS
    return [(name, [(kind, statement.format(t=relations[name]))]) for name in names if name in relations]


def doc_relations(schema):
    """What documents are read from."""
    return {"tv": schema + ".tv_doc", "native": schema + ".native", "view": schema + ".v_doc"}


# ---- reads ----

POINT_PK = "SELECT data FROM {t} WHERE pk_post = $1"
POINT_ID = "SELECT data FROM {t} WHERE id = $1::text::uuid"
PK = ["int 1 %d" % POSTS]
ID = ["key 0"]
IDS = "SELECT id FROM app.tb_post ORDER BY pk_post"

for _protocol, _goal_pk, _goal_id in (("prepared", 1.25, 1.15), ("simple", 1.40, 1.30)):
    Case("pk_" + _protocol, "point by pk, %s" % _protocol, (">=", _goal_pk), ["app"],
         protocol=_protocol, params=PK, variants=readers(POINT_PK))
    Case("id_" + _protocol, "point by id, %s" % _protocol, (">=", _goal_id), ["app"],
         protocol=_protocol, params=ID, keys=IDS, variants=readers(POINT_ID))
Case("floor", "the protocol's floor: `SELECT 1` against a point read of the native table", None, ["app"],
     params=PK, verify=0,
     variants=[("one", [("sql", "SELECT 1")]), ("native", [("sql", POINT_PK.format(t="app.native"))])])
Case("fk_100", "100 rows by fk", (">=", 1.1), ["app"],
     params=["int 12 %d" % (11 + POSTS // 125)],
     variants=readers("SELECT data FROM {t} WHERE fk_author = $1"))
Case("keyset", "keyset page `pk > $1 ORDER BY pk LIMIT 20`", (">=", 1.1), ["app"], params=PK, ordered=True,
     variants=readers("SELECT data FROM {t} WHERE pk_post > $1 ORDER BY pk_post LIMIT 20"))
Case("join_1000", "join of 1,000 base rows into tv_* by pk", (">=", 1.0), ["app"],
     params=["int 1 99000"],
     variants=readers("SELECT t.data FROM app.tb_pick p JOIN {t} t ON t.pk_post = p.fk_post"
                      " WHERE p.pk_pick >= $1 AND p.pk_pick < $1 + 1000"))
Case("count_all", "`count(*)` at rest", (">=", 50), ["app"], variants=readers("SELECT count(*) FROM {t}"))
Case("count_fk", "count by a pushed predicate at rest", (">=", 1.2), ["app"],
     params=["int 12 %d" % (11 + POSTS // 125)],
     variants=readers("SELECT count(*) FROM {t} WHERE fk_author = $1"))
Case("full_scan", "full scan, small documents: all rows to the client (COPY)", (">=", 1.0), ["app"],
     verify=1, variants=readers("COPY (SELECT * FROM {t}) TO STDOUT", kind="copy"))
Case("scan_field", "full scan, small documents: `count(data->>'title')`", (">=", 1.0), ["app"],
     verify=1, variants=readers("SELECT count(data->>'title') FROM {t}"))
for _schema, _kind, _whole, _field in (("docs_random", "incompressible", 1.30, 2.0),
                                       ("docs_text", "compressible", 1.10, 1.4)):
    _relations = doc_relations(_schema)
    Case("doc_" + _kind, "12 KB document whole, %s" % _kind, (">=", _whole), [_schema],
         params=["int 1 %d" % DOCS],
         variants=readers("SELECT data FROM {t} WHERE pk_doc = $1", _relations))
    Case("field_" + _kind, "one field of a 12 KB document, %s" % _kind, (">=", _field), [_schema],
         params=["int 1 %d" % DOCS],
         variants=readers("SELECT data->>'title' FROM {t} WHERE pk_doc = $1", _relations))
    Case("scan_" + _kind, "full scan, 12 KB documents, %s: all rows to the client (COPY)" % _kind,
         (">=", 1.25), [_schema], verify=1,
         variants=readers("COPY (SELECT * FROM {t}) TO STDOUT", _relations, kind="copy"))
# the document as json: the text that the client gets is what is stored
_relations = {"json": "app_json.tv_post", "native": "app.native", "tv": "app.tv_post"}
for _protocol in ("prepared", "simple"):
    Case("json_pk_" + _protocol, "json: point by pk, %s" % _protocol, (">=", 1.4), ["app", "app_json"],
         protocol=_protocol, params=PK, variants=readers(POINT_PK, _relations, tuple(_relations)))
Case("json_scan", "json: full scan, small documents: all rows to the client (COPY)", (">=", 3.0),
     ["app", "app_json"], verify=1,
     variants=readers("COPY (SELECT * FROM {t}) TO STDOUT", _relations, tuple(_relations), kind="copy"))
# the lines differ by jsonb's version byte; the rows were compared when they were made
Case("json_scan_binary", "json: full scan, small documents, COPY in binary format", (">=", 3.0),
     ["app", "app_json"], verify=0,
     variants=readers("COPY (SELECT * FROM {t}) TO STDOUT (FORMAT binary)", _relations, tuple(_relations), kind="copy"))
for _schema, _kind in (("docs_random", "incompressible"), ("docs_text", "compressible")):
    _relations = {"json": _schema + "_json.tv_doc", "native": _schema + ".native", "tv": _schema + ".tv_doc"}
    Case("json_doc_" + _kind, "json: 12 KB document whole, %s" % _kind, (">=", 2.2), [_schema, _schema + "_json"],
         params=["int 1 %d" % DOCS],
         variants=readers("SELECT data FROM {t} WHERE pk_doc = $1", _relations, tuple(_relations)))
    Case("json_field_" + _kind, "json: one field of a 12 KB document, %s" % _kind, None, [_schema, _schema + "_json"],
         params=["int 1 %d" % DOCS],
         variants=readers("SELECT data->>'title' FROM {t} WHERE pk_doc = $1", _relations, tuple(_relations)))
    Case("json_scan_" + _kind, "json: full scan, 12 KB documents, %s: all rows to the client (COPY)" % _kind,
         (">=", 3.0), [_schema, _schema + "_json"], verify=1,
         variants=readers("COPY (SELECT * FROM {t}) TO STDOUT", _relations, tuple(_relations), kind="copy"))
    Case("json_scan_binary_" + _kind, "json: full scan, 12 KB documents, %s, COPY in binary format" % _kind,
         (">=", 3.0), [_schema, _schema + "_json"], verify=0,
         variants=readers("COPY (SELECT * FROM {t}) TO STDOUT (FORMAT binary)", _relations, tuple(_relations),
                          kind="copy"))
Case("debian_id", "Debian's catalogue: point by id, prepared", (">=", 1.15), ["debian"], params=ID,
     keys="SELECT id FROM debian_app.tb_package ORDER BY pk_package",
     variants=readers(POINT_ID, {"tv": "debian_app.tv_package", "native": "debian_app.native",
                                 "view": "debian_app.v_package"}))
Case("debian_scan", "Debian's catalogue: full scan to the client (COPY)", (">=", 1.0), ["debian"], verify=1,
     variants=readers("COPY (SELECT * FROM {t}) TO STDOUT",
                      {"tv": "debian_app.tv_package", "native": "debian_app.native",
                       "view": "debian_app.v_package"}, kind="copy"))


# ---- writes: to a table with a TVIEW, with nothing, with row triggers ----

WRITERS = {"tv": "kept", "none": "plain", "triggers": "trig"}


def writers(statement, names=tuple(WRITERS)):
    """The variants of a write: the statement in each schema."""
    return [(name, [("sql", statement.format(s=WRITERS[name]))]) for name in names]


UPDATE_POST = "UPDATE {s}.tb_post SET title = $2 WHERE pk_post = $1"
UPDATE_AUTHOR = "UPDATE {s}.tb_author SET name = $2 WHERE pk_author = $1"
AUTHORS_OF_100 = "int 12 %d" % (11 + POSTS // 125)
FANOUTS = (("100", 100, AUTHORS_OF_100), ("10k", POSTS // 100, "int 2 11"), ("100k", POSTS // 10, "int 1 1"))

for _clients in (1, 8):
    Case("write_%d" % _clients, "single-row write, %d client%s" % (_clients, "s" if _clients > 1 else ""),
         (">=", 0.97), ["written"], clients=_clients, writes=True,
         params=["int 1 %d" % POSTS, "text title"], variants=writers(UPDATE_POST))
BULK = min(100000, POSTS)
Case("bulk", "bulk UPDATE of {:,} base rows in one statement, time ratio".format(BULK),
     ("<=", 1.08), ["written"], writes=True, unit="time", verify=1, limit=300, params=["text bulk"],
     variants=[(name, [("sql", "UPDATE %s.tb_post SET title = $1 || pk_post WHERE pk_post <= %d" % (schema, BULK)),
                       ("after", "VACUUM %s.tb_post" % schema)])
               for name, schema in WRITERS.items() if name != "triggers"])
Case("batch", "1 % batch: {:,} of {:,} rows changed, until all documents have been read again, to triggers".format(
     BULK // 100, BULK), (">=", 5), ["written"], writes=True, base="triggers", verify=2,
     keys="SELECT array_agg(k ORDER BY k) FROM generate_series(1, %d) k GROUP BY k %% 100" % BULK,
     params=["key 0", "text batch"],
     variants=[(name, [("sql", "UPDATE %s.tb_post SET title = $2 || pk_post WHERE pk_post = ANY ($1::int[])" % schema),
                       ("sql", "SELECT data FROM %s WHERE pk_post = ANY ($1::int[])" % relation)])
               for name, schema, relation in (("tv", "kept", "kept.tv_post"),
                                              ("triggers", "trig", "trig.native"),
                                              ("view", "plain", "plain.v_post"))])
Case("first_read", "first read of an invalidated document, beyond the view's own point read",
     ("<=", 15), ["written"], writes=True, unit="us", base="view",
     params=["int 1 %d" % POSTS, "text first"],
     variants=[(name, [("setup", "SET synchronous_commit = on"),
                       ("prep", UPDATE_POST.format(s="kept")),
                       ("sql", "SELECT data FROM kept.%s WHERE pk_post = $1" % relation)])
               for name, relation in (("tv", "tv_post"), ("view", "v_post"))])
# these come last: they give the authors of each schema names of their own
for _label, _fanout, _authors in FANOUTS:
    for _clients in (1, 8):
        # the triggers take seconds for what the others do in a slice: they
        # are left out where a round would come to minutes
        _names = tuple(WRITERS) if _fanout == 100 or _label == "10k" and _clients == 1 else ("tv", "none")
        Case("fanout_%s_%d" % (_label, _clients),
             "write with fan-out {:,}, {} client{}".format(_fanout, _clients, "s" if _clients > 1 else ""),
             (">=", 0.97), ["written"], clients=_clients, writes=True, verify=1,
             params=[_authors, "text name"], variants=writers(UPDATE_AUTHOR, _names))
