"""Random view definitions over random tables.

Everything is deterministic: lists and picks have a total order, sums are of
exact numbers.  Most views have one row per key of their root by their shape;
a few do not, or use what must be refused.
"""
import re
from dataclasses import dataclass, field, replace

from tables import KEYS, Column, Relation, value


@dataclass
class View:
    number: int
    name: str               # v_x0
    key: str                # pk_x0
    text: str               # reads {tv_x1} or {v_x1}
    columns: list
    relation: Relation
    options: str = ''
    populate: bool = True
    reads: set = field(default_factory=set)     # names of views
    weight: int = 1         # FROM items when it is expanded
    rows: int = 0

    @property
    def tview(self):
        return 't' + self.name


class Alias:
    def __init__(self, name, relation):
        self.name, self.relation = name, relation

    def cols(self, kind):
        return [f'{self.name}.{c}' for c in self.relation.of_kind(kind)]

    def order(self):
        """a total order of the rows, the key first"""
        some = [f'{self.name}.{c}' for c in self.relation.key]
        if self.relation.multiple:
            some.append(f'{self.name}::text')
        return ', '.join(some)

    def col(self, name):
        return f'{self.name}.{name}'


HEAVY = 24      # FROM items of a view, expanded

# what a relation tag, a refusal or a warning is about comes seldom
AGGREGATES = ['jsonb_agg', 'jsonb_agg', 'jsonb_agg', 'array_agg', 'string_agg',
              'count', 'sum', 'max', 'bool_or', 'object', 'json_agg']


