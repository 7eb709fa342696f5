-- proves that tview.verify compares scans with the view, returns the view's rows where the store is wrong, empties the TVIEW, and counts
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
-- what no mark can tell: the text 'now' is another time in each transaction
CREATE TABLE app.tb_note (pk_note int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user int, made text NOT NULL);
INSERT INTO app.tb_note SELECT n, md5('n' || n)::uuid, n % 10, CASE WHEN n = 1400 THEN 'now' ELSE '2020-01-01' END
	FROM generate_series(1, 1500) n;
CREATE TABLE app.tb_term (pk_term int PRIMARY KEY, id uuid NOT NULL UNIQUE, made text NOT NULL, due text NOT NULL);
INSERT INTO app.tb_term VALUES (1, md5('t1')::uuid, 'now', '2999-01-01'),
	(2, md5('t2')::uuid, 'now', (clock_timestamp() + '1 s')::timestamp), (3, md5('t3')::uuid, 'now', '1999-01-01');
CREATE VIEW app.v_note AS SELECT pk_note, id, fk_user, (made::timestamp)::text AS made FROM app.tb_note;
CREATE VIEW app.v_open AS SELECT pk_term AS pk_open, id FROM app.tb_term WHERE made::timestamp < due::timestamp;
CREATE VIEW app.v_over AS SELECT pk_term AS pk_over, id FROM app.tb_term WHERE made::timestamp >= due::timestamp;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT pg_sleep(1);
CREATE FUNCTION chk.fill() RETURNS bigint LANGUAGE sql SET tview.verify = off
	AS $$SELECT tview.refresh('app.tv_note')$$;
CREATE VIEW chk.figures AS SELECT tview, mismatched, rows FROM tview.cache_stats ORDER BY tview::text;
-- nothing is compared unless it is asked for
SHOW tview.verify;
SHOW tview.verify_sample_rate;
SELECT (SELECT t.made FROM app.tv_note t WHERE pk_note = 1400) = (SELECT v.made FROM app.v_note v WHERE pk_note = 1400) AS same;
SELECT * FROM chk.figures;
-- a row that differs, by each way of reading; the rows behind it are the view's
SET tview.verify = 'all';
SELECT count(*), count(DISTINCT t.pk_note), bool_and(t.made = v.made) AS same
	FROM app.tv_note t JOIN app.v_note v USING (pk_note);
SELECT * FROM chk.figures WHERE tview = 'app.tv_note'::regclass;
SELECT chk.fill() AS filled;
SELECT t.made = (SELECT v.made FROM app.v_note v WHERE pk_note = 1400) AS same FROM app.tv_note t WHERE pk_note = 1400;
SELECT chk.fill() AS filled;
SELECT t.made = (SELECT v.made FROM app.v_note v WHERE pk_note = 1400) AS same FROM app.tv_note t WHERE id = md5('n1400')::uuid;
SELECT chk.fill() AS filled;
SELECT count(*), bool_and(t.made = v.made) AS same
	FROM (SELECT * FROM app.tv_note WHERE fk_user IN (0, 3) OFFSET 0) t JOIN app.v_note v USING (pk_note);
SELECT chk.fill() AS filled;
SELECT count(*), bool_and(t.made = v.made) AS same FROM
	(SELECT * FROM app.tv_note WHERE pk_note = ANY (ARRAY(SELECT n FROM generate_series(1390, 1000, -1) n) || 1400) OFFSET 0) t
	JOIN app.v_note v USING (pk_note);
SELECT chk.fill() AS filled;
SELECT array_agg(pk_note), count(*) FILTER (WHERE made NOT LIKE '%2020%') AS now
	FROM (SELECT * FROM app.tv_note WHERE pk_note < 1403 ORDER BY pk_note DESC LIMIT 5) t;
SELECT chk.fill() AS filled;
-- what is not read is not compared, and what is right is not changed
SELECT array_agg(pk_note) FROM (SELECT * FROM app.tv_note WHERE pk_note > 700 ORDER BY pk_note LIMIT 5) t;
SELECT count(*) FROM app.tv_note WHERE pk_note = ANY (ARRAY(SELECT generate_series(1, 1300)));
SELECT pk_note FROM app.tv_note WHERE id IN (md5('n7')::uuid, md5('nobody')::uuid);
SELECT count(*) FROM app.tv_note WHERE id = md5('nobody')::uuid;
SELECT * FROM chk.figures WHERE tview = 'app.tv_note'::regclass;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_note WHERE pk_note = 1$$);
-- a row that the view has no longer, and one that it has got
SELECT array_agg(pk_open) FROM app.tv_open;
SELECT array_agg(pk_over) FROM app.tv_over;
SELECT array_agg(pk_over) FROM app.tv_over;
SELECT * FROM chk.figures;
-- the own changes of the transaction
BEGIN;
DELETE FROM app.tb_note WHERE pk_note % 2 = 0;
UPDATE app.tb_note SET fk_user = fk_user + 1 WHERE pk_note < 700;
INSERT INTO app.tb_note VALUES (-5, md5('n-5')::uuid, 1, '2020-02-02');
SELECT count(*), min(pk_note) FROM app.tv_note;
SELECT count(*) FROM app.tv_note WHERE fk_user = 4;
SELECT * FROM app.tv_note WHERE pk_note IN (-5, 1, 2) ORDER BY pk_note;
ROLLBACK;
-- a share of the scans
SET tview.verify = sample;
SET tview.verify_sample_rate = 0;
SELECT chk.fill() AS filled;
SELECT count(*) FROM app.tv_note;
SET tview.verify_sample_rate = 1;
SELECT count(*) FROM app.tv_note;
SET tview.verify_sample_rate = 1.1;
SET tview.verify = 'sometimes';
RESET tview.verify;
RESET tview.verify_sample_rate;
\set ECHO none
\i :end
