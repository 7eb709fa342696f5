"""The report: report.md, report.json and pictures of the curves."""
import json
import os

HEADER = ("| work | goal | median [95 %] | met | in the backend | others |\n"
          "| --- | --- | --- | --- | --- | --- |")

PAPER = """
## pg_ivm, on paper

Not measured here: pg_ivm takes an ExclusiveLock on the whole view until the
transaction ends, and refuses jsonb_build_object, jsonb_agg and views as
sources, so the same view cannot be made with it. In an earlier measurement of
views that it accepts, throughput of writes to no maintenance at all (1 / 8
clients) was 0.15 / 0.05 for one row, 0.04 / 0.01 with fan-out 100 and 0.001
with fan-out 10,000.
"""


def figure(value):
    """Three digits or so."""
    if value >= 100:
        return "{:,.0f}".format(value)
    return "%.1f" % value if value >= 10 else "%.2f" % value


def measured(stat, unit="ratio"):
    """A median with its interval."""
    suffix = {"us": " us", "mb": " MB"}.get(unit, "")
    if "low" not in stat:
        return figure(stat["median"]) + suffix
    return "%s%s [%s, %s], n=%d" % (figure(stat["median"]), suffix, figure(stat["low"]),
                                    figure(stat["high"]), stat["n"])


def goal(result):
    """The goal in words."""
    if not result.get("goal"):
        return "-"
    unit = {"us": " us", "mb": " MB"}.get(result.get("unit"), "")
    return "%s %g%s" % (result["goal"][0], result["goal"][1], unit)


def met(result):
    """Yes or no by the median; "within noise" where the interval holds the goal."""
    if "error" in result:
        return "**not measured**"
    if not result.get("goal") or "value" not in result:
        return "-"
    relation, limit = result["goal"]
    value = result["value"]
    yes = value["median"] >= limit if relation == ">=" else value["median"] <= limit
    noise = "low" in value and value["low"] <= limit <= value["high"]
    return ("yes" if yes else "**no**") + (" (within noise)" if noise else "")


def line(result):
    """A row of the table."""
    if "error" in result:
        text = result["error"].replace("\n", " ").replace("|", "/")
        text = text if len(text) < 400 else text[:200] + " ... " + text[-200:]
        return "| %s | %s | %s | %s | | |" % (result["work"], goal(result), text, met(result))
    others = ["%s %s" % (name, measured(stat)) for name, stat in result.get("others", {}).items()]
    if result.get("note"):
        others.append(result["note"])
    return "| %s | %s | %s | %s | %s | %s |" % (
        result["work"], goal(result), measured(result["value"], result.get("unit")) if "value" in result else "-",
        met(result), measured(result["processor"]) if "processor" in result else "-", "; ".join(others))


def absolute(results):
    """Microseconds of one execution, by variant."""
    lines = ["", "## Times of one execution", "",
             "Median over rounds of the mean, in microseconds; in parentheses the 50th and",
             "99th percentile of single executions.", "", "| case | variants |", "| --- | --- |"]
    for result in results:
        if "microseconds" not in result:
            continue
        parts = []
        for variant in result["variants"]:
            parts.append("%s %s (%s, %s)" % (
                variant["name"], figure(result["microseconds"][variant["name"]]["median"]),
                figure(variant["p50_us"]), figure(variant["p99_us"])))
        lines.append("| %s | %s |" % (result["name"], "; ".join(parts)))
    return lines


