"""The private server as the cases see it: SQL, data sets, marks, memory."""
import os
import re
import subprocess
import threading
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
SCALE = float(os.environ.get("SCALE") or 1)
POSTS = max(10000, int(1000000 * SCALE) // 1000 * 1000)
DOCS = max(1000, int(100000 * SCALE))
DATABASE = "bench"
MARKS_AT_REST = 256


class Failure(Exception):
    """A case that cannot be measured, and why."""


def psql(*args, variables=None):
    """Runs psql and returns what it prints."""
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", DATABASE]
    for name, value in (variables or {}).items():
        command += ["-v", "%s=%s" % (name, value)]
    done = subprocess.run(command + list(args), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or "psql failed")
    return done.stdout.strip()


def sql(text):
    """Runs one or several statements, each in a transaction of its own."""
    return psql("-c", text)


def sql_int(text):
    """The number that a query returns."""
    return int(sql(text))


def script(name, **variables):
    """Runs a file of bench/data."""
    return psql("-f", os.path.join(BENCH, "data", name), variables=variables)


class Session:
    """A session that stays open: a psql that reads from a pipe."""

    def __init__(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", DATABASE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ask(self, text):
        """Sends a statement that returns one row, and reads that."""
        self.process.stdin.write(text + ";\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        """Ends the session."""
        self.process.stdin.close()
        self.process.wait()


class OldSnapshot(Session):
    """While it is open, no mark that is published after it can settle."""

    def __init__(self):
        super().__init__()
        self.process.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\n")
        self.snapshot = self.ask("SELECT pg_current_snapshot()")


# ---- data sets, made when the first case needs them ----

made = {}


def make_data(name):
    """Makes a data set; how long it took, and what it takes on disk."""
    if name in made:
        if isinstance(made[name], Failure):
            raise made[name]
        return
    started = time.monotonic()
    print("# data: %s" % name, flush=True)
    try:
        made[name] = MAKERS[name]() or {}
    except Failure as failure:
        made[name] = Failure("no data set %s: %s" % (name, failure))
        raise made[name] from failure
    warm()
    made[name]["seconds"] = round(time.monotonic() - started, 1)


def make_tview(schema, table):
    """Makes the TVIEW of a schema; it must be complete to be measured."""
    script("tview.sql", schema=schema, map_size="64GB")
    if sql("SELECT complete FROM tview.cache_stats WHERE tview = '%s.%s'::regclass"
           % (schema, table)) != "t":
        raise Failure("%s.%s is not complete after it was made" % (schema, table))
    return sql_int("SELECT map_used FROM tview.store WHERE server = '%s'" % schema)


def make_pair(schema, what, key, matview=False):
    """TVIEW, native table and perhaps a materialized view of one view."""
    script("native.sql", schema=schema, native="native", view="v_" + what, key=key)
    figures = {"store_bytes": make_tview(schema, "tv_" + what),
               "native_bytes": sql_int("SELECT pg_total_relation_size('%s.native')" % schema)}
    if matview:
        script("matview.sql", schema=schema, matview="mv_" + what, view="v_" + what, key=key)
    same_rows(["%s.tv_%s" % (schema, what), "%s.native" % schema, "%s.v_%s" % (schema, what)]
              + (["%s.mv_%s" % (schema, what)] if matview else []))
    return figures


def same_rows(relations):
    """Every relation holds the same rows, as a sum over hashes of their text."""
    sums = [sql("SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0) FROM %s r" % relation)
            for relation in relations]
    for relation, value in zip(relations, sums):
        if value != sums[0]:
            raise Failure("%s and %s do not hold the same rows" % (relations[0], relation))


def make_app():
    """The blog that is read."""
    script("blog.sql", schema="app", posts=POSTS)
    figures = make_pair("app", "post", "pk_post", matview=True)
    script("pick.sql", posts=POSTS)
    return figures


def make_written():
    """The blog three times: with a TVIEW, with nothing, with row triggers."""
    for schema in ("kept", "plain", "trig"):
        script("blog.sql", schema=schema, posts=POSTS)
    script("native.sql", schema="trig", native="native", view="v_post", key="pk_post")
    script("triggers.sql")
    make_tview("kept", "tv_post")


def make_docs(schema, kind):
    """Documents of 12 KB."""
    script("docs.sql", schema=schema, kind=kind, docs=DOCS)
    return make_pair(schema, "doc", "pk_doc")


def make_json(schema, tview):
    """The TVIEW of a schema again, with documents as json."""
    make_data(schema)
    own = schema + "_json"
    script("json.sql", schema=schema, schema_json=own, tview=tview, map_size="64GB")
    relation = "%s.%s" % (own, tview)
    if sql("SELECT complete FROM tview.cache_stats WHERE tview = '%s'::regclass" % relation) != "t":
        raise Failure("%s is not complete after it was made" % relation)
    same_rows([relation, schema + ".native"])
    return {"store_bytes": sql_int("SELECT map_used FROM tview.store WHERE server = '%s'" % own)}


def make_small(rows):
    """Small rows, for the curve."""
    schema = "small_%d" % rows
    script("small.sql", schema=schema, rows=rows)
    return make_pair(schema, "small", "pk_small")


def small_sizes():
    """The numbers of rows that the curve has; ten million only when asked for."""
    sizes = [n for n in (1000, 10000, 100000, 1000000) if n <= 1000000 * SCALE]
    return sizes + ([10000000] if os.environ.get("BIG") else [])


def make_debian():
    """Debian's package catalogue as the demo loads it."""
    place = os.path.join(os.environ["BENCH_WORK"], "debian")
    examples = os.path.join(BENCH, "..", "examples", "debian")
    os.makedirs(place, exist_ok=True)
    index = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=False).stdout
    if index.count(b"\nPackage:") < 1000:
        raise Failure("apt has no index here (apt-get update)")
    subprocess.run(["python3", os.path.join(examples, "parse.py"), place], input=index, check=True)
    here = os.getcwd()
    os.chdir(place)
    try:
        # the demo's schema is called app, as that of the blog
        for name in ("schema", "load", "views", "import"):
            with open(os.path.join(examples, name + ".sql"), encoding="utf-8") as source:
                text = re.sub(r"\bapp\b", "debian_app", source.read())
                text = re.sub(r"\btviews\b", "debian", text)
                text = text.replace("CREATE EXTENSION", "CREATE EXTENSION IF NOT EXISTS")
            with open(name + ".sql", "w", encoding="utf-8") as target:
                target.write(text)
            psql("-f", name + ".sql")
    finally:
        os.chdir(here)
    sql("CREATE TABLE debian_app.native AS SELECT * FROM debian_app.v_package ORDER BY pk_package;"
        "ALTER TABLE debian_app.native ADD PRIMARY KEY (pk_package);"
        "CREATE UNIQUE INDEX ON debian_app.native (id);"
        "CREATE INDEX ON debian_app.native (fk_section)")
    sql("VACUUM ANALYZE debian_app.native")
    same_rows(["debian_app.tv_package", "debian_app.native"])


MAKERS = {
    "app": make_app,
    "written": make_written,
    "docs_random": lambda: make_docs("docs_random", "random"),
    "docs_text": lambda: make_docs("docs_text", "text"),
    "app_json": lambda: make_json("app", "tv_post"),
    "docs_random_json": lambda: make_json("docs_random", "tv_doc"),
    "docs_text_json": lambda: make_json("docs_text", "tv_doc"),
    "debian": make_debian,
}
for _rows in (1000, 10000, 100000, 1000000, 10000000):
    MAKERS["small_%d" % _rows] = lambda rows=_rows: make_small(rows)


# ---- the state of the store ----

def marks_pending(server):
    """Marks that have not settled."""
    return sql_int("SELECT marks_pending FROM tview.store WHERE server = '%s'" % server)


def counters():
    """Rows that were not served from the store, over all TVIEWs."""
    return [int(n) for n in sql("SELECT coalesce(sum(recomputed), 0), coalesce(sum(bypassed), 0)"
                                " FROM tview.cache_stats").split("|")]


def settle(schema, tview):
    """Reads until nothing is left to compute, and so few marks that readers let
    them wait (src/cache/settle.c); fails after three minutes."""
    relation = "%s.%s" % (schema, tview)
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if marks_pending(schema) >= MARKS_AT_REST:
            # commits must be flushed before their marks settle; any reader
            # settles some
            sql("SELECT pg_switch_wal()")
            for _ in range(10):
                sql("SELECT FROM %s LIMIT 1" % relation)
            continue
        sql("SELECT count(data->>'title') FROM " + relation)
        if sql("SELECT complete AND hollow = 0 FROM tview.cache_stats WHERE tview = '%s'::regclass" % relation) == "t":
            return
        time.sleep(0.2)
    raise Failure("%d marks of %s do not settle, or rows do not come back" % (marks_pending(schema), schema))


def warm():
    """Every relation is in shared buffers, as the store is in the page cache:
    bulk commands leave what they write outside of them."""
    sql("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
    sql("SELECT count(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i', 'm', 't')"
        " AND relpersistence = 'p' AND pg_relation_size(oid) > 0")


def at_rest():
    """Everything written and flushed; autovacuum is off."""
    sql("CHECKPOINT")


class MemorySampler(threading.Thread):
    """Watches the anonymous memory of a backend: what is its own, without the
    shared buffers and the store's map."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.ended = threading.Event()

    def read(self):
        """Bytes now."""
        with open("/proc/%d/smaps_rollup" % self.pid, encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Anonymous:"):
                    return int(line.split()[1]) * 1024
        raise Failure("no Anonymous in smaps_rollup")

    def run(self):
        while not self.ended.wait(0.02):
            try:
                self.peak = max(self.peak, self.read())
            except OSError:
                return
