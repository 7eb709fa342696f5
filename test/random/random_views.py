#!/usr/bin/env python3
"""Random views over random tables, under random writes of two sessions.

    random_views.py --views N --seed S     worlds from seed S on, until N views
    random_views.py --world S              this world alone; --script prints it

Proves: each view is either refused by CREATE FOREIGN TABLE, with an SQLSTATE
that says so, or its TVIEW equals it: after every statement, in the writing
session, in another, and under an old snapshot; as a whole, by key and by other
columns.  Prints TAP.  A world is a database with a few tables, a dozen views
and a history; its seed repeats it.  A failing one is shortened before it is
printed.  The server is the one of libpq's environment; databases named random
are dropped and made.
"""
import argparse
import collections
import random
import re
import sys
import time

import libpq
import tables as tables_py
import views as views_py
import writes

VIEWS = 12
LENGTH = 44
# what a writer of these worlds may meet: constraints, concurrency, a statement
# that the state of its transaction does not allow
FORBIDDEN = ('XX', '58', '57', '53')
# what a definition may be refused with: see src/lineage
REFUSED = ('0A000', '42809', '21000', '42P17', '54001', '42703', '42P01')

COMPARE = """SELECT sum(w), x FROM ({}) u GROUP BY x HAVING sum(w) <> 0 LIMIT 4"""
PAIR = """SELECT 1 AS w, '{n}: ' || t::text AS x FROM app.{tview} t WHERE {where}
UNION ALL SELECT -1, '{n}: ' || t::text FROM o.{view} t WHERE {where}"""
COLUMNS = """SELECT quote_ident(attname), format_type(atttypid, atttypmod) ||
CASE WHEN attcollation <> typcollation
     THEN (SELECT format(' COLLATE %I.%I', nspname, collname) FROM pg_collation c
           JOIN pg_namespace n ON n.oid = collnamespace
           WHERE c.oid = attcollation) ELSE '' END
FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
WHERE attrelid = 'app.{}'::regclass ORDER BY attnum"""


TOTALS = 'SELECT sum(served), sum(recomputed), sum(bypassed) FROM tview.cache_stats'


class Failure(Exception):
    def __init__(self, what, view=None, step=None):
        super().__init__(what)
        self.what, self.view, self.step = what, view, step


def compare_sql(view, conditions, dml=None):
    pairs = '\nUNION ALL\n'.join(
        PAIR.format(n=n, tview=view.tview, view=view.name, where=where)
        for n, where in enumerate(conditions))
    sql = COMPARE.format(pairs)
    return f'WITH w AS ({dml} RETURNING 1)\n{sql}' if dml else sql


