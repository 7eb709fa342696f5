-- proves that a json column over a jsonb column of the view has its text, whatever way a row comes, and that changes of either type are noticed
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
SET jit = off;
CREATE TABLE app.tb_doc (pk_doc int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_doc int, data jsonb, doc json);
INSERT INTO app.tb_doc VALUES
	(1, md5('1')::uuid, NULL, '{"b": 1, "a": [1.50, 1e3, 0.00, -0, 12345678901234567890.10], "b": 2, "": {}, "aa": []}', '{"b":1,  "b":2}'),
	(2, md5('2')::uuid, 1, NULL, NULL),
	(3, md5('3')::uuid, 1, 'null', 'null'),
	(4, md5('4')::uuid, 2, '"a \" \\ \/ \b \f \n \r \t \u0001 \u001f \u007f \u00e9 \ud83d\ude00 \u2028"', '"\u00e9"'),
	(5, md5('5')::uuid, 2, '[true, false, null, [], {}, [[[]]], {"x": {"y": {"z": "1.0"}}}]', ' [ ] '),
	(6, md5('6')::uuid, 3, '1.000', '1.000'),
	(7, md5('7')::uuid, 3, (SELECT jsonb_object_agg('key ' || i, repeat('text ' || i, 9)) FROM generate_series(1, 100) i), '{}'),
	(8, md5('8')::uuid, 3, (SELECT jsonb_agg(md5(i::text) || md5('x' || i)) FROM generate_series(1, 300) i), '{}'),
	(9, md5('9')::uuid, 7, to_jsonb(repeat('x', 1995)), '{}');
ALTER TABLE app.tb_doc ALTER data SET STORAGE EXTERNAL;
INSERT INTO app.tb_doc SELECT 10 + pk_doc, md5('1' || pk_doc)::uuid, pk_doc, data, doc FROM app.tb_doc;
CREATE VIEW app.v_doc AS SELECT pk_doc, id, fk_doc, data, doc FROM app.tb_doc;
-- the parent's document inside, and a list of the children's
CREATE VIEW app.v_tree AS SELECT d.pk_doc AS pk_tree, d.id, jsonb_build_object('up', p.data, 'own', d.data,
	'down', (SELECT jsonb_agg(c.data ORDER BY c.pk_doc) FROM app.tb_doc c WHERE c.fk_doc = d.pk_doc)) AS data
	FROM app.tb_doc d LEFT JOIN app.tb_doc p ON p.pk_doc = d.fk_doc;
CREATE FOREIGN TABLE app.tv_doc (pk_doc int, id uuid, fk_doc int, data json, doc json) SERVER tviews OPTIONS (view 'app.v_doc');
CREATE FOREIGN TABLE app.tv_plain (pk_doc int, id uuid, fk_doc int, data json, doc json)
	SERVER tviews OPTIONS (view 'app.v_doc', key 'pk_doc', compression 'none', populate 'off');
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_tree) FROM SERVER tviews INTO app OPTIONS (jsonb_as_json 'on', compression 'pglz');
-- a view that works with the text of another TVIEW's document
CREATE VIEW app.v_over AS SELECT t.pk_doc AS pk_over, t.id, t.data, t.data -> 'a' AS a, json_build_object('is', t.data) AS made,
	(SELECT jsonb_agg(x ORDER BY x::text) FROM json_array_elements(t.data -> 'a') x) AS elements
	FROM app.tv_doc t WHERE json_typeof(t.data) <> 'string' OR t.data IS NULL;
CREATE SERVER texts FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '64MB', jsonb_as_json 'true');
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_over) FROM SERVER texts INTO app;
CREATE SCHEMA other;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_doc) FROM SERVER texts INTO other OPTIONS (jsonb_as_json 'false');
SELECT attrelid::regclass AS tview, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns, ftoptions
	FROM pg_attribute JOIN pg_foreign_table ON ftrelid = attrelid WHERE attnum > 0 GROUP BY attrelid, ftoptions ORDER BY attrelid::regclass::text;
