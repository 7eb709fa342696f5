"""Random writes of two sessions, interleaved, and what is compared after them.

A history is a list of steps that does not depend on what they come to, so that
a failing one can be shortened.
"""
from tables import KEYS, row, value
from views import TYPES


class Writer:
    def __init__(self, r, tables):
        self.r, self.tables, self.gids = r, tables, 0

    def chance(self, p):
        return self.r.random() < p

    def insert(self, table):
        r = self.r
        columns = [c for c in table.columns if not c.generated]
        names = ', '.join(c.name for c in columns)
        if self.chance(.1):
            cells = [row(r, table, columns) for _ in range(2)]
            lines = '\n'.join('\t'.join('\\N' if x == 'NULL' else
                                        x.strip("'").replace("''", "'") for x in line)
                              for line in cells)
            return f'COPY {table.name} ({names}) FROM STDIN;\n{lines}\n\\.\n'
        if self.chance(.15) and table.keycol:
            cells = [c.name for c in columns]
            cells[cells.index(table.keycol)] = f'{table.keycol} + {r.randint(1, KEYS)}'
            if 'id' in cells:
                cells[cells.index('id')] = f"app.uid({table.keycol} + {KEYS})"
            return (f'INSERT INTO {table.name} ({names}) SELECT {", ".join(cells)} '
                    f'FROM {table.name} WHERE {self.where(table, "")} ON CONFLICT DO NOTHING')
        cells = ', '.join('(' + ', '.join(row(r, table, columns)) + ')'
                          for _ in range(r.choice([1, 1, 1, 3])))
        sql = f'INSERT INTO {table.name} ({names}) VALUES {cells}'
        dice = r.random()
        if dice < .3:
            return sql + ' ON CONFLICT DO NOTHING'
        if dice < .7:
            return sql + (f' ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET '
                          + self.assignments(table, 'excluded'))
        return sql

    def assignments(self, table, other=None):
        r = self.r
        some = [c for c in table.columns if not c.generated and c.name not in table.key]
        # references change often, keys now and then
        chosen = {c.name: c for c in r.sample(some, min(len(some), r.choice([1, 1, 2])))}
        if table.links and self.chance(.4):
            name = r.choice(table.links)[0]
            chosen[name] = table.column(name)
        if self.chance(.12):
            name = r.choice(table.key)
            chosen[name] = table.column(name)
        out = []
        for name, c in chosen.items():
            if other and self.chance(.5):
                new = f'{other}.{name}'
            elif c.kind == 'i' and self.chance(.2):
                new = f't.{name} + 1' if not other else f'excluded.{name} + 1'
            else:
                new = value(r, c.kind, c.null)
            out.append(f'{name} = {new}')
        return ', '.join(out)

    def where(self, table, prefix='t.'):
        r = self.r
        name = prefix + r.choice(table.key)
        k = r.randint(1, KEYS)
        dice = r.random()
        if dice < .6:
            return f'{name} = {k}'
        if dice < .75:
            return f'{name} IN ({k}, {k + 1})'
        c = r.choice([c for c in table.columns if c.kind in 'isbe'])
        if dice < .95:
            return f'{prefix}{c.name} = {value(r, c.kind, False)} AND {name} <= {k}'
        return f'{name} >= {k}'

    def update(self, table):
        if self.chance(.12):
            other = self.r.choice(self.tables)
            return (f'UPDATE {table.name} t SET {self.assignments(table)} FROM {other.name} z '
                    f'WHERE z.{self.r.choice(other.key)} = t.{self.r.choice(table.key)} '
                    f'AND {self.where(table)}')
        if self.chance(.1) and table.keycol:
            a, b = self.r.sample(range(1, KEYS), 2)
            return (f'UPDATE {table.name} t SET {table.keycol} = {a + KEYS * 2} '
                    f'WHERE {table.keycol} = {b}')
        name = table.name
        if table.partitions and self.chance(.2):
            name = self.r.choice(table.partitions)
        return f'UPDATE {name} t SET {self.assignments(table)} WHERE {self.where(table)}'

    def delete(self, table):
        if self.chance(.1):
            other = self.r.choice(self.tables)
            return (f'DELETE FROM {table.name} t USING {other.name} z WHERE '
                    f'z.{self.r.choice(other.key)} = t.{self.r.choice(table.key)} '
                    f'AND {self.where(table)}')
        return f'DELETE FROM {table.name} t WHERE {self.where(table)}'

    def merge(self, table):
        r = self.r
        columns = [c for c in table.columns if not c.generated]
        names = ', '.join(c.name for c in columns)
        on = ' AND '.join(f't.{k} = s.k' for k in table.key)
        cells = dict(zip((c.name for c in columns), row(r, table, columns)))
        cells.update({k: 's.k' for k in table.key})
        matched = r.choice(['DELETE', f'UPDATE SET {self.assignments(table)}',
                            f'UPDATE SET {self.assignments(table)}'])
        return (f'MERGE INTO {table.name} t USING generate_series({r.randint(1, 6)}, '
                f'{r.randint(6, KEYS + 1)}) s(k) ON {on} WHEN MATCHED AND s.k % 2 = 0 THEN '
                f'{matched} WHEN NOT MATCHED AND s.k % 3 = 0 THEN INSERT ({names}) '
                f'VALUES ({", ".join(cells[c.name] for c in columns)})')

    def dml(self):
        table = self.r.choice(self.tables)
        dice = self.r.random()
        if dice < .28:
            return self.insert(table)
        if dice < .72:
            return self.update(table)
        if dice < .86:
            return self.delete(table)
        if dice < .92:
            return self.merge(table)
        if dice < .95:
            return f'WITH d AS ({self.delete(table)} RETURNING 1) {self.update(self.r.choice(self.tables))}'
        if dice < .975:
            return f'TRUNCATE {table.name} {self.r.choice(["", "CASCADE"])}'.strip()
        return self.insert(table)

    def stream(self, session, length):
        """transactions of one session"""
        r, out = self.r, []
        while len(out) < length:
            dice = r.random()
            if dice < .45:
                out.append(self.dml())
                continue
            level = r.choice(['READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ',
                              'REPEATABLE READ', 'SERIALIZABLE'])
            out.append(f'BEGIN ISOLATION LEVEL {level}')
            depth = 0
            if self.chance(.3):
                out += ['SELECT 1'] * r.randint(1, 4)    # an old snapshot, for a while
            for _ in range(r.randint(1, 5)):
                dice = r.random()
                if dice < .22:
                    depth += 1
                    out.append(f'SAVEPOINT s{depth}')
                elif dice < .36 and depth:
                    out.append(f'ROLLBACK TO s{r.randint(1, depth)}')
                elif dice < .42 and depth:
                    out.append(f'RELEASE s{depth}')
                    depth -= 1
                out.append(self.dml() if self.chance(.85) else 'SELECT 1')
            dice = r.random()
            if dice < .7:
                out.append('COMMIT')
            elif dice < .9:
                out.append('ROLLBACK')
            else:
                self.gids += 1
                gid = f"'{session}{self.gids}'"
                out += [f'PREPARE TRANSACTION {gid}', 'SELECT 1',
                        f'{r.choice(["COMMIT", "COMMIT", "ROLLBACK"])} PREPARED {gid}']
        return out


