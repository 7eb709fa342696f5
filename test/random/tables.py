"""Random trinity tables: small key domains, so that everything collides."""
from dataclasses import dataclass, field

KEYS = 12       # keys are 1..KEYS, and references go a little beyond

PRELUDE = [
    "CREATE SCHEMA app",
    "CREATE SCHEMA o",
    "CREATE EXTENSION tview_fdw",
    "CREATE TYPE app.mood AS ENUM ('low', 'mid', 'high')",
    "CREATE DOMAIN app.small AS int4 CHECK (VALUE < 1000)",
    "CREATE DOMAIN app.word AS text",
    """CREATE COLLATION app.nocase
  (provider = icu, locale = 'und-u-ks-level2', deterministic = false)""",
    """CREATE FUNCTION app.uid(n bigint) RETURNS uuid IMMUTABLE STRICT
  LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$""",
    """CREATE FUNCTION app.twice(n bigint) RETURNS bigint IMMUTABLE
  LANGUAGE plpgsql AS $$ BEGIN RETURN n * 2; END $$""",
    """CREATE FUNCTION app.inlined(n bigint) RETURNS bigint IMMUTABLE
  LANGUAGE sql AS $$ SELECT n + 1 $$""",
    """CREATE FUNCTION app.wild(n bigint) RETURNS bigint VOLATILE
  LANGUAGE sql AS $$ SELECT n $$""",
]


@dataclass
class Column:
    name: str
    kind: str       # i u s q t b e a j f: see value()
    type: str
    null: bool = True
    rest: str = ''  # DEFAULT, GENERATED ...

    @property
    def generated(self):
        return 'GENERATED' in self.rest


@dataclass
class Relation:
    """A table, or a view that later views read."""
    name: str               # as a FROM item writes it
    columns: list
    key: list               # columns that name a row: a total order
    family: str             # the table whose rows these are
    keycol: str = None      # its key
    idcol: str = None
    codecol: str = None     # text, unique
    links: list = field(default_factory=list)   # (column, family, 'key'|'id'|'code')
    partitions: list = field(default_factory=list)
    multiple: bool = False  # may have several rows with one key

    def of_kind(self, kind):
        return [c.name for c in self.columns if c.kind == kind]

    def column(self, name):
        return next(c for c in self.columns if c.name == name)


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def value(r, kind, null=True):
    """a literal of this kind"""
    if null and r.random() < .12:
        return 'NULL'
    if kind == 'i':
        return str(min(r.randint(1, KEYS), r.randint(1, KEYS + 8)))
    if kind == 'u':
        return f"'{r.randint(1, KEYS + 2):032d}'"
    if kind == 's':
        return quote(r.choice(['a', 'b', 'B', 'd', 'D', 'e%', "o'k", '', 'ä']))
    if kind == 'f':
        return r.choice(['0', '-0', '1e10', '-2.5', '0.30000000000000004', "'NaN'"])
    if kind == 'q':
        return r.choice(['1', '1.0', '1.50', '2', '-3.25', '0', '7'])
    if kind == 't':
        return f"'2026-0{r.randint(1, 4)}-0{r.randint(1, 9)} 12:00+00'"
    if kind == 'b':
        return r.choice(['true', 'false'])
    if kind == 'e':
        return quote(r.choice(['low', 'mid', 'high']))
    if kind == 'a':
        items = [r.choice(['1', '2', '3', '5', '7', 'NULL'])
                 for _ in range(r.randint(0, 3))]
        return "'{" + ','.join(items) + "}'"
    items = [f'{{"k": {r.randint(1, KEYS)}, "v": "{r.choice("abc")}"}}'
             for _ in range(r.randint(0, 3))]
    return "'[" + ', '.join(items) + "]'"


# upper and lower case are equal: never in what DISTINCT or max() chooses from
CODE = 'text COLLATE app.nocase'


