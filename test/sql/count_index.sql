-- proves that a count under a pushed integer condition is told by the index alone at rest, and that hollow, filtered, changed and pending rows never make it wrong
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set settle :srcdir '/sql/include/settle.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :settle
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, active bool);
-- both foreign keys have the same values: one value's rows in two columns
CREATE TABLE app.tb_post (pk_post bigint PRIMARY KEY, fk_user int, fk_editor bigint, rank smallint, title text, note text);
INSERT INTO app.tb_user SELECT n, n <> 5 FROM generate_series(0, 9) n;
INSERT INTO app.tb_post SELECT n, n % 10, NULLIF(n % 7, 0), -n % 3, 'title ' || n % 4, 'note' FROM generate_series(1, 2000) n;
-- posts of users that are not active are filtered out
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.fk_user, p.fk_editor, p.rank, p.title, jsonb_build_object('active', u.active, 'note', p.note) AS data
	FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user WHERE u.active;
ANALYZE;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
SET cpu_operator_cost = 10; -- look-ups, not scans

-- the count by the TVIEW, by the view, and how many rows the index alone told
CREATE FUNCTION chk.count(condition text, OUT tv bigint, OUT v bigint, OUT in_index text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM app.tv_post WHERE %1$s), (SELECT count(*) FROM app.v_post WHERE %1$s)', condition) INTO tv, v;
	EXECUTE format('EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) FROM app.tv_post WHERE %s', condition) INTO plan;
	in_index := plan->0->'Plan'->>'Counted In Index';
END $$;
CREATE VIEW chk.counts AS
	SELECT condition, (chk.count(condition)).* FROM (VALUES
		(1, 'fk_user = 1'), (2, 'fk_user = 5'), (3, 'fk_user = 1::bigint'), (4, 'fk_user = 77'), (5, 'fk_user = 4294967297'),
		(6, 'fk_editor = 1'), (7, 'fk_editor = 1::smallint'), (8, 'rank = -1'), (9, 'rank = -1::bigint'),
		(10, 'fk_user = ANY (''{1,2,1,NULL,5,2}'')'), (11, 'fk_editor IN (1, 2, 3, 4, 5, 6)'), (12, 'fk_user = ANY (''{}'')'), (13, 'fk_user = NULL'),
		(14, 'fk_user = 1 AND fk_editor = 1'), (15, 'fk_user = 1 AND pk_post < 50'), (16, 'title = ''title 1''')) c(n, condition)
	ORDER BY n;
CREATE VIEW chk.differences AS
	SELECT count(*) FROM ((TABLE app.tv_post EXCEPT ALL TABLE app.v_post) UNION ALL (TABLE app.v_post EXCEPT ALL TABLE app.tv_post)) d;
-- a key that has gone makes readers settle
CREATE PROCEDURE chk.remove() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.tb_post VALUES (0, 9);
	COMMIT;
	DELETE FROM app.tb_post WHERE pk_post = 0;
	COMMIT;
	CALL chk.settle();
END $$;

SELECT * FROM chk.counts;

-- own changes, and marks that are pending
BEGIN;
UPDATE app.tb_post SET fk_user = 2 WHERE pk_post = 1;
SELECT * FROM chk.counts WHERE condition LIKE 'fk_user = _';
ROLLBACK;
SELECT * FROM chk.counts WHERE condition LIKE 'fk_user = _';

-- hollow rows: those of a value, and others
UPDATE app.tb_post SET fk_user = 2 WHERE pk_post IN (1, 11);
UPDATE app.tb_post SET note = 'other' WHERE pk_post = 23;
CALL chk.remove();
SELECT hollow FROM tview.cache_stats;
SELECT * FROM chk.counts WHERE condition LIKE 'fk_editor%';
SELECT * FROM chk.counts;
SELECT * FROM chk.differences;
SELECT hollow FROM tview.cache_stats;
SELECT * FROM chk.counts;

-- a user who comes back, and one who goes: rows that were filtered out
UPDATE app.tb_user SET active = NOT active WHERE pk_user IN (5, 6);
CALL chk.remove();
SELECT hollow FROM tview.cache_stats;
SELECT * FROM chk.counts;
SELECT * FROM chk.counts;

-- a value that goes from one column to the other
UPDATE app.tb_post SET fk_user = fk_editor, fk_editor = fk_user WHERE fk_editor IS NOT NULL AND pk_post < 100;
CALL chk.remove();
SELECT * FROM chk.counts;
SELECT * FROM chk.counts;
DELETE FROM app.tb_post WHERE pk_post < 200;
CALL chk.remove();
SELECT * FROM chk.counts;
SELECT * FROM chk.counts;

-- a look-up that finds no rows by itself: rows that are hollow for a value that nobody has any more
SELECT tview.refresh('app.tv_post');
SELECT * FROM chk.counts;
-- under a prepared statement's generic plan, scanned again
SET plan_cache_mode = force_generic_plan;
PREPARE counts (int) AS SELECT count(*) FROM app.tv_post WHERE fk_user = $1;
EXECUTE counts (1);
EXECUTE counts (2);
SELECT n, (SELECT count(*) FROM app.tv_post t WHERE t.fk_user = n) AS tv, (SELECT count(*) FROM app.v_post t WHERE t.fk_user = n) AS v FROM generate_series(0, 10) n;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
