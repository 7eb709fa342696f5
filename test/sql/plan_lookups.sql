-- proves that look-ups planned without PostgreSQL's planner have its plans and return what the view does, and which queries those are
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_y int, code bigint UNIQUE, slug varchar(20) UNIQUE, t text, n numeric);
CREATE INDEX ON app.tb_x (fk_y);
INSERT INTO app.tb_x SELECT i, md5('x' || i)::uuid, i % 7, i * 5000000000, 's' || i, nullif('t' || i, 't4'), i * 1.5 FROM generate_series(1, 60) i;
CREATE VIEW app.v_x AS SELECT pk_x, id, fk_y, code, slug, t, n, jsonb_build_object('title', t, 'number', n, 'code', code) AS data FROM app.tb_x;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- with an estimate of a document's width, which the short way does not ask for: so its plans can be told
ANALYZE app.tv_x;
CREATE FUNCTION app.title(d jsonb, field text DEFAULT 'title') RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT d ->> field$$;
CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RETURN 2 * n; END$$;

-- the query with @ as the TVIEW, planned in both ways, and as the view: is the short way taken, are the plans the same, the rows?
CREATE FUNCTION chk.same(query text, VARIADIC args text[] DEFAULT '{7}') RETURNS TABLE (short bool, plan bool, rows bigint, same bool) LANGUAGE plpgsql AS $$
DECLARE
	tv text := replace(query, '@', 'app.tv_x');
	plans text[] := '{NULL,NULL}';
	widths int[] := '{0,0}';
	found text[][] := '{NULL,NULL,NULL}';
	line text;
	doc json;
BEGIN
	FOREACH line IN ARRAY args LOOP
		FOR way IN 1..2 LOOP
			PERFORM set_config('tview.plan_lookups', (way = 1)::text, true);
			plans[way] := '';
			DECLARE step text; BEGIN
				FOR step IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || tv USING line LOOP
					plans[way] := plans[way] || step || E'\n';
				END LOOP;
			END;
			EXECUTE 'EXPLAIN (FORMAT JSON) ' || tv INTO doc USING line;
			widths[way] := doc -> 0 -> 'Plan' -> 'Plan Width';
			found[way] := chk.rows(tv, line);
		END LOOP;
		found[3] := chk.rows(replace(query, '@', 'app.v_x'), line);
		short := widths[1] <> widths[2];
		plan := plans[1] = plans[2];
		rows := (SELECT count(*) FROM json_array_elements(found[1]::json));
		same := found[1] = found[3] AND found[2] = found[3];
		RETURN NEXT;
	END LOOP;
