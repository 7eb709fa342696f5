-- proves that a mark that concerns more rows than are settled at once leaves no stale row behind
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set settle :srcdir '/sql/include/settle.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :settle
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES app.tb_user);
CREATE TABLE app.tb_rate (rate int);
CREATE INDEX ON app.tb_post (fk_user);
INSERT INTO app.tb_user VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO app.tb_post SELECT n, CASE WHEN n > 5000 THEN 2 ELSE 1 END FROM generate_series(1, 10100) n;
INSERT INTO app.tb_rate VALUES (1);
-- one tag is read by 5000 rows
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.fk_user, u.name FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user;
-- all 10100 rows depend on a table as a whole
CREATE VIEW app.v_price AS
	SELECT p.pk_post AS pk_price, (SELECT max(r.rate) FROM app.tb_rate r) AS price FROM app.tb_post p;
ANALYZE;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT tview, rows, complete FROM tview.cache_stats ORDER BY tview::text;

CREATE VIEW chk.differences AS
	SELECT 'post' AS tview, count(*) FROM ((TABLE app.tv_post EXCEPT ALL TABLE app.v_post) UNION ALL (TABLE app.v_post EXCEPT ALL TABLE app.tv_post)) d
	UNION ALL
	SELECT 'price', count(*) FROM ((TABLE app.tv_price EXCEPT ALL TABLE app.v_price) UNION ALL (TABLE app.v_price EXCEPT ALL TABLE app.tv_price)) d;

INSERT INTO app.tb_post VALUES (0, 1);
UPDATE app.tb_user SET name = 'Ada' WHERE pk_user = 1;
DELETE FROM app.tb_post WHERE pk_post = 0;
CALL chk.settle();
SELECT marks_pending FROM tview.store;
-- rows wait to be computed now: one that is deleted, looked for, and comes back
BEGIN;
DELETE FROM app.tb_post WHERE pk_post = 40;
SELECT count(*) FROM app.tv_post WHERE pk_post = 40;
ROLLBACK;
SELECT count(*) FROM app.tv_post WHERE pk_post = 40;
SELECT * FROM chk.differences;

INSERT INTO app.tb_post VALUES (0, 1);
UPDATE app.tb_rate SET rate = 2;
DELETE FROM app.tb_post WHERE pk_post = 0;
CALL chk.settle();
SELECT marks_pending FROM tview.store;
SELECT * FROM chk.differences;
-- the same without too many rows for one mark
DELETE FROM app.tb_post WHERE pk_post > 9000;
SELECT * FROM chk.differences;
INSERT INTO app.tb_post VALUES (0, 1);
UPDATE app.tb_rate SET rate = 3;
DELETE FROM app.tb_post WHERE pk_post = 0;
CALL chk.settle();
SELECT marks_pending FROM tview.store;
SELECT * FROM chk.differences;
-- rows that come, move and leave, and are not read before their marks have gone
CREATE FUNCTION chk.by_user(n int) RETURNS TABLE (tv bigint, v bigint) LANGUAGE sql AS
	$$ SELECT (SELECT count(*) FROM app.tv_post WHERE fk_user = n), (SELECT count(*) FROM app.v_post WHERE fk_user = n) $$;
INSERT INTO app.tb_user VALUES (3, 'Cem'), (4, 'Dan');
INSERT INTO app.tb_post VALUES (20001, 3), (20002, 3), (20003, 1), (0, 1);
UPDATE app.tb_post SET fk_user = 4 WHERE pk_post IN (10, 20);
DELETE FROM app.tb_post WHERE pk_post IN (0, 30);
CALL chk.settle();
SELECT marks_pending FROM tview.store;
SET cpu_operator_cost = 10; -- look-ups, not scans
SELECT n, (chk.by_user(n)).* FROM generate_series(1, 5) n;
RESET cpu_operator_cost;
SELECT (SELECT count(*) FROM app.tv_post WHERE pk_post = 20002) AS tv, (SELECT count(*) FROM app.v_post WHERE pk_post = 20002) AS v;
SELECT * FROM chk.differences;
-- marks on whole tables: of one that is joined, and of the root with rows that nobody names
SET tview.max_marks_per_transaction = 2;
INSERT INTO app.tb_post VALUES (0, 1);
UPDATE app.tb_user SET name = name || '!';
RESET tview.max_marks_per_transaction;
DELETE FROM app.tb_post WHERE pk_post = 0;
CALL chk.settle();
SELECT marks_pending FROM tview.store;
SELECT * FROM chk.differences;
SET tview.max_marks_per_transaction = 2;
INSERT INTO app.tb_post SELECT n, 2 FROM generate_series(30001, 30010) n;
INSERT INTO app.tb_post VALUES (0, 1);
RESET tview.max_marks_per_transaction;
DELETE FROM app.tb_post WHERE pk_post = 0;
CALL chk.settle();
SELECT marks_pending FROM tview.store;
SELECT (SELECT count(*) FROM app.tv_post WHERE pk_post = 30002) AS tv, (SELECT count(*) FROM app.v_post WHERE pk_post = 30002) AS v;
SELECT * FROM chk.differences;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
