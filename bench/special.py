"""Cases that are more than one statement in turns: marks that cannot settle,
curves, builds, memory, disk, background work, latency under load."""
import os
import subprocess
import time

import server
import stats
from cases import CASES, IDS, POINT_ID, POINT_PK, Case, readers, writers, UPDATE_POST
from server import POSTS, Failure, sql, sql_int

# marks are made on the first posts, and other posts are read
MARKED = min(200000, POSTS // 2)


# ---- marks that cannot settle ----

def publish_marks(count, first):
    """Changes rows from `first` on in the blog and in the native table alike,
    until so many more marks are pending; returns the next row."""
    wanted = server.marks_pending("app") + count
    while server.marks_pending("app") < wanted:
        # small transactions: one of many marks collapses into one for all
        rows = max(1, min(500, (wanted - server.marks_pending("app")) // 4))
        if first + rows > MARKED:
            raise Failure("not enough rows for %d marks at this scale" % count)
        where = "pk_post BETWEEN %d AND %d" % (first, first + rows - 1)
        sql("UPDATE app.tb_post SET title = title || '.' WHERE " + where)
        sql("UPDATE app.native n SET data = v.data FROM app.v_post v"
            " WHERE v.pk_post = n.pk_post AND n." + where)
        first += rows
    return first


def under_marks(spec, measure, counts):
    """Measures with that many unsettled marks on rows that are not read:
    (marks, figures) for each count."""
    found = []
    first = 1
    made = 0
    # a scan of all would compute the marked rows
    spec = dict(spec, scan=False)
    server.settle("app", "tv_post")
    holder = server.OldSnapshot()
    try:
        for count in counts:
            first = publish_marks(count - made, first) if count else first
            made = count
            before = server.marks_pending("app")
            figures = measure("marks_%d" % count, spec)
            after = server.marks_pending("app")
            if min(before, after) < count:
                raise Failure("of %d marks only %d stayed unsettled" % (before, after))
            found.append((before, figures))
    finally:
        holder.close()
        server.settle("app", "tv_post")
        sql("VACUUM ANALYZE app.tb_post, app.native")
    return found


def marks_case(case, measure):
    """One number of marks."""
    (marks, result), = under_marks(case.spec, measure, [10000])
    result["note"] = "{:,} marks pending all the while".format(marks)
    return result


def marks_curve(case, measure):
    """Marks against point reads."""
    counts = [n for n in (0, 100, 1000, 10000, 100000) if n < MARKED]
    found = under_marks(case.spec, measure, counts)
    result = found[-1][1]
    return with_curve(result, found, "Point read by pk under unsettled marks", "marks pending")


def with_curve(result, found, title, x):
    """Adds the curve of microseconds over x, one series for each variant."""
    names = result["names"]
    result["curve"] = {"title": title, "x": x, "y": "us per read", "series": {
        name: [(n, figures["microseconds"][name]["median"]) for n, figures in found] for name in names}}
    result["note"] = "ratio at {:,}; at fewer: {}".format(
        found[-1][0], ", ".join("{:,}: {:.2f}".format(n, f["value"]["median"]) for n, f in found[:-1]))
    return result


# ---- curves over rows and sessions ----

def small_variants(rows, suffix=""):
    """Point reads of a table of so many small rows."""
    schema = "small_%d" % rows
    return [("tv" + suffix, [("sql", "SELECT data FROM %s.tv_small WHERE pk_small = $1" % schema)]),
            ("native" + suffix, [("sql", "SELECT data FROM %s.native WHERE pk_small = $1" % schema)])]


def rows_curve(case, measure):
    """Rows against point reads."""
    found = []
    for rows in server.small_sizes():
        server.make_data("small_%d" % rows)
        spec = dict(case.spec, params=["int 1 %d" % rows], variants=small_variants(rows))
        found.append((rows, measure("rows_%d" % rows, spec)))
    if not found:
        raise Failure("no size is small enough for this scale")
    return with_curve(found[-1][1], found, "Point read by pk over the number of rows", "rows")


def large_to_small(case, measure):
    """The same TVIEW with ten times the rows, in turns with the smaller one."""
    sizes = server.small_sizes()
    if len(sizes) < 2:
        raise Failure("no two sizes at this scale")
    small, large = sizes[-2:]
    for rows in (small, large):
        server.make_data("small_%d" % rows)
    # each table is read all over: its keys are a parameter of its own
    variants = [(name, [(kind, text.replace("$1", "$2")) for kind, text in statements])
                for name, statements in small_variants(small, "_small")]
    result = measure(case.name, dict(
        case.spec, params=["int 1 %d" % large, "int 1 %d" % small], verify=0, base="tv_small",
        variants=small_variants(large, "_large") + variants))
    result["note"] = "{:,} rows against {:,}; the native table's own: {:.2f}".format(
        large, small, stats.ratio(result["rounds"], 1, 3)["median"])
    if large < 10000000:
        result["note"] += "; BIG=1 takes ten million"
    result["others"] = {}
    return result


def sessions_curve(case, measure):
    """Sessions against throughput."""
    found = [(n, measure("sessions_%d" % n, dict(case.spec, clients=n))) for n in (1, 2, 4, 8, 16, 32)]
    result = found[-1][1]
    result["curve"] = {"title": "Throughput of point reads by pk", "x": "sessions", "y": "reads a second", "series": {
        name: [(n, 1e6 / f["microseconds"][name]["median"]) for n, f in found] for name in result["names"]}}
    result["note"] = "ratio at 32; " + ", ".join("%d: %.2f" % (n, f["value"]["median"]) for n, f in found[:-1])
    return result


# ---- builds, memory, disk ----

def disk(schema):
    """What the store takes, to the native table and its indexes."""
    def run(case, measure):  # pylint: disable=unused-argument
        figures = server.made[schema]
        return {"value": {"median": figures["store_bytes"] / figures["native_bytes"]},
                "note": "store {store_bytes:,} bytes, table and indexes {native_bytes:,}".format(**figures)}
    return run


def stream_memory(relation):
    """What a backend's own memory grows by while it streams a relation."""
    child = subprocess.Popen(  # pylint: disable=consider-using-with
        ["psql", "-XAtq", "-d", server.DATABASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    child.stdin.write("SELECT pg_backend_pid();\n")
    child.stdin.flush()
    sampler = server.MemorySampler(int(child.stdout.readline()))
    # one row first: what every backend needs once is not the stream's
    child.stdin.write("SELECT 'ready' FROM (SELECT data FROM %s LIMIT 1) r;\n" % relation)
    child.stdin.flush()
    child.stdout.readline()
    before = sampler.read()
    sampler.peak = before
    sampler.start()
    child.stdin.write("\\copy (SELECT * FROM %s) TO /dev/null\nSELECT 'done';\n" % relation)
    child.stdin.flush()
    done = child.stdout.readline().strip()
    sampler.ended.set()
    sampler.join()
    child.stdin.close()
    child.wait()
    if done != "done":
        raise Failure("the stream of %s ended with: %s" % (relation, done))
    return (sampler.peak - before) / 1048576.0


def memory(case, measure):  # pylint: disable=unused-argument
    """Growth while streaming, beyond the native table's."""
    tview = [stream_memory("app.tv_post") for _ in range(3)]
    native = [stream_memory("app.native") for _ in range(3)]
    return {"unit": "mb", "value": {"median": sorted(tview)[1] - sorted(native)[1]},
            "note": "{:,} rows; anonymous memory grows by {:.1f} MB, native {:.1f} MB".format(
                POSTS, sorted(tview)[1], sorted(native)[1])}


def beside_worker(case, measure):
    """A case while a background worker refreshes."""
    sql("ALTER SERVER kept OPTIONS (ADD refresh 'background')")
    try:
        return measure(case.name, case.spec)
    finally:
        sql("ALTER SERVER kept OPTIONS (DROP refresh)")


UPDATE_ONE = "UPDATE kept.tb_post SET title = title || '.' WHERE pk_post = %d" % POSTS
WAIT_UNTIL_REFRESHED = """DO $$ BEGIN
    FOR i IN 1 .. 30000 LOOP
        IF (SELECT sum(marks_pending) = 0 FROM tview.store WHERE server = 'kept')
            AND (SELECT hollow = 0 FROM tview.cache_stats WHERE tview = 'kept.tv_post'::regclass) THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'after five minutes not everything has come back';
END $$"""


def background(case, measure):  # pylint: disable=unused-argument
    """Documents a second that come back without being read: all marks are
    there before the worker is, and it is waited for without a pause."""
    rows = POSTS // 4
    rates = []
    for turn in range(3):
        started = time.monotonic()
        sql("SELECT count(data->>'title') FROM kept.v_post")
        view_rate = POSTS / (time.monotonic() - started)
        for first in range(1 + turn * rows, (turn + 1) * rows, 5000):
            sql("UPDATE kept.tb_post SET title = title || '.' WHERE pk_post BETWEEN %d AND %d"
                % (first, min(first + 4999, (turn + 1) * rows)))
        sql("ALTER SERVER kept OPTIONS (ADD refresh 'background')")
        try:
            started = time.monotonic()
            sql(UPDATE_ONE)
            sql(WAIT_UNTIL_REFRESHED)
            rate = rows / (time.monotonic() - started)
        finally:
            sql("ALTER SERVER kept OPTIONS (DROP refresh)")
        rates.append((rate / view_rate, rate, view_rate))
    ratio, rate, view_rate = sorted(rates)[1]
    return {"value": {"median": ratio},
            "note": "{:,.0f} documents a second, the view's scan {:,.0f}; in turns {}".format(
                rate, view_rate, ", ".join("%.2f" % one[0] for one in rates))}


BUILD_TVIEW = ("CREATE FOREIGN TABLE app.tv_built (pk_post int, id uuid, fk_author int, data jsonb)"
               " SERVER built OPTIONS (view 'app.v_post', key 'pk_post')")
BUILD_MATVIEW = ("CREATE MATERIALIZED VIEW app.mv_built AS SELECT * FROM app.v_post; "
                 "CREATE UNIQUE INDEX ON app.mv_built (pk_post); "
                 "CREATE UNIQUE INDEX ON app.mv_built (id); CREATE INDEX ON app.mv_built (fk_author)")


def build(case, measure):
    """Builds in turns; each is dropped before the next."""
    sql("CREATE SERVER built FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '64GB')")
    result = measure(case.name, case.spec)
    if sql("SELECT complete FROM tview.cache_stats WHERE tview = 'app.tv_built'::regclass") != "t":
        raise Failure("the build is not complete")
    server.same_rows(["app.tv_built", "app.v_post"])
    sql("DROP FOREIGN TABLE app.tv_built")
    sql("DROP MATERIALIZED VIEW app.mv_built")
    sql("DROP SERVER built")
    return result


# ---- latency under mixed load ----

def mixed(case, measure):
    """Percentiles of readers while writers run."""
    result = measure(case.name, case.spec)
    result["note"] = "; ".join("{name} p50 {p50_us:.0f} us, p99 {p99_us:.0f} us, {companions:,} writes".format(**v)
                               for v in result["variants"])
    return result


def define():
    """Adds the cases of this file."""
    # the rows that carry the marks are not read
    others = "int %d %d" % (MARKED + 1, POSTS)
    both = ("tv", "native")
    for protocol in ("prepared", "simple"):
        Case("pk_marks_" + protocol, "point by pk with 10,000 unsettled marks on other rows, " + protocol,
             (">=", 1.20) if protocol == "prepared" else None, ["app"], marks_case, protocol=protocol,
             params=[others], variants=readers(POINT_PK, names=both))
        Case("id_marks_" + protocol, "point by id with 10,000 unsettled marks on other rows, " + protocol,
             (">=", 1.10) if protocol == "prepared" else None, ["app"], marks_case, protocol=protocol,
             params=["key 0"], keys=IDS.replace("ORDER", "WHERE pk_post > %d ORDER" % MARKED),
             variants=readers(POINT_ID, names=both))
    Case("marks_curve", "point by pk over the number of unsettled marks", None, ["app"], marks_curve,
         params=[others], variants=readers(POINT_PK, names=both))
    Case("rows_curve", "point by pk over the number of rows", None, [], rows_curve)
    Case("large", "point read at ten times the rows, to its own", (">=", 0.9), [], large_to_small)
    Case("sessions_curve", "point by pk over the number of sessions", None, ["app"], sessions_curve,
         params=["int 1 %d" % POSTS], variants=readers(POINT_PK, names=both))
    Case("build", "initial build, time ratio to CREATE MATERIALIZED VIEW and its three indexes",
         ("<=", 1.3), ["app"], build, unit="time", verify=0, rounds=min(10, int(os.environ.get("ROUNDS") or 10)),
         min_rounds=5,
         variants=[("tv", [("prep", "DROP FOREIGN TABLE IF EXISTS app.tv_built"), ("exec", BUILD_TVIEW)]),
                   ("matview", [("prep", "DROP MATERIALIZED VIEW IF EXISTS app.mv_built"),
                                ("exec", BUILD_MATVIEW)])])
    Case("memory", "own memory of a backend streaming all posts, beyond the native table's", ("<=", 8),
         ["app"], memory, unit="mb")
    Case("disk_small", "disk of the store, small documents, to table and indexes", ("<=", 1.3), ["app"], disk("app"))
    Case("disk_incompressible", "the same, incompressible 12 KB documents", ("<=", 1.3), ["docs_random"],
         disk("docs_random"))
    Case("disk_compressible", "the same, compressible 12 KB documents", ("<=", 2), ["docs_text"], disk("docs_text"))
    Case("first_read_background", "the same, while a background worker refreshes", ("<=", 15), ["written"],
         beside_worker, **CASES["first_read"].spec)
    Case("background", "re-materialising in the background, to the view's full-scan rate", (">=", 1.0),
         ["written"], background, writes=True)
    Case("mixed", "point reads of 4 sessions while 2 others write rows", None, ["written"], mixed, writes=True,
         clients=4, companions=2, verify=0, params=["int 1 %d" % POSTS, "text mixed"],
         variants=[(name, [("sql", "SELECT data FROM %s WHERE pk_post = $1" % relation),
                           ("companion", dict(writers(UPDATE_POST))[schema][0][1])])
                   for name, relation, schema in (("tv", "kept.tv_post", "tv"),
                                                  ("triggers", "trig.native", "triggers"),
                                                  ("view", "plain.v_post", "none"))])
