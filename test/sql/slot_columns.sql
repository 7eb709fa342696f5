-- proves that a scan of a few plain columns, whose slot has these and nothing else, returns what the view does in every shape of query
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE DOMAIN app.code AS text;
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_y int, gone int, v varchar(20), c app.code, t text, n numeric);
CREATE INDEX ON app.tb_x (fk_y);
INSERT INTO app.tb_x SELECT i, md5('x' || i)::uuid, i % 7, i, 'v' || i % 5, 'c' || i % 3, nullif('t' || i, 't4'), i * 1.5 FROM generate_series(1, 60) i;
CREATE VIEW app.v_x AS SELECT pk_x, id, fk_y, gone, v, c, t, n, jsonb_build_object('t', t, 'n', n) AS data FROM app.tb_x;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- a column of the TVIEW that is no more
ALTER FOREIGN TABLE app.tv_x DROP COLUMN gone;
CREATE TABLE app.tb_ask (k int, u uuid, w text);
INSERT INTO app.tb_ask SELECT i, md5('x' || i)::uuid, 'v' || i % 5 FROM generate_series(1, 80, 9) i;
ANALYZE;

-- the query with @ as the TVIEW and as the view, in one statement; OFFSET 0 keeps it as it is
CREATE FUNCTION chk.same(query text, VARIADIC args anyarray DEFAULT ARRAY[0]) RETURNS TABLE (rows bigint, same bool) LANGUAGE plpgsql AS $$
DECLARE
	side text := 'SELECT count(*) AS n, array_agg(r::text ORDER BY r::text) AS rows FROM (' || query || ' OFFSET 0) r';
BEGIN
	FOR i IN 1..array_length(args, 1) LOOP
		RETURN QUERY EXECUTE format('SELECT t.n, t.rows IS NOT DISTINCT FROM v.rows FROM (%s) t, (%s) v',
			replace(side, '@', 'app.tv_x'), replace(side, '@', 'app.v_x')) USING args[i];
	END LOOP;
END $$;

SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = $1', 1, 4, 60, 61, NULL);
SELECT * FROM chk.same('SELECT data FROM @ WHERE id = md5(''x'' || $1)::uuid', 1, 4, 61);
SELECT * FROM chk.same('SELECT data, t, n FROM @ WHERE pk_x = $1', 4, 5);
SELECT * FROM chk.same('SELECT n, t, data FROM @ WHERE fk_y = $1', 3, 9);
SELECT * FROM chk.same('SELECT n, n AS again FROM @ WHERE fk_y = $1', 3);
SELECT * FROM chk.same('SELECT fk_y FROM @ WHERE fk_y = $1', 3);
SELECT * FROM chk.same('SELECT t FROM @ WHERE fk_y = $1 AND pk_x > 20', 3);
SELECT * FROM chk.same('SELECT t FROM @ WHERE fk_y = $1 AND n > 30', 3);
SELECT * FROM chk.same('SELECT n, t FROM @ WHERE fk_y = $1 AND n > 30', 3);
SELECT * FROM chk.same('SELECT t FROM @ WHERE pk_x = ANY (ARRAY[3, 5, $1, NULL])', 9);
SELECT * FROM chk.same('SELECT t FROM @ WHERE id = ANY (ARRAY[md5(''x1''), md5(''x'' || $1)]::uuid[])', 9);
SELECT * FROM chk.same('SELECT t FROM @ WHERE $1 = pk_x', 9);
SELECT * FROM chk.same('SELECT t, v FROM @ WHERE v = ''v'' || $1', 2);
SELECT * FROM chk.same('SELECT t, c FROM @ WHERE c = ''c'' || $1', 2);
SELECT * FROM chk.same('SELECT v FROM @ WHERE pk_x BETWEEN $1 AND 20', 4);
SELECT * FROM chk.same('SELECT data FROM @');
SELECT * FROM chk.same('SELECT pk_x, id, fk_y, v, c, t FROM @ WHERE pk_x < $1', 9);
SELECT * FROM chk.same('SELECT data ->> ''t'' AS t FROM @ WHERE pk_x = $1', 4);
SELECT * FROM chk.same('SELECT x.pk_x, x.t FROM @ x WHERE fk_y = $1 ORDER BY n DESC LIMIT 3', 2);
SELECT * FROM chk.same('SELECT t FROM @ WHERE fk_y = $1 ORDER BY length(t), n', 2);
SELECT * FROM chk.same('SELECT t FROM @ WHERE fk_y < $1 ORDER BY pk_x DESC LIMIT 9', 4);
SELECT * FROM chk.same('SELECT DISTINCT v, c FROM @ WHERE fk_y = $1', 2);
SELECT * FROM chk.same('SELECT v, count(n), max(t) FROM @ WHERE fk_y < $1 GROUP BY v', 4);
SELECT * FROM chk.same('SELECT t, row_number() OVER (ORDER BY n) FROM @ WHERE fk_y = $1', 4);
SELECT * FROM chk.same('SELECT t FROM @ WHERE pk_x = (SELECT min(k) + $1 FROM app.tb_ask)', 4);
SELECT * FROM chk.same('SELECT (SELECT t FROM @ WHERE pk_x = k) FROM app.tb_ask');
SELECT * FROM chk.same('SELECT k FROM app.tb_ask WHERE EXISTS (SELECT FROM @ WHERE pk_x = k)');
SELECT * FROM chk.same('SELECT k FROM app.tb_ask WHERE (k, w) IN (SELECT pk_x, v FROM @ WHERE fk_y <> $1)', 1);
SELECT * FROM chk.same('SELECT t FROM @ WHERE pk_x = $1 UNION ALL SELECT v FROM @ WHERE pk_x = 2', 9);
SELECT * FROM chk.same('WITH one AS MATERIALIZED (SELECT t, n FROM @ WHERE fk_y = $1) SELECT a.t, b.n FROM one a, one b', 2);
SELECT * FROM chk.same('SELECT s.x, s.t FROM app.tb_ask, LATERAL (SELECT t || k AS x, t FROM @ WHERE pk_x = k) s');
-- system columns, whole rows
SELECT pk_x, tableoid::regclass FROM app.tv_x WHERE pk_x = 7;
SELECT xmin FROM app.tv_x WHERE pk_x = 7;
SELECT * FROM chk.same('SELECT x FROM (SELECT pk_x, t, data FROM @ WHERE pk_x = $1) x', 7);
SELECT x, x.t FROM app.tv_x x WHERE pk_x = 7;
-- joins: every method, and scans that begin again
SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT * FROM chk.same('SELECT k, t, n FROM app.tb_ask JOIN @ ON pk_x = k');
SELECT * FROM chk.same('SELECT k, t FROM app.tb_ask LEFT JOIN @ ON id = u');
SELECT * FROM chk.same('SELECT k, t FROM app.tb_ask LEFT JOIN @ ON v = w AND pk_x > k');
SET enable_hashjoin = on; SET enable_nestloop = off;
SELECT * FROM chk.same('SELECT k, t, n FROM app.tb_ask JOIN @ ON pk_x = k');
SET enable_mergejoin = on; SET enable_hashjoin = off;
SELECT * FROM chk.same('SELECT k, t, n FROM app.tb_ask JOIN @ ON pk_x = k');
SELECT * FROM chk.same('SELECT k, t FROM app.tb_ask JOIN @ ON lower(v) = lower(w)');
RESET enable_nestloop; RESET enable_mergejoin; RESET enable_hashjoin;
-- what the plan shows
EXPLAIN (COSTS OFF, VERBOSE) SELECT data, n FROM app.tv_x WHERE pk_x = 7;
EXPLAIN (COSTS OFF, VERBOSE) SELECT t FROM app.tv_x x WHERE 3 = x.fk_y AND x.pk_x = ANY ('{1,2,3}') ORDER BY x.n;
EXPLAIN (COSTS OFF, VERBOSE) SELECT t FROM app.tv_x WHERE v = 'v2' AND c = 'c1';
EXPLAIN (COSTS OFF) SELECT k, t FROM app.tb_ask, LATERAL (SELECT t FROM app.tv_x WHERE pk_x = k + 1 OFFSET 0) s;
SET enable_hashjoin = off; SET enable_mergejoin = off;
EXPLAIN (COSTS OFF, VERBOSE) SELECT k, t FROM app.tb_ask JOIN app.tv_x ON id = u;
RESET enable_mergejoin; RESET enable_hashjoin;
-- row locks of another table, and writes: the whole row is there
BEGIN;
SELECT k, t, n FROM app.tb_ask JOIN app.tv_x ON pk_x = k WHERE k < 20 ORDER BY k FOR UPDATE OF tb_ask;
UPDATE app.tb_ask SET w = x.t FROM app.tv_x x WHERE x.pk_x = k AND k < 20 RETURNING k, w, x.n;
WITH gone AS (DELETE FROM app.tb_ask WHERE k = 10 RETURNING k) SELECT k, t FROM gone JOIN app.tv_x ON pk_x = k;
INSERT INTO app.tb_ask SELECT pk_x, id, t FROM app.tv_x WHERE pk_x = 33 RETURNING *;
ROLLBACK;
-- one plan for many values, and one for each
PREPARE by_key(int) AS SELECT data, t FROM app.tv_x WHERE pk_x = $1;
PREPARE by_id(uuid) AS SELECT n FROM app.tv_x WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_key(4); EXECUTE by_key(99); EXECUTE by_id(md5('x5')::uuid);
UPDATE app.tb_x SET t = 'changed' WHERE pk_x = 4;
EXECUTE by_key(4); EXECUTE by_key(4);
BEGIN;
UPDATE app.tb_x SET t = 'mine', id = md5('x5!')::uuid WHERE pk_x = 5;
EXECUTE by_key(5); EXECUTE by_id(md5('x5')::uuid); EXECUTE by_id(md5('x5!')::uuid);
ROLLBACK;
SET plan_cache_mode = force_custom_plan;
EXECUTE by_key(4); EXECUTE by_id(md5('x5')::uuid);
RESET plan_cache_mode;
-- the same plans after columns were dropped
ALTER FOREIGN TABLE app.tv_x DROP COLUMN fk_y;
EXECUTE by_key(4); EXECUTE by_id(md5('x5')::uuid);
SELECT * FROM chk.same('SELECT t, data FROM @ WHERE pk_x = $1', 4, 5);
ALTER FOREIGN TABLE app.tv_x DROP COLUMN n;
EXECUTE by_id(md5('x5')::uuid);
EXECUTE by_key(4);
-- a cursor, forwards, backwards and over a change that it does not see
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT t, v FROM app.tv_x WHERE pk_x < 7;
DECLARE look CURSOR FOR SELECT t FROM app.tv_x WHERE id = md5('x6')::uuid;
FETCH 3 FROM walk;
UPDATE app.tb_x SET t = t || '!';
FETCH BACKWARD 1 FROM walk;
FETCH ALL FROM walk;
FETCH ALL FROM look;
ROLLBACK;
-- the self-check compares whole rows, without columns that are no more
SET tview.verify = 'all';
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = $1', 1, 4, 61);
SELECT * FROM chk.same('SELECT t, v FROM @ WHERE v = ''v'' || $1', 2);
RESET tview.verify;
-- a row that cannot be computed counts only where it is read
CREATE TABLE app.tb_z (pk_z int PRIMARY KEY, d int, t text);
INSERT INTO app.tb_z SELECT i, i - 2, 'z' || i FROM generate_series(1, 4) i;
CREATE VIEW app.v_z AS SELECT pk_z, 10 / d AS q, t FROM app.tb_z;
SET client_min_messages = error;
CREATE FOREIGN TABLE app.tv_z (pk_z int, q int, t text) SERVER tviews OPTIONS (view 'app.v_z');
RESET client_min_messages;
SELECT t FROM app.tv_z WHERE pk_z = 2;
SELECT q FROM app.tv_z WHERE pk_z = 3;
SELECT q FROM app.tv_z WHERE pk_z = 2;
SELECT t FROM app.tv_z ORDER BY pk_z;
SELECT * FROM tview.verify('app.tv_x');
\set ECHO none
\i :end