class World:
    """What a seed makes; only names the views that are kept."""

    def __init__(self, seed, only=None, steps=None):
        self.seed = seed
        r = random.Random(seed)
        self.small = r.random() < .25
        self.tables, self.schema = tables_py.make_tables(r)
        maker = views_py.Maker(random.Random(seed + 0.5), self.tables)
        every = maker.make_all(VIEWS)
        self.steps = steps if steps is not None else \
            writes.make_history(random.Random(seed + 0.25), self.tables, every, LENGTH)
        self.views = [v for v in every if only is None or v.name in only]
        self.counts = collections.Counter()
        self.refusals = collections.Counter()
        self.accepted, self.prepared, self.script = {}, set(), []

    def execute(self, session, sql):
        self.script.append((session, sql))
        return self.sessions[session].run(sql)

    # ---- building ----

    def open(self):
        admin = libpq.Connection('dbname=postgres')
        for (gid,) in admin.run(
                "SELECT gid FROM pg_prepared_xacts WHERE database = 'random'"):
            libpq.Connection('dbname=random').run(f"ROLLBACK PREPARED '{gid}'")
        admin.run('DROP DATABASE IF EXISTS random WITH (FORCE)')
        admin.run('CREATE DATABASE random')
        admin.close()
        self.sessions = {s: libpq.Connection('dbname=random') for s in 'abc'}
        for session in self.sessions.values():
            session.run('SET client_min_messages = error')
            session.run("SET lock_timeout = '40ms'")
            session.run("SET statement_timeout = '60s'")
            session.run('SET jit = off')

    def close(self):
        for session in self.sessions.values():
            session.close()

    def build(self):
        for sql in tables_py.PRELUDE:
            self.execute('a', sql)
        for sql in self.schema:
            try:
                self.execute('a', sql)
            except libpq.Error as e:
                if not sql.startswith(('INSERT', 'ALTER')):
                    raise Failure(f'the generator made a wrong table: {e}') from e
                self.script.pop()
        sizes = " OPTIONS (map_size '1MB', mark_log_size '64kB')" if self.small else ''
        self.execute('a', f'CREATE SERVER s FOREIGN DATA WRAPPER tview_fdw{sizes}')
        for view in self.views:
            self.make_view(view)

    def make_view(self, view):
        """the view, its oracle that reads no tv_*, and its TVIEW"""
        def served(m):
            name = m.group(1)
            if name.startswith('tv_') and name[1:] not in self.accepted:
                name = name[1:]
            return 'app.' + name

        oracle = re.sub(r'\{t?(v_x\d+)\}', r'o.\1', view.text)
        text = re.sub(r'\{(t?v_x\d+)\}', served, view.text)
        try:
            self.execute('a', f'CREATE VIEW o.{view.name} AS {oracle}')
            self.execute('a', f'CREATE VIEW app.{view.name} AS {text}')
            rows = self.execute('a', f'SELECT * FROM o.{view.name}')
        except libpq.Error as e:
            self.counts['invalid'] += 1
            self.refusals[f'invalid {e}'] += 1
            self.script.pop()
            return
        view.rows = len(rows)
        self.counts['views'] += 1
        populate = '' if view.populate else ", populate 'off'"
        if view.number % 2:
            # some have the text of their documents
            texts = ", jsonb_as_json 'on'" if view.number % 4 == 1 else ''
            options = (populate + texts + view.options)[2:]
            sql = (f'IMPORT FOREIGN SCHEMA app LIMIT TO ({view.tview}) FROM SERVER s INTO app'
                   + (f' OPTIONS ({options})' if options else ''))
        else:
            names = ', '.join(
                f"{n} {'json' if t == 'jsonb' and view.number % 4 == 2 else t}"
                for n, t in self.sessions['a'].run(COLUMNS.format(view.name)))
            sql = (f"CREATE FOREIGN TABLE app.{view.tview} ({names}) SERVER s OPTIONS "
                   f"(view 'app.{view.name}'{populate}{view.options})")
        try:
            self.execute('a', sql)
        except libpq.Error as e:
            self.script.pop()
            self.counts['refused'] += 1
            self.refusals[re.sub(r'v?_?x\d+|"[^"]*"', '..', str(e))] += 1
            if e.sqlstate not in REFUSED:
                raise Failure(f'refused with {e}', view.name) from e
            return
        self.accepted[view.name] = view

    def look_at_service(self, when):
        """is the second read of each TVIEW answered by the store?"""
        for view in self.accepted.values():
            self.sessions['a'].run(f'SELECT count(t::text) FROM app.{view.tview} t')
            plan = self.sessions['a'].run(
                f'EXPLAIN (ANALYZE, COSTS off) SELECT * FROM app.{view.tview}')
            plan = '\n'.join(line for line, in plan)
            served = re.search(r'Served: (\d+)', plan)
            reason = re.search(r'Bypass: (.*)', plan)
            if served and int(served.group(1)):
                self.counts[f'served {when}'] += 1
            elif reason:
                self.counts[f'not served {when}: {reason.group(1)}'] += 1
            elif re.search(r'actual rows=0|rows=0 loops', plan):
                self.counts[f'empty {when}'] += 1
            else:
                self.counts[f'not served {when}: {plan}'] += 1

    # ---- history ----

    def doubled(self, session):
        """has this snapshot two rows of one key?  then plans decide"""
        for t in self.tables:
            if self.sessions[session].run(
                    f'SELECT 1 FROM {t.name} GROUP BY {", ".join(t.key)} '
                    'HAVING count(*) > 1 LIMIT 1'):
                return True
        return False

    def check(self, session, view, conditions, dml, number):
        sql = compare_sql(view, conditions, dml)
        self.counts['reads'] += len(conditions)
        try:
            found = self.execute(session, sql) + \
                ([] if dml or number % 3 else self.execute_prepared(session, view, number))
        except libpq.Error as e:
            self.complain(e, view, number)
            if e.sqlstate[:2] in ('40', '55', '25') or dml:
                return
            # an error that the view has as well is an answer
            retry = self.sessions[session]
            if retry.in_transaction():
                retry.run('ROLLBACK')
            try:
                for where in conditions:
                    retry.run(f'SELECT * FROM o.{view.name} t WHERE {where}')
            except libpq.Error:
                self.counts['errors of views'] += 1
                return
            raise Failure(f'session {session}: {e}', view.name, number) from e
        if found and self.doubled(session):
            self.counts['differences with two rows of a key'] += 1
        elif found:
            raise Failure(f'session {session}: differs (1: in the TVIEW, -1: in the view)\n' +
                          '\n'.join('    '.join(line) for line in found), view.name, number)

    def execute_prepared(self, session, view, number):
        """the look-up by key with a plan that lives as long as the session"""
        name = f'p_{view.name}'
        if (session, name) not in self.prepared:
            self.execute(session, f'PREPARE {name} (int8) AS ' +
                         compare_sql(view, [f't.{view.key} = $1']))
            self.prepared.add((session, name))
        return self.execute(session, f'EXECUTE {name} ({number % tables_py.KEYS + 1})')

    def complain(self, e, view, number):
        """about an error that no statement may have"""
        if e.sqlstate.startswith(FORBIDDEN):
            raise Failure(f'{e}', view.name if view else None, number) from e
        self.counts[f'errors {e.sqlstate}'] += 1
        if not e.sqlstate.startswith(('23', '25', '40')) and e.sqlstate != '55P03':
            self.refusals[re.sub(r'"[^"]*"', '".."', f'write: {e}')] += 1

    def step(self, number, step, following):
        session, sql, checked = step
        if self.sessions[session].aborted() and not (
                sql and sql.startswith('ROLLBACK')):
            if any(s == session and q and q.startswith('ROLLBACK TO')
                   for s, q, _ in following):
                return
            self.execute(session, 'ROLLBACK')
        if checked is None:
            if 'tview.re' in sql and '.tv_' in sql and \
                    sql.split('.tv_')[1][:-2].join(['v_', '']) not in self.accepted:
                return
            self.counts['statements'] += 1
            try:
                self.execute(session, sql)
            except libpq.Error as e:
                self.complain(e, None, number)
            return
        for name, conditions in checked:
            if name in self.accepted and not self.sessions[session].aborted():
                self.check(session, self.accepted[name], conditions, sql, number)
                sql = None      # it is done once

    def run(self):
        """the first failure, or None"""
        self.open()
        try:
            self.build()
            self.look_at_service('at first')
            for number, step in enumerate(self.steps):
                self.step(number, step, self.steps[number + 1:number + 4])
            self.finish()
        except Failure as failure:
            return failure
        except libpq.Error as e:
            return Failure(f'outside of the history: {e}')
        finally:
            self.close()
        return None

    def finish(self):
        """both end, and a fresh snapshot compares everything"""
        for session in self.sessions.values():
            if session.in_transaction():
                session.run('ROLLBACK')
        for (gid,) in self.sessions['a'].run('SELECT gid FROM pg_prepared_xacts'):
            self.execute('a', f"COMMIT PREPARED '{gid}'")
        for view in self.accepted.values():
            for session in 'cab':
                self.check(session, view, ['true'], None, len(self.steps))
            bad = self.sessions['c'].run(f"SELECT * FROM tview.verify('app.{view.tview}')")
            if bad and not self.doubled('c'):
                raise Failure(f'tview.verify: {bad}', view.name, len(self.steps))
        self.look_at_service('in the end')
        for what, n in zip(('rows served', 'rows recomputed', 'scans bypassed'),
                           self.sessions['a'].run(TOTALS)[0]):
            self.counts[what] += int(n or 0)