def plain_columns(r):
    some = [
        Column('n', 'i', r.choice(['int4', 'int8', 'int2', 'app.small'])),
        Column('m', 'i', r.choice(['int4', 'app.small']), rest='DEFAULT 3'),
        Column('s', 's', r.choice(['text', 'varchar(20)', 'app.word', 'char(4)'])),
        Column('code', 's', r.choice(['text', CODE])),
        Column('q', 'q', r.choice(['numeric', 'numeric(8,2)'])),
        Column('ts', 't', 'timestamptz'),
        Column('flag', 'b', 'bool'),
        Column('e', 'e', 'app.mood'),
        Column('f', 'f', 'float8'),
        Column('arr', 'a', 'int[]'),
        Column('j', 'j', 'jsonb'),
    ]
    chosen = r.sample(some, r.randint(4, 8))
    return chosen + ([] if any(c.name == 'n' for c in chosen) else some[:1])


def partition(r, table, letter):
    """the clause, and the statements that make the partitions"""
    how = r.choice(['RANGE', 'LIST', 'HASH'])
    name = f'app.tb_{letter}'
    parts = []
    if how == 'RANGE':
        parts = [('1', "FROM (MINVALUE) TO (5)"), ('2', "FROM (5) TO (9)")]
    elif how == 'LIST':
        parts = [('1', 'IN (1, 3, 5, 7)'), ('2', 'IN (2, 4, 6)')]
    else:
        parts = [('1', 'WITH (MODULUS 2, REMAINDER 0)'),
                 ('2', 'WITH (MODULUS 2, REMAINDER 1)')]
    out = [f'CREATE TABLE {name}_{n} PARTITION OF {name} FOR VALUES {spec}'
           for n, spec in parts]
    if how != 'HASH':
        if r.random() < .4:
            # a level more; columns in another order cannot be had here
            out.append(f'CREATE TABLE {name}_3 PARTITION OF {name} DEFAULT '
                       f'PARTITION BY HASH (pk_{letter})')
            out.append(f'CREATE TABLE {name}_31 PARTITION OF {name}_3 '
                       'FOR VALUES WITH (MODULUS 1, REMAINDER 0)')
        else:
            out.append(f'CREATE TABLE {name}_3 PARTITION OF {name} DEFAULT')
    table.partitions = [f'{name}_1', f'{name}_2']
    return f' PARTITION BY {how} (pk_{letter})', out