-- what is no text of the view's column, and where the option has no place
CREATE FOREIGN TABLE app.tv_bad (pk_doc int, id uuid, fk_doc int, data text, doc json) SERVER tviews OPTIONS (view 'app.v_doc', key 'pk_doc');
CREATE FOREIGN TABLE app.tv_bad (pk_doc int, id uuid, fk_doc int, data json, doc jsonb) SERVER tviews OPTIONS (view 'app.v_doc', key 'pk_doc');
CREATE FOREIGN TABLE app.tv_bad (pk_doc int, id uuid, fk_doc json, data json, doc json) SERVER tviews OPTIONS (view 'app.v_doc', key 'pk_doc');
CREATE FOREIGN TABLE app.tv_bad (pk_doc int, id uuid, fk_doc int, data json[], doc json) SERVER tviews OPTIONS (view 'app.v_doc', key 'pk_doc');
ALTER FOREIGN TABLE app.tv_doc OPTIONS (ADD jsonb_as_json 'on');
ALTER SERVER texts OPTIONS (SET jsonb_as_json 'text');

-- the text is the cast's and the jsonb's own; lengths tell what was stored
CREATE FUNCTION chk.texts() RETURNS TABLE (tview text, n bigint, differ bigint) LANGUAGE sql AS $$
	SELECT 'doc', count(*), count(*) FILTER (WHERE row(t.data::text, t.doc::text) IS DISTINCT FROM row(v.data::text, v.doc::text)
		OR t.data::text IS DISTINCT FROM (v.data::json)::text) FROM app.tv_doc t FULL JOIN app.v_doc v USING (pk_doc)
	UNION ALL
	SELECT 'plain', count(*), count(*) FILTER (WHERE row(t.data::text, t.doc::text) IS DISTINCT FROM row(v.data::text, v.doc::text))
		FROM app.tv_plain t FULL JOIN app.v_doc v USING (pk_doc)
	UNION ALL
	SELECT 'tree', count(*), count(*) FILTER (WHERE t.data::text IS DISTINCT FROM v.data::text) FROM app.tv_tree t FULL JOIN app.v_tree v USING (pk_tree)
	UNION ALL
	SELECT 'over', count(*), count(*) FILTER (WHERE t::text IS DISTINCT FROM v::text) FROM app.tv_over t FULL JOIN app.v_over v USING (pk_over)
$$;
SELECT chk.prepare();
SELECT * FROM chk.check_all('at first');
SELECT * FROM chk.texts();
SELECT pk_doc, data, length(data::text) = length((SELECT v.data::text FROM app.v_doc v WHERE v.pk_doc = t.pk_doc)) AS same FROM app.tv_doc t WHERE pk_doc < 7 ORDER BY 1;
SELECT pk_doc, data IS NULL AS none, json_typeof(data) AS type, pg_typeof(data), pg_column_compression(data) AS stored FROM app.tv_doc WHERE pk_doc IN (2, 3, 7, 8, 9, 17) ORDER BY pk_doc;
SELECT count(*), count(data), count(DISTINCT data::text) FROM app.tv_doc;
-- conditions on the column are the query's, whatever stands beside them
SELECT * FROM chk.plan($$SELECT data, data ->> 'b' FROM app.tv_doc WHERE id = md5('1')::uuid AND data ->> 'b' = '2' AND data IS NOT NULL$$, ', VERBOSE');
SELECT * FROM chk.plan($$SELECT count(*) FROM app.tv_doc WHERE data::jsonb @> '{"b": 2}'$$, ', VERBOSE');
SELECT * FROM chk.plan($$SELECT count(*) FROM app.tv_doc$$, ', VERBOSE');
SELECT * FROM chk.plan($$SELECT count(*) FROM app.tv_doc WHERE pk_doc < 5$$, ', VERBOSE');
SELECT count(*) FROM app.tv_doc t WHERE t.data #>> '{x,y}' IS NOT NULL OR t.data -> 0 IS NOT NULL;
SELECT pk_doc FROM app.tv_doc WHERE data = '{}';
SELECT DISTINCT data FROM app.tv_doc;
SELECT t.data FROM app.tv_doc t WHERE t.pk_doc = 1 FOR UPDATE;
SELECT row_to_json(t) ->> 'data' = (SELECT v.data::text FROM app.v_doc v WHERE v.pk_doc = t.pk_doc) AS same FROM app.tv_doc t WHERE pk_doc = 5;
-- a jsonb column that its table is joined by can be looked up, and its text cannot
CREATE TABLE app.tb_twin (pk_twin int PRIMARY KEY, data jsonb NOT NULL);
INSERT INTO app.tb_twin SELECT n, ('{"b": 1.0' || repeat('0', n) || '}')::jsonb FROM generate_series(0, 3) n;
INSERT INTO app.tb_twin SELECT n, to_jsonb(n / 5) FROM generate_series(10, 400) n;
ANALYZE app.tb_twin;
CREATE VIEW app.v_twin AS SELECT t.pk_twin, t.data, (SELECT jsonb_agg(u.pk_twin ORDER BY u.pk_twin) FROM app.tb_twin u WHERE u.data = t.data) AS same FROM app.tb_twin t;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_twin) FROM SERVER texts INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_twin) FROM SERVER tviews INTO other;
SELECT relid::regclass, lookup_att FROM tview.tviews WHERE relid::regclass::text LIKE '%twin' ORDER BY relid::regclass::text;
EXPLAIN (COSTS OFF) SELECT * FROM other.tv_twin WHERE data = '{"b": 1}';
EXPLAIN (COSTS OFF) SELECT * FROM app.tv_twin WHERE data::jsonb = '{"b": 1}';
SELECT * FROM other.tv_twin WHERE data = '{"b": 1}' ORDER BY 1;
SELECT * FROM app.tv_twin WHERE data::jsonb = '{"b": 1}' ORDER BY 1;
UPDATE app.tb_twin SET data = '{"b": 1.50}' WHERE pk_twin = 2;
SELECT t::text, v::text FROM app.tv_twin t FULL JOIN app.v_twin v USING (pk_twin) WHERE pk_twin < 10 ORDER BY pk_twin;
SELECT chk.prepare();