def predicates(r, view):
    """conditions on the TVIEW t, the same for its view"""
    key, out = f't.{view.key}', []
    k = r.randint(1, KEYS + 1)
    out.append(f'{key} = {k}')
    out.append(r.choice([
        f'{key} IN ({k}, {k + 1}, 3)', f'{key} = {k}::int8', f'{key} = {k}.0',
        f'{key} BETWEEN {k} AND {k + 3}', f'{key} > {k}', f'{key} IS NULL',
        f"{key} = ANY ('{{1, 2, NULL, {k}}}'::int8[])", f'{key} <> {k}',
        f'{key} IN (SELECT g * 2 FROM generate_series(1, 4) g)',
        f'{key} = 3000000000', f'{key} IN (-1, {k}, 99999999999)', f'{key} = 2.5',
        f'{key} = (SELECT {k})', f'{key} < {k} OR {key} = {k + 2}']))
    plain = [c for c in view.columns[1:] if c.kind in 'iusbqetf']
    for c in r.sample(plain, min(len(plain), 2)):
        name = f't.{c.name}'
        out.append(r.choice([
            f'{name} = {value(r, c.kind, False)}', f'{name} = {value(r, c.kind, False)}',
            f'{name} IS NULL', f'{name} IN ({value(r, c.kind, False)}, {value(r, c.kind, False)})',
            f'{name} = {value(r, c.kind, False)} AND {key} < {k}',
            f'{name} = (SELECT {value(r, c.kind, False)}{"::" + TYPES[c.kind]})']))
    out.append(f"t.data::text LIKE '%{r.choice('ab12')}%'")
    return out


def checks(r, views, share=.5):
    """comparisons: (view, predicates)"""
    out = []
    for view in views:
        if r.random() < share:
            some = r.sample(predicates(r, view), 2)
            if r.random() < .6:
                some.insert(r.randint(0, len(some)), 'true')
            out.append((view.name, some))
    return out


def make_history(r, tables, views, length):
    """steps: (session, statement, None) and (session, DML or None, checks)"""
    writer = Writer(r, tables)
    streams = {s: writer.stream(s, length // 2) for s in 'ab'}
    steps = [('a', None, checks(r, views, 1)), ('a', None, checks(r, views, 1))]
    while any(streams.values()):
        session = r.choice([s for s in streams if streams[s]])
        steps.append((session, streams[session].pop(0), None))
        steps.append((session, None, checks(r, views)))
        dice = r.random()
        if dice < .4:
            steps.append((r.choice('abc'), None, checks(r, views)))
        elif dice < .46:
            # read within the very statement that writes: the snapshot before it
            steps.append((session, writer.update(r.choice(tables)), checks(r, views, .4)))
        elif dice < .49:
            steps.append(('c', r.choice([
                "SELECT tview.reset('s')", "SET timezone = 'Asia/Tokyo'", 'RESET timezone',
                "SELECT tview.refresh('app.{tview}')", "SELECT tview.reset('app.{tview}')"]
            ).replace('{tview}', r.choice(views).tview), None))
    return steps
