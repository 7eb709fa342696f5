-- proves that dropping a table, a server, a schema, an owner or the extension leaves nothing behind
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set leftovers :srcdir '/sql/include/leftovers.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\i :leftovers
\set ECHO all
CREATE TABLE app.tb_a (pk_a int PRIMARY KEY, name text) PARTITION BY RANGE (pk_a);
CREATE TABLE app.tb_a1 PARTITION OF app.tb_a FOR VALUES FROM (0) TO (100);
CREATE TABLE app.tb_b (pk_b int PRIMARY KEY, fk_a int, name text);
INSERT INTO app.tb_a SELECT n, 'a' || n FROM generate_series(1, 5) n;
INSERT INTO app.tb_b SELECT n, n, 'b' || n FROM generate_series(1, 5) n;
CREATE VIEW app.v_a AS SELECT a.pk_a, a.name, ARRAY(SELECT b.name FROM app.tb_b b WHERE b.fk_a = a.pk_a ORDER BY 1) AS bs FROM app.tb_a a;
CREATE VIEW app.v_b AS SELECT b.pk_b, b.name, a.name AS a FROM app.tb_b b LEFT JOIN app.tb_a a ON a.pk_a = b.fk_a;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE FUNCTION chk.is_clean() RETURNS text LANGUAGE sql AS $$
	SELECT format('triggers %s, tviews %s, sources %s, directories %s', l.triggers, l.tviews, l.sources, l.directories) FROM chk.leftovers() l $$;
SELECT tgrelid::regclass AS base, regexp_replace(tgname, '\d{2,}', 'N') AS name, tgenabled AS enabled,
	regexp_replace(pg_get_triggerdef(oid), '.*?(BEFORE|AFTER).* (FOR .*)', '\1 \2') AS definition
FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'app.tb%' AND tgparentid = 0 ORDER BY tgrelid::regclass::text COLLATE "C", tgname COLLATE "C";
-- views and columns that a TVIEW needs stay
DROP VIEW app.v_a;
DROP TABLE app.tb_b;
ALTER TABLE app.tb_b DROP COLUMN name;
DROP TRIGGER tview_mark_row ON app.tb_b;
DROP FUNCTION tview.mark_row();
DROP TABLE app.tv_a;
DROP SERVER tviews;
\set VERBOSITY terse
DROP EXTENSION tview_fdw;
SELECT chk.is_clean();
-- one of two: the other's triggers stay
DROP FOREIGN TABLE app.tv_a;
SELECT l.triggers > 0 AS triggers, l.tviews, l.sources > 0 AS sources, l.directories FROM chk.leftovers() l;
UPDATE app.tb_a SET name = 'x' WHERE pk_a = 1;
SELECT * FROM app.tv_b WHERE pk_b = 1;
DROP FOREIGN TABLE app.tv_b;
SELECT l.triggers, l.tviews, l.sources FROM chk.leftovers() l;
UPDATE app.tb_a SET name = 'y' WHERE pk_a = 1;
-- a drop that is rolled back
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
BEGIN;
UPDATE app.tb_b SET name = 'before the drop' WHERE pk_b = 2;
DROP FOREIGN TABLE app.tv_a, app.tv_b;
UPDATE app.tb_b SET name = 'after the drop' WHERE pk_b = 3;
ROLLBACK;
BEGIN;
SAVEPOINT s;
DROP SERVER tviews CASCADE;
ROLLBACK TO s;
UPDATE app.tb_b SET name = 'kept' WHERE pk_b = 4;
COMMIT;
SELECT * FROM app.tv_b ORDER BY 1;
SELECT chk.prepare();
SELECT * FROM chk.check_all('rolled back');
-- drop and create in one transaction
BEGIN;
DROP FOREIGN TABLE app.tv_b;
UPDATE app.tb_b SET name = 'between' WHERE pk_b = 5;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_b) FROM SERVER tviews INTO app;
SELECT name FROM app.tv_b WHERE pk_b = 5;
COMMIT;
SELECT chk.prepare();
SELECT * FROM chk.check_all('made anew');
-- a base table goes
BEGIN;
DROP TABLE app.tb_b CASCADE;
SELECT l.tviews, l.sources FROM chk.leftovers() l;
ROLLBACK;
SELECT * FROM chk.check_all('table is back');
-- a view goes with CASCADE
DROP VIEW app.v_a CASCADE;
SELECT to_regclass('app.tv_a');
-- a server goes
CREATE SERVER other FOREIGN DATA WRAPPER tview_fdw;
IMPORT FOREIGN SCHEMA app FROM SERVER other INTO chk;
SELECT l.directories FROM chk.leftovers() l;
DROP SERVER other CASCADE;
SELECT l.directories, l.tviews FROM chk.leftovers() l;
DROP SERVER tviews CASCADE;
SELECT chk.is_clean();
-- a schema goes
CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
CREATE SCHEMA far;
CREATE TABLE far.tb_c (pk_c int PRIMARY KEY, fk_a int);
INSERT INTO far.tb_c VALUES (1, 1);
CREATE VIEW far.v_c AS SELECT c.pk_c, a.name FROM far.tb_c c JOIN app.tb_a a ON a.pk_a = c.fk_a;
IMPORT FOREIGN SCHEMA far FROM SERVER tviews INTO far;
SELECT * FROM far.tv_c;
DROP SCHEMA far CASCADE;
SELECT l.triggers, l.tviews, l.sources FROM chk.leftovers() l;
UPDATE app.tb_a SET name = 'z';
-- an owner goes
CREATE ROLE regress_tview_owner;
CREATE SCHEMA far AUTHORIZATION regress_tview_owner;
GRANT USAGE ON FOREIGN SERVER tviews TO regress_tview_owner;
SET ROLE regress_tview_owner;
CREATE TABLE far.tb_c (pk_c int PRIMARY KEY, name text);
CREATE VIEW far.v_c AS SELECT c.pk_c, c.name FROM far.tb_c c;
IMPORT FOREIGN SCHEMA far FROM SERVER tviews INTO far;
SELECT tview FROM tview.status;
RESET ROLE;
DROP OWNED BY regress_tview_owner;
SELECT l.triggers, l.tviews, l.sources FROM chk.leftovers() l;
DROP ROLE regress_tview_owner;
-- the extension goes, and comes again
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE OR REPLACE FUNCTION chk.is_clean() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN format('triggers %s, event triggers %s, directories %s',
		(SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%tview%'), (SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'tview%'),
		(SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) d WHERE d LIKE '%tview%'));
END $$;
BEGIN;
DROP EXTENSION tview_fdw CASCADE;
UPDATE app.tb_b SET name = 'without' WHERE pk_b = 1;
ROLLBACK;
SELECT name FROM app.tv_b WHERE pk_b = 1;
DROP EXTENSION tview_fdw CASCADE;
SELECT chk.is_clean();
UPDATE app.tb_b SET name = 'without' WHERE pk_b = 1;
CREATE EXTENSION tview_fdw;
CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT name FROM app.tv_b WHERE pk_b = 1;
DROP EXTENSION tview_fdw CASCADE;
CREATE EXTENSION tview_fdw;
-- a database goes
CREATE DATABASE regress_tview_drop;
\set main :DBNAME
\c regress_tview_drop
SET client_min_messages = warning;
CREATE EXTENSION tview_fdw;
CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
CREATE TABLE tb_a (pk_a int PRIMARY KEY);
CREATE VIEW v_a AS SELECT pk_a FROM tb_a;
IMPORT FOREIGN SCHEMA public FROM SERVER tviews INTO public;
SELECT count(*) FROM tv_a;
\c :main
DROP DATABASE regress_tview_drop;
\set ECHO none
\i :end