# ---- shortening ----

def needed(seed, name):
    """the view and what it reads"""
    every = {v.name: v for v in World(seed).views}
    found, todo = set(), [name]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += every[name].reads
    return found


def shorten(seed, failure, limit):
    """fewer views and steps that still fail for this view"""
    end = time.time() + limit

    def fails(names, steps):
        again = World(seed, names, steps).run()
        return again is not None and again.view == failure.view

    full = World(seed)
    names = {v.name for v in full.views}
    steps = full.steps[:(failure.step or 0) + 1] if failure.step is not None else []
    if failure.view is None or not fails(names, steps):
        return names, steps
    few = needed(seed, failure.view)
    if fails(few, steps):
        names = few
    size = max(len(steps) // 2, 1)
    while time.time() < end:
        at, smaller = 0, False
        while at < len(steps) and time.time() < end:
            shorter = steps[:at] + steps[at + size:]
            if fails(names, shorter):
                steps, smaller = shorter, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(size // 2, 1)
    return names, steps


def print_script(world):
    for session, sql in world.script:
        print(f'-- {session}\n{sql};')


def report(seed, failure, limit):
    names, steps = shorten(seed, failure, limit)
    world = World(seed, names, steps)
    last = world.run() or failure
    print(f'# world {seed}: view {last.view}, step {last.step}')
    for line in last.what.splitlines():
        print(f'#   {line}')
    for session, sql in world.script:
        print(f'#   {session}: ' + sql.replace('\n', '\n#      '))
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--views', type=int, default=100)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--world', type=int)
    parser.add_argument('--script', action='store_true')
    parser.add_argument('--seconds', type=int, default=10 ** 9)
    parser.add_argument('--failures', type=int, default=1)
    parser.add_argument('--shorten', type=int, default=120)
    parser.add_argument('--why', action='store_true')
    args = parser.parse_args()
    total, refusals = collections.Counter(), collections.Counter()
    seed = args.seed if args.world is None else args.world
    first, failed = seed, 0
    end = time.time() + args.seconds
    while True:
        world = World(seed)
        failure = world.run()
        total += world.counts
        refusals += world.refusals
        total['worlds'] += 1
        total['accepted'] += len(world.accepted)
        if sys.stderr.isatty():
            print(f'# world {seed}: {total["views"]} views', end='\r', file=sys.stderr)
        if args.script:
            print_script(world)
        if failure:
            failed += 1
            print(f'not ok - world {seed}: {failure.what.splitlines()[0]}')
            sys.stdout.flush()
            report(seed, failure, args.shorten)
        seed += 1
        if args.world is not None or total['views'] >= args.views or \
                failed >= args.failures or time.time() >= end:
            break
    if args.why:
        for what, n in refusals.most_common():
            print(f'# {n} {what}')
    print('# ' + ', '.join(f'{n} {what}' for what, n in sorted(total.items())))
    if not failed:
        print(f'ok - {total["accepted"]} of {total["views"]} random views accepted and '
              f'exact in {total["reads"]} compared reads, seeds {first} to {seed - 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