END $$;
-- the rows of a query, which is planned as it is, not as a part of another one
CREATE FUNCTION chk.rows(query text, arg text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	result text[] := '{}';
BEGIN
	FOR r IN EXECUTE query USING arg LOOP
		result := result || to_json(r)::text;
	END LOOP;
	RETURN array_to_json(ARRAY(SELECT x FROM unnest(result) x ORDER BY x));
EXCEPTION WHEN division_by_zero THEN
	RETURN '["division by zero"]';
END $$;

-- planned the short way
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT data FROM @ WHERE 7::bigint = pk_x');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 61');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 5000000000');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = $1::int', '1', '4', '60', '61');
SELECT * FROM chk.same('SELECT data FROM @ WHERE id = md5(''x'' || $1)::uuid', '1', '4', '61');
SELECT * FROM chk.same('SELECT data FROM @ WHERE code = 35000000000');
SELECT * FROM chk.same('SELECT data FROM @ WHERE slug = ''s7''');
SELECT * FROM chk.same('SELECT data FROM @ x WHERE x.slug = ''s'' || $1');
SELECT * FROM chk.same('SELECT * FROM @ WHERE pk_x = 4');
SELECT * FROM chk.same('SELECT t, data, n, id, pk_x FROM @ WHERE pk_x = 4');
SELECT * FROM chk.same('SELECT data AS a, data AS b FROM @ WHERE pk_x = 9');
SELECT * FROM chk.same('SELECT data ->> ''title'' AS a, n + 1 AS b, data FROM @ WHERE pk_x = 9');
SELECT * FROM chk.same('SELECT app.title(data), app.title(field => ''code'', d => data), data FROM @ WHERE pk_x = 9');
SELECT * FROM chk.same('SELECT data, 1 / (pk_x - 7) AS q FROM @ WHERE pk_x = $1::int', '7', '8');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = app.twice($1::int)', '3', '40');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND fk_y = 0');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND fk_y = 1 AND slug = ''s7''');
SELECT * FROM chk.same('SELECT data FROM @ WHERE fk_y = 0 AND id = md5(''x7'')::uuid');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 LIMIT 1');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 LIMIT ALL');
SELECT * FROM chk.same('SELECT data, x AS whole FROM @ x WHERE pk_x = 7');

-- left to the planner
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = NULL');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = $1::int', NULL);
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND pk_x = 8');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND data ->> ''title'' = ''t7''');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 OR pk_x = 8');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND n IS NOT NULL');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 AND $1 = ''7''', '7', '8');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = ANY (''{7,8}'')');
SELECT * FROM chk.same('SELECT data FROM @ WHERE fk_y = 3');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = fk_y');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = (random() * 0)::int + 7');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = (SELECT 7)');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 LIMIT 0');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 LIMIT $1::int', '0', '1');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 OFFSET 1');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 ORDER BY t');
SELECT * FROM chk.same('SELECT DISTINCT data FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT max(t), count(*) FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT count(*) FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT fk_y FROM @ WHERE pk_x = 7 GROUP BY fk_y HAVING count(data) > 0');
SELECT * FROM chk.same('SELECT data, row_number() OVER () FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT data, generate_series(1, 3) FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT data, (SELECT min(pk_x) FROM app.tb_x) FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 FOR UPDATE');
SELECT * FROM chk.same('SELECT data FROM @ WHERE pk_x = 7 UNION ALL SELECT data FROM @ WHERE pk_x = 8');
SELECT * FROM chk.same('WITH one AS (SELECT 1) SELECT data FROM @ WHERE pk_x = 7');
SELECT * FROM chk.same('SELECT data FROM (SELECT * FROM @ WHERE pk_x = 7) x');
SELECT ctid FROM app.tv_x WHERE pk_x = 7;
SELECT tableoid::regclass, t FROM app.tv_x WHERE pk_x = 7;

-- a cursor that may go back, one that may not, and one that outlives its transaction
BEGIN;
DECLARE a SCROLL CURSOR FOR SELECT t FROM app.tv_x WHERE pk_x = 7;
FETCH a;
FETCH PRIOR FROM a;
FETCH FIRST FROM a;
DECLARE b NO SCROLL CURSOR FOR SELECT t FROM app.tv_x WHERE pk_x = 7;
FETCH ALL FROM b;
DECLARE c CURSOR WITH HOLD FOR SELECT t FROM app.tv_x WHERE pk_x = 7;
COMMIT;
FETCH c;
CLOSE c;

-- queries of other commands
CREATE TABLE app.taken AS SELECT t AS title, data FROM app.tv_x WHERE pk_x = 7;
SELECT * FROM app.taken EXCEPT SELECT t, data FROM app.v_x WHERE pk_x = 7;
COPY (SELECT t, n FROM app.tv_x WHERE id = md5('x7')::uuid) TO STDOUT;
CREATE FUNCTION app.find(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT t FROM app.tv_x WHERE pk_x = k$$;
SELECT app.find(7), app.find(61);

-- plans that are kept follow what they depend on
CREATE FUNCTION chk.explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END$$;
SET plan_cache_mode = force_generic_plan;
PREPARE by_key(int) AS SELECT t, app.title(data) FROM app.tv_x WHERE pk_x = $1 LIMIT 1;
PREPARE by_slug(text) AS SELECT left(t, 1) AS t FROM app.tv_x WHERE slug = $1 LIMIT 1;
SELECT chk.explain('EXECUTE by_key(7)');
SELECT chk.explain('EXECUTE by_slug(''s7'')');
EXECUTE by_key(7);
EXECUTE by_slug('s7');
CREATE OR REPLACE FUNCTION app.title(d jsonb, field text DEFAULT 'title') RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'new ' || (d ->> field)$$;
UPDATE app.tb_x SET t = 'other' WHERE pk_x = 7;
EXECUTE by_key(7);
-- a slug is not unique any more
ALTER TABLE app.tb_x DROP CONSTRAINT tb_x_slug_key;
INSERT INTO app.tb_x VALUES (70, md5('x70')::uuid, 0, 70, 's7', 'one more', 1);
SELECT chk.explain('EXECUTE by_slug(''s7'')');
EXECUTE by_slug('s7');
SELECT count(*), count(DISTINCT data) FROM app.v_x WHERE slug = 's7';
SELECT * FROM chk.same('SELECT data FROM @ WHERE slug = ''s7'' LIMIT 5');
RESET plan_cache_mode;

-- privileges are those of the columns that are read
CREATE ROLE chk_reader;
GRANT USAGE ON SCHEMA app TO chk_reader;
GRANT SELECT (pk_x, t) ON app.tv_x TO chk_reader;
SET ROLE chk_reader;
SELECT t FROM app.tv_x WHERE pk_x = 7;
SELECT data FROM app.tv_x WHERE pk_x = 7;
SELECT t FROM app.tv_x WHERE slug = 's7';
RESET ROLE;
-- a table of another wrapper, and one of ours that is no TVIEW any more
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER other FOREIGN DATA WRAPPER other;
CREATE FOREIGN TABLE app.elsewhere (pk_x int, t text) SERVER other;
SELECT t FROM app.elsewhere WHERE pk_x = 7;
DROP FOREIGN DATA WRAPPER other CASCADE;
\set ECHO none
DROP OWNED BY chk_reader;
DROP ROLE chk_reader;
\i :end
