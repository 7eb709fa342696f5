#!/usr/bin/env python3
"""Runs the cases and writes the report; started by bench/run.

SCALE, ROUNDS, LIMIT (seconds a case), SLICE (ms), SEED, CASES, BIG, PIN and SYNC
come from the environment, as bench/run documents them.
"""
import json
import os
import re
import subprocess
import sys
import time

import cases
import report
import server
import special
import stats
from server import Failure

WORK = os.environ["BENCH_WORK"]
ROUNDS = int(os.environ.get("ROUNDS") or 100)
LIMIT = int(os.environ.get("LIMIT") or 120)


def spec_text(spec):
    """A case as bench/alternate reads it."""
    # rows that come in a stream are read while the next ones are made
    stream = any(kind == "copy" for _, statements in spec["variants"] for kind, _ in statements)
    pinned = os.environ.get("PIN") != "off" and not stream
    lines = ["pinned %s" % ("yes" if pinned else "no"), "rounds %d" % spec.get("rounds", ROUNDS), "limit %d" % spec.get("limit", LIMIT),
             "min_rounds %d" % min(spec.get("rounds", ROUNDS), spec.get("min_rounds", 10)),
             "slice %s" % (os.environ.get("SLICE") or 200), "seed %s" % (os.environ.get("SEED") or 1),
             "protocol %s" % spec.get("protocol", "prepared"),
             "ordered %s" % ("yes" if spec.get("ordered") else "no")]
    lines += ["%s %s" % (word, spec[word]) for word in ("clients", "companions", "verify", "keys") if word in spec]
    lines += ["param " + param for param in spec.get("params", [])]
    for name, statements in spec["variants"]:
        lines += ["variant " + name, "connect dbname=" + server.DATABASE]
        lines += ["%s %s" % (kind, text) for kind, text in statements]
        # this session's page tables, too, know every page before it is timed
        relation = re.search(r"(?:FROM|JOIN) ([a-z_0-9]+\.(tv_[a-z]+|native|mv_[a-z]+))", statements[0][1])
        if relation and spec.get("clients", 1) == 1 and spec.get("scan", True) and not spec.get("writes"):
            lines.append("setup SELECT count(data->>'title') FROM " + relation.group(1))
    return "\n".join(lines) + "\n"


def alternate(name, spec):
    """Runs bench/alternate; its output, with the variants' names as keys."""
    path = os.path.join(WORK, "cases", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(spec_text(spec))
    done = subprocess.run([os.path.join(WORK, "alternate"), path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or "ended with %d" % done.returncode)
    output = json.loads(done.stdout)
    output["names"] = [v["name"] for v in output["variants"]]
    return output


def measure(name, spec):
    """The figures of a case: the first variant to the base, and to the others.
    A read that the store does not serve is no measurement of the store."""
    before = server.counters()
    output = alternate(name, spec)
    if not spec.get("writes") and spec.get("unit") is None and server.counters() != before:
        raise Failure("not served: rows recomputed and scans bypassed were %s, and are %s"
                      % (before, server.counters()))
    rounds, names = output["rounds"], output["names"]
    base = names.index(spec.get("base", names[1]))
    unit = spec.get("unit", "ratio")
    result = {"unit": unit, "base": names[base], "rounds": rounds, "names": names,
              "variants": output["variants"], "verified": output["verified"], "pinned": output["pinned"],
              "microseconds": {v: stats.microseconds(rounds, i) for i, v in enumerate(names)}}
    if unit == "us":
        result["value"] = stats.difference(rounds, 0, base)
    elif unit == "time":
        result["value"] = stats.ratio(rounds, base, 0)
    else:
        result["value"] = stats.ratio(rounds, 0, base)
    # what comes before an execution is not timed, but the processor has done it
    if not any(kind == "prep" for _, statements in spec["variants"] for kind, _ in statements):
        result["processor"] = stats.processor(rounds, base, 0)
    result["others"] = {v: stats.ratio(rounds, 0, i) for i, v in enumerate(names) if i not in (0, base)}
    return result


def prepare_writes():
    """Equal tables for all: vacuumed and analysed, nothing left to settle."""
    server.settle("kept", "tv_post")
    for schema in ("kept", "plain", "trig"):
        server.sql("VACUUM ANALYZE %s.tb_author, %s.tb_post" % (schema, schema))
    server.sql("VACUUM ANALYZE trig.native")


def check_writes():
    """After the writes every side holds what its view says."""
    server.same_rows(["kept.v_post", "kept.tv_post"])
    server.same_rows(["trig.v_post", "trig.native"])


def run_case(case):
    """The result of a case, which may be why there is none."""
    started = time.monotonic()
    result = {}
    try:
        for data in case.data:
            server.make_data(data)
        if case.spec.get("writes"):
            prepare_writes()
        server.at_rest()
        if case.function:
            result = case.function(case, measure)
        else:
            result = measure(case.name, case.spec)
        if case.spec.get("writes"):
            check_writes()
    except Failure as failure:
        result["error"] = str(failure)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as failure:
        result["error"] = "%s: %s" % (type(failure).__name__, failure)
    result.setdefault("unit", case.spec.get("unit", "ratio"))
    result.update(name=case.name, work=case.work, goal=case.goal, seconds=round(time.monotonic() - started, 1))
    return result


def machine():
    """What the figures were taken on."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as info:
        memory = int(next(line for line in info if line.startswith("MemTotal")).split()[1]) // 1024
    settings = ("shared_buffers", "synchronous_commit", "fsync", "jit", "autovacuum",
                "max_parallel_workers_per_gather", "work_mem", "maintenance_work_mem", "wal_level", "huge_pages")
    return {"cpu": models[0] if models else "unknown", "cores": len(models), "memory_mb": memory,
            "kernel": os.uname().release, "load": list(os.getloadavg()),
            "postgresql": server.sql("SELECT version()"),
            "extension": server.sql("SELECT extversion FROM pg_extension WHERE extname = 'tview_fdw'"),
            "commit": os.environ.get("BENCH_COMMIT", "unknown"),
            "settings": {name: server.sql("SHOW " + name) for name in settings},
            "scale": server.SCALE, "rounds": ROUNDS, "limit": LIMIT}


def selected():
    """The cases that CASES names, or all; in their own order."""
    special.define()
    names = (os.environ.get("CASES") or "").split()
    unknown = [name for name in names if name not in cases.CASES]
    if unknown:
        sys.exit("no case %s: there are %s" % (" ".join(unknown), " ".join(cases.CASES)))
    return [case for case in cases.CASES.values() if not names or case.name in names]


def main():
    chosen = selected()
    server.sql("CREATE EXTENSION tview_fdw")
    whole = {"machine": machine(), "results": [], "data": server.made}
    print(report.HEADER, flush=True)
    for case in chosen:
        result = run_case(case)
        whole["results"].append(result)
        print(report.line(result), flush=True)
        report.write(whole, os.environ["BENCH_REPORT"])
    sys.exit(1 if any("error" in r for r in whole["results"]) else 0)


main()