def make_table(r, letter, earlier):
    """one table with its statements"""
    pk, out = f'pk_{letter}', []
    columns = [Column(pk, 'i', r.choice(['int2', 'int4', 'int8']), False),
               Column('id', 'u', 'uuid', r.random() < .15)]
    table = Relation(f'app.tb_{letter}', columns, [pk], letter, pk, 'id')
    references = []
    targets = r.sample(earlier, min(len(earlier), r.randint(0, 3)))
    for target in targets:
        fk = f'fk_{target.family}'
        columns.append(Column(fk, 'i', r.choice(['int2', 'int4', 'int8'])))
        table.links.append((fk, target.family, 'key'))
        if r.random() < .35:
            action = r.choice(['CASCADE', 'SET NULL', 'NO ACTION'])
            late = r.choice(['', ' DEFERRABLE INITIALLY DEFERRED'])
            references.append(
                f'ALTER TABLE {table.name} ADD FOREIGN KEY ({fk}) REFERENCES '
                f'{target.name} ON DELETE {action} ON UPDATE CASCADE{late}')
    if r.random() < .4:
        columns.append(Column('fk_parent', 'i', r.choice(['int4', 'int8'])))
        table.links.append(('fk_parent', letter, 'key'))
    if targets and r.random() < .3:
        columns.append(Column('ref_id', 'u', 'uuid'))
        table.links.append(('ref_id', targets[0].family, 'id'))
    targets = [t for t in targets if t.codecol]
    if targets and r.random() < .6:
        columns.append(Column('ref_code', 's', r.choice(['text', CODE])))
        table.links.append(('ref_code', targets[0].family, 'code'))
    columns += plain_columns(r)
    if r.random() < .4:
        columns.append(Column('gen', 'i', 'int8',
                              rest='GENERATED ALWAYS AS (n + 1) STORED'))
    r.shuffle(columns)

    parts = r.random() < .25
    clause, made = partition(r, table, letter) if parts else ('', [])
    body = [f'{c.name} {c.type}{"" if c.null else " NOT NULL"} {c.rest}'.strip()
            for c in columns]
    unique = r.random()
    if unique < .8 or parts:
        body.append(f'PRIMARY KEY ({pk})')
    elif unique < .9:
        body.append(f'UNIQUE ({pk}) DEFERRABLE INITIALLY DEFERRED')
        table.multiple = True
    else:
        out.append(f'CREATE UNIQUE INDEX ON {table.name} ({pk})')
    if not parts and r.random() < .7:
        body.append('UNIQUE (id)')
    if not parts and any(c.name == 'code' for c in columns) and r.random() < .6:
        body.append('UNIQUE (code)')
        table.codecol = 'code'
    out.insert(0, f'CREATE TABLE {table.name} (\n  ' + ',\n  '.join(body) +
               f'){clause}')
    out += made + references
    if not parts and r.random() < .1:
        # a child keeps rows of its own: keys are not unique over both
        table.multiple = True
        out.append(f'CREATE TABLE {table.name}_kid (CHECK ({pk} > {KEYS})) '
                   f'INHERITS ({table.name})')
    for column in (c for c, _, _ in table.links):
        if r.random() < .6:
            out.append(f'CREATE INDEX ON {table.name} ({column})')
    return table, out


def make_link(r, one, two):
    """a table without a key of its own: m:n"""
    name = f'{one.family}{two.family}'
    columns = [Column(f'fk_{one.family}', 'i', r.choice(['int4', 'int8']), False),
               Column(f'fk_{two.family}', 'i', r.choice(['int2', 'int8']), False),
               Column('pos', 'i', 'int4'), Column('s', 's', 'text')]
    key = [c.name for c in columns[:2]]
    table = Relation(f'app.tb_{name}', columns, key, name, links=[
        (key[0], one.family, 'key'), (key[1], two.family, 'key')])
    body = [f'{c.name} {c.type}' for c in columns]
    body.append(f'PRIMARY KEY ({", ".join(key)})')
    return table, [f'CREATE TABLE {table.name} ({", ".join(body)})']


def row(r, table, columns):
    return [value(r, c.kind, c.null) for c in columns]


def make_tables(r):
    """the tables of a world, and the statements that make and fill them"""
    tables, out = [], []
    for letter in 'abcdef'[:r.randint(3, 5)]:
        table, made = make_table(r, letter, tables)
        tables.append(table)
        out += made
    link, made = make_link(r, *r.sample(tables, 2))
    tables.append(link)
    out += made
    for table in tables:
        columns = [c for c in table.columns if not c.generated]
        names = ', '.join(c.name for c in columns)
        # twice, since what a constraint forbids is left out: see World.build
        for k in list(range(1, KEYS + 1)) * 2:
            if r.random() < .3:
                continue
            cells = row(r, table, columns)
            for i, c in enumerate(columns):
                if c.name == table.keycol:
                    cells[i] = str(k)
                elif c.name == 'id' and r.random() < .8:
                    cells[i] = f"'{k:032d}'"
            out.append(f'INSERT INTO {table.name} ({names}) '
                       f'VALUES ({", ".join(cells)}) ON CONFLICT DO NOTHING')
    a = tables[0]
    out.append(f"""CREATE FUNCTION app.reads(k bigint) RETURNS bigint STABLE
  LANGUAGE sql AS $$ SELECT max(n) FROM {a.name} WHERE {a.keycol} = k $$""")
    return tables, out
