-- proves that a SELECT raises an error of its view just where the view does: not for columns and rows that it does not read, but for those that it does
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_part (pk_part int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_box int NOT NULL, n int, m int NOT NULL, word text NOT NULL);
INSERT INTO app.tb_part SELECT i, md5(i::text)::uuid, i % 4, 1, 1, '7' FROM generate_series(1, 40) i;
CREATE INDEX ON app.tb_part (fk_box);
CREATE VIEW app.v_part AS
	SELECT pk_part, id, fk_box, n, m, word::int AS number, jsonb_build_object('share', 10 / n) AS data FROM app.tb_part;
-- here the filter raises the error
CREATE VIEW app.v_filtered AS SELECT pk_part AS pk_filtered, fk_box, n FROM app.tb_part WHERE 10 / m > 0;
-- here several rows come to have a key
CREATE TABLE app.tb_extra (fk_part int, x int);
INSERT INTO app.tb_extra SELECT i, 1 FROM generate_series(1, 40) i;
CREATE VIEW app.v_box AS SELECT p.pk_part AS pk_box, p.n, e.x AS extra, 10 / p.n AS share
	FROM app.tb_part p JOIN app.tb_extra e ON e.fk_part = p.pk_part;
-- here rows cannot be computed one by one
CREATE VIEW app.v_ranked AS SELECT pk_part AS pk_ranked, n, m, rank() OVER (ORDER BY m, pk_part) AS place, 10 / n AS share FROM app.tb_part;
-- a view of a TVIEW
CREATE VIEW app.v_shelf AS SELECT p.pk_part AS pk_shelf, p.n, t.data, t.number FROM app.tb_part p JOIN app.v_part t USING (pk_part);
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
CREATE TABLE chk.query (number int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO chk.query (query) VALUES
	('SELECT pk_part FROM app.%1$s_part t'),
	('SELECT count(*) FROM app.%1$s_part t'),
	('SELECT count(*) FROM app.%1$s_part t WHERE pk_part > 1'),
	('SELECT pk_part, data FROM app.%1$s_part t WHERE n > 0'),
	('SELECT data FROM app.%1$s_part t WHERE n > 0 AND data ->> ''share'' <> ''1'''),
	('SELECT data FROM app.%1$s_part t'),
	('SELECT t::text FROM app.%1$s_part t'),
	('SELECT number FROM app.%1$s_part t'),
	('SELECT number FROM app.%1$s_part t WHERE n IS NOT NULL AND n <> 0 ORDER BY pk_part DESC'),
	('SELECT data FROM app.%1$s_part t WHERE n = 0 OR n IS NULL'),
	('SELECT n, m FROM app.%1$s_part t WHERE pk_part = 2'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part = 2'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part = 2 AND n <> 0'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part = 2 AND EXISTS (SELECT FROM app.tb_part p WHERE p.pk_part = t.pk_part AND p.n > t.n OFFSET 0)'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part = 1'),
	('SELECT n FROM app.%1$s_part t WHERE pk_part IN (1, 2, 3, 99)'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part IN (1, 3, 99)'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part IN (1, 2, 3, 99)'),
	('SELECT m FROM app.%1$s_part t WHERE pk_part BETWEEN 2 AND 6'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part BETWEEN 2 AND 6'),
	('SELECT data FROM app.%1$s_part t WHERE pk_part BETWEEN 2 AND 6 AND n > 0'),
	('SELECT n FROM app.%1$s_part t WHERE id = md5(''2'')::uuid'),
	('SELECT data FROM app.%1$s_part t WHERE id = md5(''2'')::uuid'),
	('SELECT data FROM app.%1$s_part t WHERE id = md5(''2'')::uuid AND n > 0'),
	('SELECT pk_part, n FROM app.%1$s_part t WHERE fk_box = 2'),
	('SELECT data FROM app.%1$s_part t WHERE fk_box = 2'),
	('SELECT pk_part, data FROM app.%1$s_part t WHERE fk_box = 2 AND n > 0'),
	('SELECT data FROM app.%1$s_part t WHERE fk_box = 3'),
	('SELECT p.pk_part, t.n FROM app.tb_part p JOIN app.%1$s_part t USING (pk_part) WHERE p.fk_box = 2'),
	('SELECT p.pk_part, t.data FROM app.tb_part p, LATERAL (SELECT * FROM app.%1$s_part s WHERE s.pk_part = p.pk_part OFFSET 0) t WHERE p.n > 0'),
	('SELECT p.pk_part, t.n FROM app.tb_part p LEFT JOIN app.%1$s_part t ON t.id = p.id AND t.n > 0'),
	('SELECT a.n FROM app.%1$s_part a JOIN app.%1$s_part b ON b.fk_box = a.fk_box AND b.pk_part < a.pk_part WHERE a.n > 0'),
	('SELECT pk_part FROM app.%1$s_part t WHERE EXISTS (SELECT FROM app.%1$s_part u WHERE u.pk_part = t.m)'),
	('SELECT x FROM (SELECT data AS x, pk_part FROM app.%1$s_part t ORDER BY pk_part LIMIT 1) s'),
	('SELECT count(*) FROM app.%1$s_filtered t'),
	('SELECT n FROM app.%1$s_filtered t WHERE pk_filtered = 3'),
	('SELECT n FROM app.%1$s_filtered t WHERE pk_filtered = 2'),
	('SELECT pk_box, extra FROM app.%1$s_box t'),
	('SELECT pk_box, extra, share FROM app.%1$s_box t WHERE n > 0'),
	('SELECT pk_box, share FROM app.%1$s_box t WHERE pk_box = 2'),
	('SELECT extra FROM app.%1$s_box t WHERE pk_box = 2'),
	('SELECT pk_ranked, place FROM app.%1$s_ranked t'),
	('SELECT share FROM app.%1$s_ranked t'),
	('SELECT place FROM app.%1$s_ranked t WHERE pk_ranked IN (2, 3)'),
	('SELECT pk_shelf, n FROM app.%1$s_shelf t'),
	('SELECT pk_shelf, data FROM app.%1$s_shelf t WHERE n > 0'),
	('SELECT number FROM app.%1$s_shelf t WHERE pk_shelf = 2'),
	('SELECT data FROM app.%1$s_shelf t WHERE pk_shelf = 2');
-- what a query comes to: its rows in an order, or its error
CREATE FUNCTION chk.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(r::text, '';'' ORDER BY r::text) FROM (%s) r', query) INTO result;
	RETURN coalesce(result, 'nothing');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- the same through a cursor, a row at a time, to the end or to the error
CREATE FUNCTION chk.fetched(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	r record;
	result text := '';
BEGIN
	OPEN c FOR EXECUTE query;
	BEGIN
		LOOP
			FETCH c INTO r;
			EXIT WHEN NOT FOUND;
			result := result || r::text || ';';
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		result := result || SQLSTATE || ' ' || SQLERRM;
	END;
	CLOSE c;
	RETURN result;
END $$;
-- all queries of the TVIEWs and of the views: what differs, and how many are errors
CREATE FUNCTION chk.compare(label text) RETURNS TABLE (moment text, queries bigint, errors bigint, different text) LANGUAGE sql AS $$
	SELECT label, count(*), count(*) FILTER (WHERE v ~ '^\d{5} '),
		string_agg(format('%s: %s, not %s', q, left(t, 200), left(v, 200)), E'\n') FILTER (WHERE t <> v)
	FROM (SELECT query AS q, chk.outcome(format(query, 'tv')) AS t, chk.outcome(format(query, 'v')) AS v
		FROM chk.query ORDER BY number) s
$$;
CREATE FUNCTION chk.break(n int) RETURNS void LANGUAGE sql AS $$
	UPDATE app.tb_part SET n = 0 WHERE pk_part % 10 = $1;
	UPDATE app.tb_part SET m = 0 WHERE pk_part % 20 = $1;
	UPDATE app.tb_part SET word = 'seven' WHERE pk_part % 20 = $1 + 1;
	INSERT INTO app.tb_extra VALUES ($1, 2), ($1 + 1, 3);
$$;
CREATE FUNCTION chk.mend() RETURNS void LANGUAGE sql AS $$
	UPDATE app.tb_part SET n = 1, m = 1, word = '7' WHERE (n, m, word) IS DISTINCT FROM (1, 1, '7');
	DELETE FROM app.tb_extra WHERE x > 1;
$$;
SELECT * FROM chk.compare('all is well');
-- rows of a complete TVIEW become stale, and raise errors
SELECT chk.break(2);
SELECT * FROM chk.compare('broken');
SELECT * FROM chk.compare('broken, read again');
SELECT tview, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT chk.mend();
SELECT * FROM chk.compare('mended');
-- own changes, which are never stored
BEGIN;
SELECT chk.break(2);
SELECT * FROM chk.compare('in the transaction');
SAVEPOINT s;
SELECT chk.mend();
SELECT * FROM chk.compare('mended in a savepoint');
ROLLBACK TO s;
SELECT * FROM chk.compare('rolled back');
ROLLBACK;
SELECT * FROM chk.compare('without the transaction');
-- nothing is stored, and nothing can be stored as a whole
SELECT chk.break(2);
SELECT tview.reset('tviews');
SELECT * FROM chk.compare('empty');
SELECT tview, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT * FROM chk.compare('empty, read again');
-- nothing is stored, and the view is run
SELECT tview.reset('tviews');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM chk.compare('serializable');
COMMIT;
SET tview.verify = 'all';
SELECT * FROM chk.compare('verified');
SELECT chk.mend();
SELECT * FROM chk.compare('verified, mended');
SELECT chk.break(2);
SELECT * FROM chk.compare('verified, broken again');
RESET tview.verify;
SELECT tview, mismatched FROM tview.cache_stats WHERE mismatched > 0;
-- a cursor returns the rows before the error, and stops or goes on as the view's does
CREATE VIEW chk.cursors AS
	SELECT query, left(t, 60) AS tv, t = v AS same FROM (
		SELECT query, chk.fetched(format(query, 'tv')) AS t, chk.fetched(format(query, 'v')) AS v FROM (VALUES
			('SELECT pk_part, data FROM app.%s_part ORDER BY pk_part'),
			('SELECT pk_part, data FROM app.%s_part WHERE pk_part > 1 ORDER BY pk_part'),
			('SELECT pk_part, data FROM app.%s_part WHERE n > 0 ORDER BY pk_part DESC'),
			('SELECT pk_part, number FROM app.%s_part WHERE n > 0 ORDER BY pk_part'),
			('SELECT pk_filtered FROM app.%s_filtered ORDER BY pk_filtered')) q (query)) s;
SET enable_seqscan = off;
DISCARD PLANS;
SELECT * FROM chk.cursors;
SELECT tview.reset('tviews');
SELECT * FROM chk.cursors;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM chk.cursors;
COMMIT;
RESET enable_seqscan;
-- prepared statements, with generic plans as well
SET plan_cache_mode = force_generic_plan;
PREPARE tv_read (int) AS SELECT n, m FROM app.tv_part WHERE pk_part = $1;
PREPARE tv_data (int) AS SELECT data FROM app.tv_part WHERE pk_part = $1;
PREPARE v_data (int) AS SELECT data FROM app.v_part WHERE pk_part = $1;
EXECUTE tv_read (2);
EXECUTE tv_data (2);
EXECUTE v_data (2);
EXECUTE tv_data (3);
RESET plan_cache_mode;
-- outside of functions, in a transaction that goes on
BEGIN;
SELECT count(*), sum(n) FROM app.tv_part;
SELECT count(data) FROM app.tv_part WHERE n > 0;
SAVEPOINT s;
SELECT count(data) FROM app.tv_part;
ROLLBACK TO s;
DECLARE c CURSOR FOR SELECT pk_part, n FROM app.tv_part;
FETCH 2 FROM c;
SAVEPOINT t;
FETCH 2 FROM c;
ROLLBACK TO t;
FETCH 2 FROM c;
COMMIT;
-- a parallel plan
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'on', false) AS parallel;
SELECT * FROM chk.compare('in functions, with parallel plans');
CREATE TABLE chk.wide AS SELECT i % 40 + 1 AS fk_part, i FROM generate_series(1, 2000) i;
ANALYZE chk.wide;
EXPLAIN (COSTS OFF) SELECT count(*), sum(t.n) FROM chk.wide w JOIN app.tv_part t ON t.pk_part = w.fk_part;
SELECT count(*), sum(t.n) FROM chk.wide w JOIN app.tv_part t ON t.pk_part = w.fk_part;
SELECT count(*), sum(t.n) FROM chk.wide w JOIN app.v_part t ON t.pk_part = w.fk_part;
SELECT count(*), count(t.data) FROM chk.wide w JOIN app.tv_part t ON t.pk_part = w.fk_part WHERE t.n > 0;
SELECT count(*), count(t.data) FROM chk.wide w JOIN app.v_part t ON t.pk_part = w.fk_part WHERE t.n > 0;
SELECT count(t.data) FROM chk.wide w JOIN app.tv_part t ON t.pk_part = w.fk_part;
RESET ALL;
-- far more rows than are remembered when the view is run in no order: the error is the view's all the same
CREATE TABLE app.tb_many (pk_many int PRIMARY KEY, n int NOT NULL);
INSERT INTO app.tb_many SELECT 2 * i, 1 FROM generate_series(1, 70000) i;
CREATE VIEW app.v_many AS SELECT pk_many, n, 10 / n AS share FROM app.tb_many;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_many) FROM SERVER tviews INTO app;
UPDATE app.tb_many SET n = 0 WHERE pk_many IN (120000, 140000);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), count(n), sum(n) FROM (SELECT * FROM app.tv_many OFFSET 0) t;
SELECT count(share) FROM app.tv_many WHERE pk_many < 130000 AND n > 0;
SAVEPOINT s;
SELECT sum(share) FROM app.tv_many;
ROLLBACK TO s;
SELECT sum(share) FROM app.v_many;
ROLLBACK;
SELECT count(*), sum(n) FROM app.tv_many;
SELECT sum(share) FROM app.tv_many WHERE n > 0;
SELECT tview.reset('tviews');
SELECT sum(share) FROM app.tv_many WHERE n > 0;
SELECT sum(share) FROM app.tv_many;
-- what ends a statement is not put off: a time-out while a row is computed for the store
CREATE TABLE app.tb_long (pk_long int PRIMARY KEY, n int NOT NULL);
INSERT INTO app.tb_long VALUES (1, 1), (2, 2);
CREATE VIEW app.v_long AS SELECT pk_long, (SELECT count(*) FROM generate_series(1, n) i WHERE i % 2 = 0) AS even FROM app.tb_long;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_long) FROM SERVER tviews INTO app;
UPDATE app.tb_long SET n = 50000000 WHERE pk_long = 2;
SET statement_timeout = '200ms';
SELECT * FROM app.tv_long;
SELECT * FROM app.tv_long WHERE pk_long = 1;
RESET statement_timeout;
UPDATE app.tb_long SET n = 4 WHERE pk_long = 2;
SELECT * FROM app.tv_long;
\i :end