class Maker:
    def __init__(self, r, tables):
        self.r, self.tables, self.views = r, tables, []
        self.counter = 0
        self.reads = set()

    def chance(self, p):
        return self.r.random() < p

    def alias(self, relation):
        self.counter += 1
        return Alias(f'{relation.family}{self.counter}', relation)

    def relation(self, views=.2):
        """something to read: a table, a view or a TVIEW"""
        if self.views and self.chance(views):
            view = self.r.choice(self.views)
            self.reads.add(view.name)
            name = view.tview if self.chance(.65) else view.name
            rel = view.relation
            return replace(rel, name='{' + name + '}')
        return self.r.choice(self.tables)

    # ---- values ----

    def pick(self, kind, env):
        found = [c for a in env for c in a.cols(kind)]
        return self.r.choice(found) if found else None

    def scalar(self, kind, env, depth=1):
        col = self.pick(kind, env) or f'({value(self.r, kind)})::{TYPES[kind]}'
        dice = self.r.random()
        if dice < .6 or depth <= 0:
            return col
        if dice < .68:
            return f'COALESCE({col}, {value(self.r, kind, False)})'
        if dice < .76:
            return (f'CASE WHEN {self.condition(env, depth - 1)} THEN {col} '
                    f'ELSE {self.scalar(kind, env, depth - 1)} END')
        if dice < .80:
            return f'NULLIF({col}, {value(self.r, kind, False)})'
        if kind == 'i':
            return self.integer(col, env, depth)
        if kind == 's':
            return self.text(col, env)
        if kind == 'q':
            return self.r.choice([f'{col} * 2', f'round({col}, 1)',
                                  f'COALESCE({col}, 0) + 1.5'])
        if kind == 't' and self.chance(.5):
            return f"date_trunc('day', {col} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
        return col

    def integer(self, col, env, depth):
        dice = self.r.random()
        if dice < .15:
            return f'{col} + 1'
        if dice < .25:
            return f'app.twice({col})'
        if dice < .32:
            return f'app.inlined({col})'
        if dice < .40 and (arr := self.pick('a', env)):
            return self.r.choice([f'cardinality({arr})', f'{arr}[1]'])
        if dice < .47 and (s := self.pick('s', env)):
            return f'length({s})'
        if dice < .55 and (j := self.pick('j', env)):
            return f'jsonb_array_length({j})'
        return self.subquery_value(env, depth - 1)

    def text(self, col, env):
        dice = self.r.random()
        if dice < .3:
            return f"{col} || 'x'"
        if dice < .45:
            return f'upper({col})'
        if dice < .6 and (e := self.pick('e', env)):
            return f'{e}::text'
        if dice < .8 and (i := self.pick('i', env)):
            return f'{i}::text'
        if dice < .9:
            return f'{col} COLLATE "C"'
        return f"concat_ws('-', {col}, {self.pick('i', env) or 1})"

    def any_value(self, env, depth):
        return self.scalar(self.r.choice('iiisssqtubeajf'), env, depth)

    # ---- conditions ----

    def condition(self, env, depth, inner=None):
        """over env; about inner, an alias, where one is given"""
        here = [inner] if inner else env
        dice = self.r.random()
        a = self.pick('i', here)
        s = self.pick('s', here)
        if dice < .18 or (a is None and s is None):
            return f'{a or 1} = {self.pick("i", env) or 1}' if self.chance(.5) \
                else f'{a or 1} = {self.r.randint(1, KEYS)}'
        if dice < .28:
            op = self.r.choice(['<', '<=', '>', '<>', 'IS DISTINCT FROM',
                                'IS NOT DISTINCT FROM'])
            return f'{a} {op} {self.r.randint(1, KEYS)}'
        if dice < .36 and s:
            return self.r.choice([
                f"{s} COLLATE \"C\" LIKE '%b%'", f"{s} = {value(self.r, 's', False)}",
                f"{s} IN ('a', 'b', 'D')", f"lower({s}) = 'd'"])
        if dice < .42:
            some = self.pick(self.r.choice('istuqe'), here) or a
            return f'{some} IS {self.r.choice(["", "NOT "])}NULL'
        if dice < .47 and (b := self.pick('b', here)):
            return self.r.choice([b, f'NOT {b}', f'{b} IS NOT TRUE'])
        if dice < .52 and (arr := self.pick('a', here)):
            return self.r.choice([
                f'{a} = ANY ({arr})', f'{arr} && ARRAY[1, 2, 3]',
                f'{arr} @> ARRAY[1]', f'{a} <> ALL ({arr})'])
        if dice < .58 and depth > 0:
            return (f'({self.condition(env, depth - 1, inner)} '
                    f'{self.r.choice(["OR", "AND", "OR NOT"])} '
                    f'{self.condition(env, depth - 1, inner)})')
        if dice < .62:
            return f'{a} BETWEEN {self.r.randint(0, 4)} AND {self.r.randint(4, KEYS)}'
        if dice < .65 and (b := self.pick('i', env)):
            return f'({a}, {s or 1}) = ({b}, {s or 1})'
        if dice < .68 and (e := self.pick('e', here)):
            return f"{e} {self.r.choice(['=', '>='])} 'mid'"
        if depth > 0:
            return self.subquery_condition(env, a, depth - 1)
        return f'{a} IS NOT NULL'

    def filter(self, env, root):
        """a condition of the whole view, which should not be empty too often"""
        made = self.condition(env, 1)
        dice = self.r.random()
        if dice < .5:
            return made
        if dice < .75:
            return f'({made}) IS NOT TRUE'
        return f'({made} OR {root.order().split(",")[0]} <> {self.r.randint(1, KEYS)})'

    def subquery_condition(self, env, a, depth):
        sql, new, where = self.source(env, depth)
        neg = self.r.choice(['', '', 'NOT '])
        dice = self.r.random()
        inner = new[0]
        col = self.pick('i', [inner]) or '1'
        if dice < .45:
            return f'{neg}EXISTS (SELECT 1 FROM {sql} WHERE {where})'
        if dice < .75:
            if self.chance(.4):     # not correlated
                where = self.condition(new, 0)
            return f'{a or 1} {neg}IN (SELECT {col} FROM {sql} WHERE {where})'
        if dice < .9:
            return (f'{a or 1} {self.r.choice(["=", "<=", "<>"])} (SELECT '
                    f'max({col}) FROM {sql} WHERE {where})')
        return f'(SELECT count(*) FROM {sql} WHERE {where}) {self.r.choice("><")} 1'

    # ---- FROM ----

    def link(self, inner, env):
        """an equality that reaches rows of inner from env"""
        found, rel = [], inner.relation
        for outer in env:
            for col, family, which in rel.links:
                if family == outer.relation.family:
                    target = getattr(outer.relation, which + 'col')
                    if target:
                        found.append(f'{inner.col(col)} = {outer.col(target)}')
            for col, family, which in outer.relation.links:
                target = getattr(rel, which + 'col')
                if family == rel.family and target:
                    found.append(f'{inner.col(target)} = {outer.col(col)}')
            if outer.relation.family == rel.family and rel.keycol and \
                    outer.relation.keycol:
                found.append(f'{inner.col(rel.keycol)} = '
                             f'{outer.col(outer.relation.keycol)}')
        if found and self.chance(.8):
            link = self.r.choice(found)
            if self.chance(.2):
                left, right = link.split(' = ')
                link = f'{right} = {left}'
            return link
        kind = self.r.choice('iiiissuqeft')
        one, two = self.pick(kind, [inner]), self.pick(kind, env)
        if one is None or two is None:
            return self.condition([inner], 0)
        if self.chance(.1) and (arr := self.pick('a', env)) and kind == 'i':
            return f'{one} = ANY ({arr})'
        op = '=' if self.chance(.65) else self.r.choice(['<', '<>', '>='])
        return f'{one} {op} {two}'

    def weakened(self, link, env, inner):
        """the equality where it does not restrict, or not by itself"""
        return self.r.choice([
            f'({link} OR {self.condition(env, 0, inner)})', f'NOT ({link})',
            f'({link}) IS NOT FALSE', f'COALESCE({link}, true)',
            f'CASE WHEN {self.condition(env, 0, inner)} THEN {link} ELSE true END',
            f'({link}) = {self.r.choice(["true", "false"])}',
            link.replace(' = ', ' IS NOT DISTINCT FROM ')])

    def source(self, env, depth):
        """FROM items of an inner query, their aliases, and its WHERE"""
        inner = self.alias(self.relation())
        sql, new = f'{inner.relation.name} {inner.name}', [inner]
        where = [self.link(inner, env)] if env and self.chance(.93) else []
        if where and self.chance(.12):
            trap, where = where[0], []
            if self.chance(.5):
                where = [self.weakened(trap, env, inner)]
            else:       # in ON of a join whose other side may be missing
                other = self.alias(self.relation())
                if self.chance(.5):
                    trap = f'{self.pick("i", [inner]) or 1} = {self.r.randint(1, KEYS)}'
                how = self.r.choice(['LEFT', 'LEFT', 'FULL'])
                if how == 'FULL':
                    sql = f'{sql} FULL JOIN {other.relation.name} {other.name} ON ' \
                        f'{inner.order().split(",")[0]} = {other.order().split(",")[0]}'
                    where = [f'({trap}) IS NOT FALSE']
                else:
                    sql += f' LEFT JOIN {other.relation.name} {other.name} ON ' \
                        f'{self.link(other, new)} AND {trap}'
                new.append(other)
        for _ in range(self.r.choice([0, 0, 0, 1, 1, 2])):
            other = self.alias(self.relation())
            join = self.r.choice(['JOIN', 'LEFT JOIN', 'LEFT JOIN'])
            on = self.link(other, new)
            if self.chance(.15):
                on += f' AND {self.condition(new + [other], 0, other)}'
            if self.chance(.12):    # about the side that is kept all the same
                on += f' AND {self.condition(new, 0, new[0])}'
            if self.chance(.07):
                join, swap = 'FULL JOIN', on.split(' = ')
                on = on if len(swap) == 2 and ' AND ' not in on and \
                    'ANY' not in on and '::' not in on and swap[1][0].isalpha() \
                    and swap[0][0].isalpha() else f'{inner.order().split(",")[0]} = ' \
                    f'{other.order().split(",")[0]}'
            sql += f' {join} {other.relation.name} {other.name} ON {on}'
            new.append(other)
        if self.chance(.35):
            where.append(self.condition(env + new, depth, self.r.choice(new)))
        return sql, new, ' AND '.join(where) or 'true'

    def subquery_value(self, env, depth):
        sql, new, where = self.source(env, depth)
        col = self.scalar('i', new, 0)
        order = ', '.join(a.order() for a in new)
        if self.chance(.35):
            return (f'(SELECT {col} FROM {sql} WHERE {where} '
                    f'ORDER BY {order}, 1 LIMIT 1)')
        call = self.r.choice([f'max({col})', f'min({col})', 'count(*)',
                              f'count(DISTINCT {col})', f'sum({col})'])
        return f'(SELECT {call} FROM {sql} WHERE {where})'

    # ---- documents ----

    def aggregate(self, env, new, depth):
        """a call over new's rows; env is what else may be read"""
        order = ', '.join(a.order() for a in new)
        if self.chance(.2):
            order = f'{self.scalar("s", new, 0)} DESC, {order}'
        call = self.r.choice(AGGREGATES)
        suffix = ''
        if self.chance(.2):
            suffix = f' FILTER (WHERE {self.condition(new, 0, new[0])})'
        if call in ('jsonb_agg', 'json_agg'):
            made = f'{call}({self.document(new, env, depth)} ORDER BY {order}){suffix}'
            return made if call == 'jsonb_agg' else f'({made})::jsonb'
        if call == 'array_agg':
            return f'to_jsonb(array_agg({self.scalar("i", new, 0)} ORDER BY {order}){suffix})'
        if call == 'string_agg':
            return f"to_jsonb(string_agg({self.scalar('s', new, 0)}, ',' ORDER BY {order}){suffix})"
        if call == 'object':
            key = new[0].order().split(',')[0]
            return f'jsonb_object_agg({key}::text, {self.scalar("s", new, 0)} ORDER BY {order}) ' \
                f'FILTER (WHERE {key} IS NOT NULL)'
        if call == 'count':
            return f'to_jsonb(count(*){suffix})'
        if call == 'sum':
            return f'to_jsonb(sum({self.scalar(self.r.choice("iq"), new, 0)}){suffix})'
        if call == 'max':
            return f'to_jsonb(max({self.best(new)}){suffix})'
        return f'to_jsonb(bool_or({self.condition(new, 0)}){suffix})'

    def listing(self, env, depth):
        """a correlated list as jsonb"""
        sql, new, where = self.source(env, depth)
        order = ', '.join(a.order() for a in new)
        dice = self.r.random()
        if dice < .65:
            made = f'(SELECT {self.aggregate(env, new, depth)} FROM {sql} WHERE {where})'
            return f"COALESCE({made}, '[]')" if self.chance(.3) else made
        if dice < .75:
            return f'to_jsonb(ARRAY(SELECT {self.scalar("i", new, 0)} FROM {sql} ' \
                f'WHERE {where} ORDER BY {order}))'
        self.counter += 1
        n = self.counter
        if dice < .85:
            return f'(SELECT jsonb_agg(x{n}.v ORDER BY x{n}.o) FROM (SELECT ' \
                f'{self.any_value(new, 0)} AS v, row_number() OVER (ORDER BY {order}) ' \
                f'AS o FROM {sql} WHERE {where} ORDER BY {order} LIMIT {self.r.randint(1, 3)}) x{n})'
        if dice < .92:
            col = self.scalar('i', new, 0)
            return f'(SELECT jsonb_agg(x{n}.v ORDER BY x{n}.v) FROM (SELECT DISTINCT ' \
                f'{col} AS v FROM {sql} WHERE {where}) x{n})'
        sql2, new2, where2 = self.source(env, depth)
        op = self.r.choice(['UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT'])
        return f'(SELECT jsonb_agg(x{n}.v ORDER BY x{n}.v) FROM (SELECT ' \
            f'{self.scalar("i", new, 0)}::int8 AS v FROM {sql} WHERE {where} {op} SELECT ' \
            f'{self.scalar("i", new2, 0)}::int8 FROM {sql2} WHERE {where2}) x{n})'

    def document(self, own, env, depth):
        """jsonb over own, with lists below"""
        dice = self.r.random()
        if dice < .08:
            alias = self.r.choice(own)
            return f'to_jsonb({alias.name})'
        parts = []
        for i in range(self.r.randint(1, 4)):
            dice = self.r.random()
            if dice < .3 and depth > 0:
                made = self.listing(own if self.chance(.7) else own + env, depth - 1)
            elif dice < .4 and depth > 0:
                made = self.unnested(own)
            elif dice < .5 and (docs := [a for a in own if a.relation.name[0] == '{']):
                made = self.r.choice(docs).col('data')
            elif dice < .56 and depth > 0:
                alias = self.r.choice(own)
                made = f'CASE WHEN {alias.order().split(",")[0]} IS NOT NULL THEN ' \
                    f'{self.document(own, env, 0)} END'
            else:
                made = self.any_value(own, 1 if depth > 0 else 0)
            parts.append(f"'f{i}', {made}")
        return f"jsonb_build_object({', '.join(parts)})"

    def unnested(self, own):
        """a set-returning function over a column"""
        self.counter += 1
        n = self.counter
        if (arr := self.pick('a', own)) and self.chance(.5):
            rel = self.r.choice([t for t in self.tables if t.keycol])
            if self.chance(.5):
                return f'(SELECT jsonb_agg(z{n}.n ORDER BY u{n}.o, z{n}.{rel.keycol}) FROM ' \
                    f'unnest({arr}) WITH ORDINALITY u{n}(e, o) JOIN {rel.name} z{n} ' \
                    f'ON z{n}.{rel.keycol} = u{n}.e)'
            return f'(SELECT jsonb_agg(u{n}.e + 1 ORDER BY u{n}.o) FROM ' \
                f'unnest({arr}) WITH ORDINALITY u{n}(e, o))'
        if (j := self.pick('j', own)) and self.chance(.6):
            return f"(SELECT jsonb_agg(u{n}.e -> 'v' ORDER BY u{n}.o) FROM " \
                f'jsonb_array_elements({j}) WITH ORDINALITY u{n}(e, o))'
        return f'(SELECT sum(u{n}) FROM generate_series(1, ' \
            f'least({self.pick("i", own) or 1}, 9)) u{n})'

    def best(self, env):
        """what max() may take: equal values look the same"""
        kind = self.r.choice('istq')
        made = self.scalar(kind, env, 0)
        return {'s': f'{made} COLLATE "C"', 'q': f'trim_scale({made})'}.get(kind, made)

    # ---- joins that keep one row per key ----

    def single_join(self, env):
        """(FROM fragment, aliases)"""
        dice = self.r.random()
        self.counter += 1
        n = self.counter
        if dice < .5:
            for _ in range(4):
                rel = self.relation(.3)
                pairs = [(rel.keycol, o.col(c)) for o in env for c, f, w in o.relation.links
                         if f == rel.family and w == 'key' and rel.keycol]
                pairs += [(getattr(rel, w + 'col'), o.col(c)) for o in env
                          for c, f, w in o.relation.links if f == rel.family and w != 'key'
                          and getattr(rel, w + 'col') and rel.name[0] != '{']
                if pairs:
                    break
            else:
                rel = self.r.choice([t for t in self.tables if t.keycol])
                pairs = [(rel.keycol, self.pick('i', env))]
            alias = self.alias(rel)
            mine, theirs = self.r.choice(pairs)
            on = f'{alias.col(mine)} = {theirs}'
            if self.chance(.25):
                about = alias if self.chance(.6) else self.r.choice(env)
                on += f' AND {self.condition(env + [alias], 0, about)}'
            join = self.r.choice(['JOIN'] + ['LEFT JOIN'] * 3)
            return f' {join} {rel.name} {alias.name} ON {on}', [alias]
        sql, new, where = self.source(env if dice < .8 else [], 1)
        order = ', '.join(a.order() for a in new)
        if dice < .65:
            cols = [Column('v', 'i', ''), Column('w', 's', ''), Column('data', 'j', '')]
            rel = Relation('-', cols, ['v'], f'l{n}')
            body = f'SELECT max({self.scalar("i", new, 0)}) AS v, ' \
                f'min({self.scalar("s", new, 0)} COLLATE "C") AS w, ' \
                f'COALESCE({self.aggregate(env, new, 0)}, \'[]\') AS data FROM {sql} WHERE {where}'
            join = self.r.choice(['CROSS JOIN LATERAL', 'LEFT JOIN LATERAL'])
            on = ' ON true' if join[0] == 'L' else ''
            return f' {join} ({body}) l{n}{on}', [Alias(f'l{n}', _opaque(rel))]
        if dice < .8:
            cols = [Column('v', 'i', ''), Column('w', 's', '')]
            rel = Relation('-', cols, ['v'], f'l{n}')
            join = self.r.choice(['JOIN LATERAL'] + ['LEFT JOIN LATERAL'] * 3)
            return f' {join} (SELECT {self.scalar("i", new, 0)} AS v, {self.scalar("s", new, 0)} ' \
                f'AS w FROM {sql} WHERE {where} ORDER BY {order}, 1, 2 LIMIT 1) l{n} ON true', \
                [Alias(f'l{n}', rel)]
        cols = [Column('g', 'i', ''), Column('v', 'i', '')]
        rel = Relation('-', cols, ['g'], f'l{n}')
        group = self.pick('i', new)
        if dice < .92:
            body = f'SELECT {group} AS g, {self.r.choice(["count(*)", f"sum({self.pick(chr(105), new)})"])} AS v ' \
                f'FROM {sql} WHERE {where} GROUP BY {group}' + \
                (' HAVING count(*) > 1' if self.chance(.2) else '')
        else:
            body = f'SELECT DISTINCT ON ({group}) {group} AS g, {self.scalar("i", new, 0)} AS v ' \
                f'FROM {sql} WHERE {where} ORDER BY {group}, {order}, 2'
        join = self.r.choice(['JOIN'] + ['LEFT JOIN'] * 3)
        return f' {join} ({body}) l{n} ON l{n}.g = {self.pick("i", env)}', [Alias(f'l{n}', rel)]

    # ---- whole views ----

    def make_all(self, count):
        return [self.make(number) for number in range(count)]

    def make(self, number):
        """a view that does not expand to too much: planning takes its time"""
        while True:
            view = self.make_any(number)
            known = {v.name: v.weight for v in self.views}
            view.weight = len(re.findall(r'FROM|JOIN', view.text)) + sum(
                known[name] for name in re.findall(r'\{t?(v_x\d+)\}', view.text))
            if view.weight <= HEAVY:
                self.views.append(view)
                return view

    def make_any(self, number):
        r = self.r
        self.reads, self.counter = set(), 0
        name, key = f'v_x{number}', f'pk_x{number}'
        rel = self.relation(.2)
        while not rel.keycol:
            rel = self.relation(.2)
        root = self.alias(rel)
        env, sql = [root], f'{rel.name} {root.name}'
        for _ in range(r.choice([0, 0, 1, 1, 1, 2, 3])):
            fragment, new = self.single_join(env)
            sql += fragment
            env += new
        multiple = rel.multiple or self.chance(.05)
        if multiple and not rel.multiple:
            alias = self.alias(self.relation())
            sql += f' LEFT JOIN {alias.relation.name} {alias.name} ON {self.link(alias, env)}'
            env.append(alias)
        where = [self.filter(env, root) for _ in range(r.choice([0, 0, 0, 1, 1, 2]))]
        where = f' WHERE {" AND ".join(where)}' if where else ''

        columns = [Column(key, 'i', '')]
        out = [f'{root.col(rel.keycol)} AS {key}']
        for c in rel.columns:
            if c.name in (rel.keycol, 'data', 'w', 'c0', 'c1') or not self.chance(.45):
                continue
            columns.append(Column(c.name, c.kind, ''))
            out.append(root.col(c.name))
        for i in range(r.choice([0, 0, 1, 2])):
            kind = r.choice('iisqtb')
            made = self.condition(env, 1) if kind == 'b' else self.scalar(kind, env, 1)
            columns.append(Column(f'c{i}', kind, ''))
            out.append(f'{made} AS c{i}')
        if self.chance(.08):
            part = f'PARTITION BY {self.pick("i", env)} ' if self.chance(.6) else ''
            columns.append(Column('w', 'i', ''))
            orders = ', '.join(a.order() for a in env)
            out.append(f'{r.choice(["row_number()", "rank()", "count(*)"])} OVER '
                       f'({part}ORDER BY {self.pick("i", env)}, {orders}) AS w')
        columns.append(Column('data', 'd', ''))
        text, options = self.shape(out, sql, where, env, root, key), ''
        if self.chance(.04):
            call = r.choice(['app.wild({})', 'app.reads({})', 'random()::text',
                             'now()::text', 'current_user::text', '{}'])
            if 'reads' in call and self.chance(.6):
                options = f", depends_on '{self.tables[0].name}'"
            text = f"SELECT y.*, {call.format('y.' + key)} AS z FROM ({text}) y"
        links = [(c, f, w) for c, f, w in rel.links
                 if any(x.name == c for x in columns)]
        links.append((key, rel.family, 'key'))
        names = [c.name for c in columns]
        known = Relation('-', columns, [key], rel.family, key,
                         'id' if 'id' in names else None,
                         'code' if rel.codecol in names else None, links)
        # a join with what has several rows for a key multiplies as well
        known.multiple = multiple or any(
            v.relation.multiple for v in self.views if v.name in self.reads) or \
            any(a.relation.multiple for a in env)
        view = View(number, name, key, text, columns, known, options,
                    self.chance(.85), self.reads)
        return view

    def shape(self, out, sql, where, env, root, key):
        """the SELECT in one of the ways to write it"""
        r = self.r
        dice = r.random()
        plain = out + [f'{self.document(env, [], r.choice([1, 2]))} AS data']
        body = f'SELECT {", ".join(plain)} FROM {sql}{where}'
        if dice < .68:
            return body
        if dice < .74 and not any(' OVER (' in o for o in out):
            child = self.alias(r.choice(self.tables))
            positions = ', '.join(str(i + 1) for i in range(len(out)))
            return f'SELECT {", ".join(out)}, {self.aggregate(env, [child], 0)} AS data ' \
                f'FROM {sql} LEFT JOIN {child.relation.name} {child.name} ' \
                f'ON {self.link(child, [root])}{where} GROUP BY {positions}'
        if dice < .78 and not any(c in ' '.join(out) for c in ('code', '.q', '.f')):
            return body.replace('SELECT', 'SELECT DISTINCT', 1)
        if dice < .83:
            return f'SELECT * FROM ({body}) y WHERE y.data IS NOT NULL'
        if dice < .88:
            how = r.choice(['', 'MATERIALIZED ', 'NOT MATERIALIZED '])
            return f'WITH y AS {how}({body}) SELECT * FROM y'
        if dice < .91:
            some = r.randint(3, 8)
            cond = f'{root.col(root.relation.keycol)} {{}} {some}'
            glue = ' AND ' if where else ' WHERE '
            return f'{body}{glue}{cond.format("<=")} UNION ALL {body}{glue}{cond.format(">")}'
        if dice < .94 and ('fk_parent', root.relation.family, 'key') in root.relation.links:
            rel = root.relation
            up = f'WITH RECURSIVE up AS (SELECT {root.col("fk_parent")} AS p, 1 AS d UNION ALL ' \
                f'SELECT t.fk_parent, up.d + 1 FROM up JOIN {rel.name} t ON t.{rel.keycol} = up.p ' \
                f'WHERE up.d < 4) SELECT jsonb_agg(up.p ORDER BY up.d, up.p) FROM up'
            return f'SELECT {", ".join(out)}, ({up}) AS data FROM {sql}{where}'
        if dice < .96:
            return f'SELECT DISTINCT ON (y.{key}) * FROM ({body}) y ORDER BY y.{key}, y::text'
        if dice < .98:
            return f'{body} ORDER BY {", ".join(a.order() for a in env)} LIMIT {r.randint(3, 20)}'
        return f'SELECT y.* FROM ({body}) y JOIN (VALUES (1), (2), (3), (5), (8)) k(k) ON k.k = y.{key}'


TYPES = dict(i='int8', u='uuid', s='text', q='numeric', t='timestamptz', b='bool',
             e='app.mood', a='int[]', j='jsonb', f='float8')


def _opaque(rel):
    """data of a lateral may be no array: nobody unnests it"""
    rel.columns = [Column(c.name, 'd' if c.kind == 'j' else c.kind, '') for c in rel.columns]
    return rel
