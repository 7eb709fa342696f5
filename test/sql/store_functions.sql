-- proves what reset, refresh, verify and the views of the schema tview tell, and that a full store is right
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
-- how a query was answered
CREATE FUNCTION chk.look(query text) RETURNS TABLE (rows numeric, served numeric, recomputed numeric, bypass text)
LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, SUMMARY OFF) ' || query INTO doc;
	RETURN QUERY SELECT round((n ->> 'Actual Rows')::numeric), (n ->> 'Served')::numeric,
		(n ->> 'Recomputed')::numeric, n ->> 'Bypass'
	FROM jsonb_path_query(doc, 'strict $.** ? (@."Node Type" == "Foreign Scan")') n;
END $$;
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid, name text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int, title text, draft bool DEFAULT false);
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'u' || n FROM generate_series(1, 10) n;
INSERT INTO app.tb_post SELECT n, 1 + n % 10, 't' || n, n % 10 = 0 FROM generate_series(1, 100) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, u.id, u.name FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.fk_user, jsonb_build_object('title', p.title, 'by', u.name) AS data FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user WHERE NOT p.draft;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
\pset null '-'
\x
SELECT server, path LIKE 'base/%' AS path, epoch > 0 AS epoch, map_size, map_used > 0 AS map_used, file_size > 0 AS file_size, readers > 0 AS readers, max_readers > readers AS max_readers,
	marks_pending >= 0 AS marks_pending, mark_log_capacity, floor IS NOT NULL AS floor, state FROM tview.store;
SELECT tview, rows, absent, hollow, bytes > 0 AS bytes, complete, mismatched FROM tview.cache_stats ORDER BY tview::text;
SELECT * FROM tview.lineage ORDER BY tview::text, base_table::text;
SELECT tview, view, server, root, problem, warning, key_proven, restrictable, settings FROM tview.status ORDER BY tview::text;
\x
SELECT tview.definition('app.tv_post');
SELECT tview.definition('app.tb_post');
SELECT tview.definition(NULL);
-- reset and refresh
SELECT tview.reset('app.tv_post');
SELECT tview, rows, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 10');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1000');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT tview, rows, absent, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT tview.reset('tviews');
SELECT tview, rows, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT reset_reason, last_reset IS NOT NULL AS at FROM tview.store;
SELECT tview.refresh('app.tv_post'), tview.refresh('app.tv_user');
SELECT tview, rows, absent, complete FROM tview.cache_stats ORDER BY tview::text;
SELECT tview.reset('app.tb_post');
SELECT tview.reset('nowhere');
SELECT tview.reset('');
SELECT tview.refresh('app.v_post');
SELECT * FROM tview.verify('app.tb_user');
SELECT * FROM tview.verify('app.tv_post');
BEGIN;
UPDATE app.tb_user SET name = 'own' WHERE pk_user = 1;
SELECT * FROM tview.verify('app.tv_post');
SELECT tview.refresh('app.tv_post');
SELECT * FROM chk.check_all('refreshed by the writer');
ROLLBACK;
SELECT * FROM chk.check_all('rolled back');
-- a build inside a transaction that has deleted rows must not be complete for others
SELECT tview.reset('app.tv_post');
BEGIN;
DELETE FROM app.tb_post WHERE pk_post = 7;
SELECT count(*) FROM app.tv_post;
ROLLBACK;
SELECT * FROM chk.check_all('built while deleting');
SELECT tview.reset('app.tv_user');
BEGIN;
INSERT INTO app.tb_user VALUES (11, md5('u11')::uuid, 'u11');
UPDATE app.tb_user SET pk_user = 12 WHERE pk_user = 2;
SELECT count(*) FROM app.tv_user;
SELECT tview.refresh('app.tv_user');
ROLLBACK;
SELECT * FROM chk.check_all('built while writing');
BEGIN;
TRUNCATE app.tb_post;
SELECT tview.refresh('app.tv_post');
ROLLBACK;
SELECT * FROM chk.check_all('built while truncated');
-- many marks: folded or settled, never wrong
SET tview.max_marks_per_transaction = 10;
UPDATE app.tb_user SET name = name || 'x';
UPDATE app.tb_post SET title = title || 'x';
SELECT * FROM chk.look('SELECT count(*) FROM app.tv_post');
SELECT * FROM chk.check_all('collapsed');
RESET tview.max_marks_per_transaction;
DO $$
BEGIN
	FOR i IN 1..600 LOOP
		UPDATE app.tb_user SET name = 'n' || i WHERE pk_user = 1 + i % 10;
		UPDATE app.tb_post SET title = 'n' || i, fk_user = 1 + i % 7 WHERE pk_post = 1 + i % 100;
		IF i % 100 = 50 THEN PERFORM count(*) FROM app.tv_post; END IF;
		COMMIT;
	END LOOP;
END $$;
SELECT * FROM chk.check_all('many transactions');
SELECT * FROM chk.check_all('many transactions, again');
-- options of the server take effect at once
ALTER SERVER tviews OPTIONS (SET map_size '2MB', ADD mark_log_size '64kB', ADD sync 'on', ADD max_readers '100');
UPDATE app.tb_user SET name = 'options';
SELECT * FROM chk.check_all('options');
SELECT map_size, mark_log_capacity, max_readers, state FROM tview.store;
-- a map that is too small for the rows
CREATE TABLE app.tb_big (pk_big int PRIMARY KEY, body text);
INSERT INTO app.tb_big SELECT n, (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 200) i) FROM generate_series(1, 1000) n;
CREATE VIEW app.v_big AS SELECT pk_big, jsonb_build_object('body', body) AS data FROM app.tb_big;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_big) FROM SERVER tviews INTO app;
SELECT count(*), count(DISTINCT data) FROM app.tv_big;
UPDATE app.tb_big SET body = 'x' || body WHERE pk_big % 3 = 0;
SELECT count(*) FROM (SELECT * FROM app.tv_big EXCEPT ALL SELECT * FROM app.v_big) d;
SELECT count(*) FROM (SELECT * FROM app.v_big EXCEPT ALL SELECT * FROM app.tv_big) d;
SELECT * FROM chk.check_all('full map');
-- a mark log that is too small for one transaction
UPDATE app.tb_big SET pk_big = pk_big + 5000;
SET tview.max_marks_per_transaction = 1000000;
BEGIN;
INSERT INTO app.tb_post SELECT n, 1 + n % 10, 't' || n FROM generate_series(1001, 6000) n;
COMMIT;
SELECT count(*) FROM (SELECT * FROM app.v_post EXCEPT ALL SELECT * FROM app.tv_post) d;
SELECT count(*) FROM (SELECT * FROM app.tv_big EXCEPT ALL SELECT * FROM app.v_big) d;
SELECT * FROM chk.check_all('full log');
ALTER SERVER tviews OPTIONS (SET map_size '64MB', DROP mark_log_size, DROP sync, DROP max_readers);
SELECT * FROM chk.check_all('options again');
SELECT * FROM tview.verify('app.tv_post');
\set ECHO none
\i :end