-- computed, uncommitted, in a savepoint, and stored again
UPDATE app.tb_doc SET data = data || '{"z": 1.10, "\u00e4": "\u0002"}' WHERE jsonb_typeof(data) = 'object';
SELECT * FROM chk.texts();
SELECT * FROM chk.texts();
SELECT data FROM app.tv_doc WHERE pk_doc = 1;
BEGIN;
UPDATE app.tb_doc SET data = '[1.10]' WHERE pk_doc IN (1, 3, 8);
SELECT * FROM chk.texts();
SAVEPOINT s;
UPDATE app.tb_doc SET data = '{"c": 0.0, "a": 0}' WHERE pk_doc = 1;
SELECT data FROM app.tv_doc WHERE pk_doc = 1;
ROLLBACK TO s;
SELECT data FROM app.tv_doc WHERE id = md5('1')::uuid;
ROLLBACK;
SELECT * FROM chk.texts();
-- the view itself
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM chk.texts();
SELECT * FROM chk.check_all('serializable', true);
SELECT * FROM chk.plan($$SELECT data FROM app.tv_doc WHERE pk_doc = 1$$, ', VERBOSE');
COMMIT;
SELECT tview.reset('app.tv_doc');
SELECT * FROM chk.check_all('cleared', true);
SELECT * FROM chk.texts();
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT data FROM app.tv_doc WHERE pk_doc < 4 ORDER BY pk_doc DESC;
FETCH ALL FROM c;
FETCH FIRST FROM c;
CLOSE c;
-- checks find no difference, and statistics are those of the text
SET tview.verify = 'all';
SELECT * FROM chk.texts();
SELECT * FROM chk.check_all('verified', true);
RESET tview.verify;
SELECT s.tview, d.* FROM tview.status s, tview.verify(s.tview) d;
SELECT sum(mismatched) AS mismatched FROM tview.cache_stats;
ANALYZE app.tv_doc;
SELECT attname, null_frac > 0 AS nulls, avg_width > 100 AS wide FROM pg_stats WHERE tablename = 'tv_doc' AND schemaname = 'app' AND attname LIKE 'd%' ORDER BY 1;
SELECT * FROM chk.check_all('analysed');

