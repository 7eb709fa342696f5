-- proves that a key for which the view comes to have several rows gives them all, by key, look-up and scan, and is stored again when it has one
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int);
CREATE TABLE app.tb_tag (fk_post int, word text);
INSERT INTO app.tb_post SELECT n, n % 3 FROM generate_series(1, 12) n;
INSERT INTO app.tb_tag SELECT n, 'word ' || n FROM generate_series(1, 12) n;
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.fk_user, jsonb_build_object('word', t.word) AS data
	FROM app.tb_post p JOIN app.tb_tag t ON t.fk_post = p.pk_post;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
SELECT rows, complete FROM tview.cache_stats;
SET cpu_operator_cost = 10; -- look-ups, not scans
-- how many rows there are by each way: of the TVIEW, of the view, and in how many they differ
CREATE FUNCTION chk.ask(condition text, OUT tv bigint, OUT v bigint, OUT differ bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('WITH a AS MATERIALIZED (SELECT * FROM app.tv_post WHERE %1$s), b AS MATERIALIZED (SELECT * FROM app.v_post WHERE %1$s)
		SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b),
			(SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d)', condition) INTO tv, v, differ;
END $$;
CREATE VIEW chk.answers AS
	SELECT condition, (chk.ask(condition)).* FROM (VALUES (1, 'pk_post = 4'), (2, 'fk_user = 1'), (3, 'pk_post IN (4, 5)'), (4, 'pk_post > 2'), (5, 'true'), (6, 'fk_user = 1')) c(n, condition)
	ORDER BY n;
SELECT * FROM chk.answers;
INSERT INTO app.tb_tag VALUES (4, 'second');
SELECT * FROM chk.answers;
SELECT * FROM chk.answers;
UPDATE app.tb_tag SET word = word || '!' WHERE fk_post = 4;
SELECT * FROM chk.answers;
INSERT INTO app.tb_tag SELECT 5, 'more ' || n FROM generate_series(1, 3) n;
SELECT tview.reset('app.tv_post');
SELECT * FROM chk.ask('true');
SELECT * FROM chk.answers;
UPDATE app.tb_post SET fk_user = 2 WHERE pk_post = 4;
SELECT * FROM chk.answers;
DELETE FROM app.tb_tag WHERE fk_post IN (4, 5) AND word <> 'second!';
SELECT * FROM chk.answers;
SELECT * FROM chk.answers;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
