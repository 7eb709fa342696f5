-- Included by shapes_*: everything that they need; psql is quiet from here on.
\ir begin.sql
SET jit = off;
\ir check.sql
\ir shapes.sql
\pset format unaligned
\pset tuples_only on
\o /dev/null
\ir shapes_tviews.sql
\o
ANALYZE;
SELECT chk.prepare() \g /dev/null
SELECT * FROM chk.check_all('at first');
CREATE TABLE chk.step (n int GENERATED ALWAYS AS IDENTITY, statement text);