-- the type of the column changes, also in what is rolled back
DROP VIEW app.v_over CASCADE;
SELECT chk.prepare();
PREPARE p AS SELECT data FROM app.tv_doc WHERE pk_doc = 1;
EXECUTE p;
BEGIN;
ALTER FOREIGN TABLE app.tv_doc ALTER data TYPE jsonb;
SELECT pg_typeof(data), data -> 'b' AS b FROM app.tv_doc WHERE pk_doc = 1;
SELECT count(*) FROM app.tv_doc t JOIN app.v_doc v ON v.pk_doc = t.pk_doc AND v.data = t.data;
ROLLBACK;
SELECT * FROM chk.check_all('rolled back', true);
ALTER FOREIGN TABLE app.tv_doc ALTER data TYPE jsonb;
EXECUTE p;
SELECT count(*) FROM app.tv_doc t JOIN app.v_doc v ON v.pk_doc = t.pk_doc AND v.data = t.data;
ALTER FOREIGN TABLE app.tv_doc ALTER data TYPE json;
SELECT chk.prepare();
SELECT * FROM chk.check_all('json again', true);
SELECT data, pg_typeof(data) FROM app.tv_doc WHERE pk_doc = 1;
-- the view's columns change places: data is json there, and doc is jsonb
SET client_min_messages = error;
ALTER VIEW app.v_doc RENAME data TO x;
ALTER VIEW app.v_doc RENAME doc TO data;
ALTER VIEW app.v_doc RENAME x TO doc;
RESET client_min_messages;
SELECT problem FROM tview.status WHERE tview = 'app.tv_doc'::regclass;
SELECT t.data, v.data, t.doc, v.doc FROM app.tv_doc t JOIN app.v_doc v USING (pk_doc) WHERE pk_doc < 6 ORDER BY pk_doc;
SELECT count(*), count(*) FILTER (WHERE row(t.id, t.fk_doc, t.data::text, t.doc::text) IS DISTINCT FROM row(v.id, v.fk_doc, v.data::text, v.doc::text)) AS differ
	FROM app.tv_doc t FULL JOIN app.v_doc v USING (pk_doc);
UPDATE app.tb_doc SET data = '{"b":1.10}', doc = '{"b":1.10}' WHERE pk_doc = 4;
SELECT t.data, v.data, t.doc, v.doc FROM app.tv_doc t JOIN app.v_doc v USING (pk_doc) WHERE pk_doc = 4;
-- a jsonb column is not what the view has then: nothing is read as another type
SELECT data FROM other.tv_doc;
SELECT pk_doc FROM other.tv_doc ORDER BY 1;
SELECT count(*) FROM other.tv_doc;
SET client_min_messages = error;
ALTER VIEW app.v_doc RENAME data TO x;
ALTER VIEW app.v_doc RENAME doc TO data;
ALTER VIEW app.v_doc RENAME x TO doc;
RESET client_min_messages;
SELECT tview, problem FROM tview.status WHERE problem IS NOT NULL;
SELECT chk.prepare();
SELECT * FROM chk.check_all('back');
-- another view, whose column is json already, or something else
CREATE VIEW app.v_json AS SELECT pk_doc, id, fk_doc, json_build_object('is',data) AS data, doc FROM app.tb_doc;
CREATE VIEW app.v_text AS SELECT pk_doc, id, fk_doc, data::text AS data, doc FROM app.tb_doc;
ALTER FOREIGN TABLE app.tv_doc OPTIONS (SET view 'app.v_json');
SELECT t.data, v.data FROM app.tv_doc t JOIN app.v_json v USING (pk_doc) WHERE pk_doc < 4 ORDER BY pk_doc;
ALTER FOREIGN TABLE app.tv_doc OPTIONS (SET view 'app.v_text');
CREATE OR REPLACE VIEW app.v_doc AS SELECT pk_doc, id, fk_doc, data::json AS data, doc FROM app.tb_doc;
CREATE OR REPLACE VIEW app.v_json AS SELECT pk_doc, id, fk_doc, to_jsonb(data) AS data, doc FROM app.tb_doc;
ALTER FOREIGN TABLE app.tv_doc OPTIONS (SET view 'app.v_doc');
SELECT * FROM chk.check_all('at last');
SELECT s.tview, d.* FROM tview.status s, tview.verify(s.tview) d;
\set ECHO none
SET client_min_messages = error;
DROP SCHEMA other CASCADE;
\i :end
