-- proves that a TVIEW shows nothing that its view's owner may no longer read: REVOKE, owners, memberships and policies count at once
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE ROLE regress_tview_own;
CREATE ROLE regress_tview_inner;
CREATE ROLE regress_tview_group;
CREATE ROLE regress_tview_reader;
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, t text, c int);
CREATE TABLE app.tb_y (pk_y int PRIMARY KEY, fk_x int, t text);
INSERT INTO app.tb_x SELECT n, 't' || n, n FROM generate_series(1, 3) n;
INSERT INTO app.tb_y SELECT n, n, 'y' || n FROM generate_series(1, 3) n;
GRANT USAGE ON SCHEMA app TO regress_tview_own, regress_tview_inner, regress_tview_reader;
GRANT SELECT ON app.tb_x TO regress_tview_own;
GRANT SELECT ON app.tb_y TO regress_tview_inner;
-- what v_x reads is its owner's to read, what vw_y reads the other owner's
CREATE VIEW app.vw_y AS SELECT fk_x, t FROM app.tb_y;
ALTER VIEW app.vw_y OWNER TO regress_tview_inner;
GRANT SELECT ON app.vw_y TO regress_tview_own;
CREATE VIEW app.v_x AS SELECT x.pk_x, x.t, (SELECT max(y.t) FROM app.vw_y y WHERE y.fk_x = x.pk_x) AS y FROM app.tb_x x;
ALTER VIEW app.v_x OWNER TO regress_tview_own;
GRANT SELECT ON app.v_x TO regress_tview_reader;
CREATE FOREIGN TABLE app.tv_x (pk_x int, t text, y text) SERVER tviews OPTIONS (view 'app.v_x');
GRANT SELECT ON app.tv_x TO regress_tview_reader;
-- both sides, each with its rows or its error; the statement is a prepared one
CREATE FUNCTION chk.says(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
GRANT USAGE ON SCHEMA chk TO PUBLIC;
PREPARE t AS SELECT string_agg(x::text, ' ' ORDER BY pk_x) FROM app.tv_x x;
PREPARE v AS SELECT string_agg(x::text, ' ' ORDER BY pk_x) FROM app.v_x x;
CREATE FUNCTION chk.both(OUT tview text, OUT same bool) LANGUAGE plpgsql AS $$
BEGIN
	tview := chk.says('EXECUTE t');
	same := tview IS NOT DISTINCT FROM chk.says('EXECUTE v')
		AND chk.says('SELECT x::text FROM app.tv_x x WHERE pk_x = 2') IS NOT DISTINCT FROM chk.says('SELECT x::text FROM app.v_x x WHERE pk_x = 2');
END $$;
SELECT * FROM chk.both();
REVOKE SELECT ON app.tb_x FROM regress_tview_own;
SELECT * FROM chk.both();
SET ROLE regress_tview_reader;
SELECT * FROM chk.both();
RESET ROLE;
-- a column is not enough, all that the view names are
GRANT SELECT (pk_x) ON app.tb_x TO regress_tview_own;
SELECT * FROM chk.both();
GRANT SELECT (t) ON app.tb_x TO regress_tview_own;
SELECT * FROM chk.both();
UPDATE app.tb_x SET t = t || '!' WHERE pk_x = 2;
SELECT * FROM chk.both();
REVOKE SELECT (t) ON app.tb_x FROM regress_tview_own;
SELECT * FROM chk.both();
-- by membership
GRANT SELECT ON app.tb_x TO regress_tview_group;
SELECT * FROM chk.both();
GRANT regress_tview_group TO regress_tview_own;
SELECT * FROM chk.both();
REVOKE regress_tview_group FROM regress_tview_own;
SELECT * FROM chk.both();
GRANT regress_tview_group TO regress_tview_own;
-- of a view inside, and of what that one reads
REVOKE SELECT ON app.vw_y FROM regress_tview_own;
SELECT * FROM chk.both();
GRANT SELECT ON app.vw_y TO regress_tview_own;
SELECT * FROM chk.both();
REVOKE SELECT ON app.tb_y FROM regress_tview_inner;
SELECT * FROM chk.both();
ALTER TABLE app.tb_y OWNER TO regress_tview_inner;
SELECT * FROM chk.both();
-- in a transaction, and rolled back
BEGIN;
SAVEPOINT s;
REVOKE SELECT ON app.tb_x FROM regress_tview_group;
SELECT * FROM chk.both();
ROLLBACK TO s;
SELECT * FROM chk.both();
REVOKE SELECT ON app.tb_x FROM regress_tview_group;
SELECT * FROM chk.both();
ROLLBACK;
SELECT * FROM chk.both();
SELECT * FROM chk.plan($$SELECT * FROM app.tv_x$$);
-- policies: of the tables' owners for the view's owner
ALTER TABLE app.tb_x ENABLE ROW LEVEL SECURITY;
SELECT * FROM chk.both();
CREATE POLICY p ON app.tb_x USING (pk_x > 1);
SELECT * FROM chk.both();
ALTER POLICY p ON app.tb_x USING (pk_x > 2);
SELECT * FROM chk.both();
DROP POLICY p ON app.tb_x;
ALTER TABLE app.tb_x DISABLE ROW LEVEL SECURITY;
SELECT * FROM chk.both();
-- the reader's own privilege is the foreign table's
REVOKE SELECT ON app.tv_x FROM regress_tview_reader;
SET ROLE regress_tview_reader;
SELECT chk.says('SELECT count(*) FROM app.tv_x');
RESET ROLE;
-- the TVIEW's owner reads the view: by name, by membership, as the database's owner
PREPARE one AS SELECT t FROM app.tv_x WHERE pk_x = 2;
GRANT SELECT ON app.v_x TO regress_tview_inner;
GRANT TRIGGER ON app.tb_x TO regress_tview_inner;
ALTER FOREIGN TABLE app.tv_x OWNER TO regress_tview_inner;
SELECT chk.says('EXECUTE one');
REVOKE SELECT ON app.v_x FROM regress_tview_inner;
SELECT chk.says('EXECUTE one');
BEGIN;
GRANT SELECT ON app.v_x TO regress_tview_inner;
SELECT chk.says('EXECUTE one');
ROLLBACK;
SELECT chk.says('EXECUTE one');
GRANT SELECT ON app.v_x TO regress_tview_group;
GRANT regress_tview_group TO regress_tview_inner;
SELECT chk.says('EXECUTE one');
REVOKE regress_tview_group FROM regress_tview_inner;
SELECT chk.says('EXECUTE one');
GRANT SELECT ON app.v_x TO pg_database_owner;
SELECT chk.says('EXECUTE one');
ALTER DATABASE :DBNAME OWNER TO regress_tview_inner;
SELECT chk.says('EXECUTE one');
ALTER DATABASE :DBNAME OWNER TO CURRENT_USER;
SELECT chk.says('EXECUTE one');
REVOKE SELECT ON app.v_x FROM pg_database_owner;
ALTER ROLE regress_tview_inner SUPERUSER;
SELECT chk.says('EXECUTE one');
ALTER ROLE regress_tview_inner NOSUPERUSER;
SELECT chk.says('EXECUTE one');
ALTER FOREIGN TABLE app.tv_x OWNER TO CURRENT_USER;
SELECT chk.says('EXECUTE one');
-- another owner of the view
ALTER VIEW app.v_x OWNER TO regress_tview_reader;
SELECT * FROM chk.both();
ALTER VIEW app.v_x OWNER TO CURRENT_USER;
SELECT * FROM chk.both();
SET client_min_messages = error;
DROP FOREIGN TABLE app.tv_x;
DROP VIEW app.v_x, app.vw_y;
DROP TABLE app.tb_x, app.tb_y;
DROP OWNED BY regress_tview_own, regress_tview_inner, regress_tview_group, regress_tview_reader;
DROP ROLE regress_tview_own, regress_tview_inner, regress_tview_group, regress_tview_reader;
\set ECHO none
\i :end
