-- proves that the store serves: everything at rest, and after a change exactly what the change has not touched
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL UNIQUE, name text, bio text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user int NOT NULL REFERENCES app.tb_user,
	title text, score int, draft bool NOT NULL DEFAULT false, notes text);
CREATE INDEX ON app.tb_post (fk_user);
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'u' || n FROM generate_series(1, 10) n;
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 1 + n % 10, 't' || n, n % 7, n % 50 = 0 FROM generate_series(1, 1000) n;
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.id, p.fk_user, jsonb_build_object('title', p.title, 'author', u.name) AS data
	FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user WHERE NOT p.draft;
CREATE VIEW app.v_user AS
	SELECT u.pk_user, u.id, jsonb_build_object('name', u.name, 'titles',
		(SELECT jsonb_agg(p.title ORDER BY p.pk_post) FROM app.tb_post p WHERE p.fk_user = u.pk_user)) AS data
	FROM app.tb_user u;
CREATE VIEW app.v_ranked AS
	SELECT w.pk_post AS pk_ranked, w.id, w.r FROM (
		SELECT p.pk_post, p.id, rank() OVER (ORDER BY p.score, p.pk_post) AS r FROM app.tb_post p) w;
ANALYZE;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT tview, rows, absent, complete FROM tview.cache_stats ORDER BY tview::text;

CREATE FUNCTION chk.look(query text) RETURNS TABLE (store text, cond text, rows numeric, served numeric, recomputed numeric, bypass text)
LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, SUMMARY OFF) ' || query INTO doc;
	RETURN QUERY SELECT n ->> 'Store', n ->> 'Store Cond', round((n ->> 'Actual Rows')::numeric), (n ->> 'Served')::numeric,
		(n ->> 'Recomputed')::numeric, n ->> 'Bypass'
	FROM jsonb_path_query(doc, 'strict $.** ? (@."Node Type" == "Foreign Scan")') n;
END $$;

-- at rest
SELECT * FROM chk.plan($$SELECT * FROM app.tv_post$$);
SELECT * FROM chk.plan($$SELECT data FROM app.tv_post WHERE pk_post = 7$$);
SELECT * FROM chk.plan($$SELECT data FROM app.tv_post WHERE id = md5('p7')::uuid$$);
SELECT * FROM chk.plan($$SELECT data FROM app.tv_post WHERE fk_user = 3$$);
SELECT * FROM chk.plan($$SELECT data FROM app.tv_post WHERE pk_post BETWEEN 10 AND 20 AND data ->> 'title' LIKE '%1'$$, ', VERBOSE');
SELECT * FROM chk.plan($$SELECT data FROM app.tv_post ORDER BY pk_post DESC LIMIT 3$$);
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_ranked');
-- keys that the view leaves out, and keys that there are not
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 50');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 5000');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE id = md5(''none'')::uuid');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post IN (1, 50, 5000)');

-- one author changes: exactly this author's documents are computed again, and then served
UPDATE app.tb_user SET name = 'Ada' WHERE pk_user = 3;
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
UPDATE app.tb_user SET name = 'Grace' WHERE pk_user = 4;
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE fk_user = 4');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE fk_user = 4');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE fk_user = 5');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
UPDATE app.tb_user SET name = 'Joan' WHERE pk_user = 8;
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 7');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE id = md5(''p17'')::uuid');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post IN (7, 8, 17, 27)');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post < 100');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
-- a post changes: it, and its author's list
UPDATE app.tb_post SET title = 'new' WHERE pk_post = 12;
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
-- a post goes to another author: both lists
UPDATE app.tb_post SET fk_user = 10 WHERE pk_post = 12;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE fk_user = 10');
-- rows come into the view and leave it
UPDATE app.tb_post SET draft = NOT draft WHERE pk_post IN (49, 50);
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post IN (49, 50, 51)');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post IN (49, 50, 51)');
INSERT INTO app.tb_post VALUES (1001, md5('p1001')::uuid, 1, 't1001');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE id = md5(''p1001'')::uuid');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE id = md5(''p1001'')::uuid');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
-- what no view reads changes nothing
UPDATE app.tb_post SET notes = 'x';
UPDATE app.tb_user SET bio = 'x';
UPDATE app.tb_user SET name = name;
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
-- by relation: a change of the table touches every row, and the view is run once
SELECT * FROM chk.look('SELECT * FROM app.tv_ranked WHERE pk_ranked < 10');
SELECT * FROM chk.look('SELECT * FROM app.tv_ranked');
SELECT * FROM chk.look('SELECT * FROM app.tv_ranked');
SELECT * FROM chk.look('SELECT * FROM app.tv_ranked WHERE pk_ranked < 10');
-- the own transaction: its changes are computed and not stored, the rest is served
BEGIN;
UPDATE app.tb_user SET name = 'mine' WHERE pk_user = 5;
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
ROLLBACK;
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
-- joins look up what they need
SELECT * FROM chk.look('SELECT p.data FROM app.tb_user u JOIN app.tv_post p ON p.fk_user = u.pk_user WHERE u.name = ''Ada''');
SELECT * FROM chk.look('SELECT p.data FROM (VALUES (1), (2), (3000)) v(n) JOIN app.tv_post p ON p.pk_post = v.n');
-- a reader that stops early leaves the rest alone
UPDATE app.tb_user SET name = name || '.';
SELECT * FROM chk.look('SELECT * FROM app.tv_post ORDER BY pk_post LIMIT 1');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1000 OR pk_post = 999');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
SELECT * FROM chk.look('SELECT * FROM app.tv_post');
-- the counters agree with all that
SELECT tview, served > 0 AS served, recomputed > 0 AS recomputed, mismatched FROM tview.cache_stats ORDER BY tview::text;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