def write(whole, directory):
    """Writes everything that there is so far."""
    results = whole["results"]
    machine = whole["machine"]
    lines = ["# Benchmark of tview_fdw", "",
             "%s, commit %s; %s, %d cores, %d MB, Linux %s; load before %.2f." % (
                 machine["postgresql"].split(" on ")[0], machine["commit"], machine["cpu"], machine["cores"],
                 machine["memory_mb"], machine["kernel"], machine["load"][0]),
             "Scale %g; %s." % (machine["scale"], ", ".join(
                 "%s %s" % pair for pair in machine["settings"].items())), "",
             "Figures are ratios of throughput to the native table with the same rows and",
             "indexes (writes: to the same tables with no maintenance at all) unless a unit",
             "says otherwise; *in the backend* is the processor time of its process for one",
             "execution, of the native table to the TVIEW; *others* are ratios of the TVIEW to the other variants. Variants",
             "took turns of 200 ms over warm connections; a ratio is taken in every round,",
             "and the interval is the binomial one of the median over n rounds. Before",
             "anything was timed all variants had to return the same rows.", "", HEADER]
    lines += [line(result) for result in results]
    lines += absolute(results)
    for result in results:
        if "curve" in result and "error" not in result:
            name = result["name"] + ".svg"
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(picture(result["curve"]))
            lines += ["", "![%s](%s)" % (result["work"], name)]
    lines += ["", "## Data", "", "| data set | seconds to make | store, bytes | native table and indexes, bytes |",
              "| --- | --- | --- | --- |"]
    sets = {name: figures for name, figures in whole["data"].items() if isinstance(figures, dict)}
    for name, figures in sets.items():
        lines.append("| %s | %s | %s | %s |" % (name, figures.get("seconds", "-"), figures.get("store_bytes", "-"),
                                                figures.get("native_bytes", "-")))
    with open(os.path.join(directory, "report.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n" + PAPER)
    with open(os.path.join(directory, "report.json"), "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "results": results, "data": sets}, file, indent=1)


# ---- pictures ----

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 80, 40, 150, 60
COLOURS = ("#1b6ac9", "#c9421b", "#2d8a3e", "#7b3fa0", "#8a6d1b")


def ticks(low, high):
    """One, two and five times the powers of ten between the two."""
    found = [m * 10.0 ** e for e in range(-6, 13) for m in (1, 2, 5)]
    return [t for t in found if low * 0.999 <= t <= high * 1.001]


def picture(curve):
    """An SVG with a logarithmic axis of x and one of y that begins at zero."""
    import math  # pylint: disable=import-outside-toplevel
    points = [(max(x, 0.5), y) for series in curve["series"].values() for x, y in series]
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    top = max(p[1] for p in points) * 1.1

    def place(x, y):
        span = math.log(high / low) if high > low else 1
        return (LEFT + (WIDTH - LEFT - RIGHT) * math.log(max(x, 0.5) / low) / span,
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top)

    def text(x, y, words, anchor="middle"):
        return '<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>' % (x, y, anchor, words)

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT), '<rect width="%d" height="%d" fill="white"/>' % (WIDTH, HEIGHT),
           text(WIDTH / 2, 22, curve["title"]), text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, curve["x"]),
           '<text transform="translate(20,%d) rotate(-90)" text-anchor="middle">%s</text>' % (HEIGHT / 2, curve["y"])]
    for x in sorted({p[0] for p in points}):
        out.append(text(place(x, 0)[0], HEIGHT - BOTTOM + 18, "0" if x < 1 else "{:,.0f}".format(x)))
    step = next(t for t in ticks(top / 10, top) if t >= top / 8)
    for i in range(int(top / step) + 1):
        y = place(low, i * step)[1]
        out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>' % (LEFT, WIDTH - RIGHT, y, y))
        out.append(text(LEFT - 6, y + 4, "{:,g}".format(i * step), "end"))
    for colour, (name, series) in zip(COLOURS, curve["series"].items()):
        path = " ".join("%.1f,%.1f" % place(x, y) for x, y in series)
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (place(x, y) + (colour,)) for x, y in series]
        x, y = place(*series[-1])
        out.append('<text x="%.1f" y="%.1f" fill="%s">%s</text>' % (x + 8, y + 4, colour, name))
    return "\n".join(out) + "\n</svg>\n"
