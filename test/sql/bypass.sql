-- proves that the view is run where the store must not answer, and that EXPLAIN names the reason
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
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid, name text, tenant text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'u' || n, CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END FROM generate_series(1, 10) n;
INSERT INTO app.tb_post SELECT n, 1 + n % 10, 't' || n FROM generate_series(1, 30) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, u.id, u.name, (SELECT count(*) FROM app.tb_post p WHERE p.fk_user = u.pk_user) AS posts FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.fk_user, p.title, u.name FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
\pset null '-'
-- serializable transactions run the view
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_user WHERE pk_user = 3$$);
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE fk_user = 2');
SELECT * FROM chk.check_all('serializable');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
COMMIT;
-- missing rows are stored by read-only transactions, too
SELECT tview.reset('app.tv_user');
BEGIN READ ONLY;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
COMMIT;
-- row-level security
CREATE ROLE regress_tview_even;
GRANT USAGE ON SCHEMA app, chk TO regress_tview_even;
GRANT SELECT ON ALL TABLES IN SCHEMA app, chk TO regress_tview_even;
ALTER TABLE app.tb_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.tb_user USING (tenant = 'even');
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SET ROLE regress_tview_even;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1');
SELECT count(*) FROM app.tv_user;
SELECT * FROM chk.check_all('row-level security');
RESET ROLE;
ALTER TABLE app.tb_user FORCE ROW LEVEL SECURITY;
SELECT * FROM chk.check_all('forced');
ALTER VIEW app.v_user OWNER TO regress_tview_even;
ALTER VIEW app.v_post OWNER TO regress_tview_even;
SELECT count(*) FROM app.tv_user;
SELECT count(*) FROM app.v_user;
SELECT * FROM chk.check_all('owned by a user under the policy');
SET ROLE regress_tview_even;
SELECT * FROM chk.check_all('as that user');
RESET ROLE;
ALTER VIEW app.v_user OWNER TO CURRENT_USER;
ALTER VIEW app.v_post OWNER TO CURRENT_USER;
ALTER TABLE app.tb_user NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.tb_user DISABLE ROW LEVEL SECURITY;
SELECT count(*) FROM app.tv_user;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
SELECT * FROM chk.look('SELECT * FROM app.tv_post WHERE pk_post = 1');
-- TRUNCATE; definitions changed by the own transaction; a statement under way
BEGIN;
TRUNCATE app.tb_post;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
ROLLBACK;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
BEGIN;
CREATE OR REPLACE VIEW app.v_user AS SELECT u.pk_user, u.id, u.name, 0::bigint AS posts FROM app.tb_user u;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
ROLLBACK;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
CREATE FUNCTION chk.reason(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT l.bypass FROM chk.look($1) l $$;
UPDATE app.tb_user SET tenant = chk.reason('SELECT * FROM app.tv_user') WHERE pk_user < 3;
SELECT pk_user, tenant FROM app.tb_user WHERE pk_user < 3 ORDER BY 1;
-- triggers that somebody has disabled
ALTER TABLE app.tb_post DISABLE TRIGGER USER;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
UPDATE app.tb_post SET fk_user = 1 WHERE pk_post = 5;
SELECT * FROM chk.check_all('disabled');
ALTER TABLE app.tb_post ENABLE TRIGGER USER;
SELECT * FROM chk.check_all('enabled');
ALTER TABLE app.tb_post DISABLE TRIGGER ALL;
SELECT * FROM chk.look('SELECT * FROM app.tv_user');
UPDATE app.tb_post SET fk_user = 2 WHERE pk_post = 5;
ALTER TABLE app.tb_post ENABLE TRIGGER ALL;
SELECT * FROM chk.check_all('all enabled');
SELECT * FROM chk.look('SELECT * FROM app.tv_user') WHERE bypass IS NOT NULL;
-- the counters know the reasons
SELECT tview, bypassed = (SELECT sum(v::bigint) FROM jsonb_each_text(bypass_reasons) r(k, v)) AS sums, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(bypass_reasons) k) AS reasons
FROM tview.cache_stats ORDER BY tview::text;
SET client_min_messages = warning;
DROP OWNED BY regress_tview_even;
DROP ROLE regress_tview_even;
\set ECHO none
\i :end
