-- proves that values of a table's row type, which show the names of its columns, are those of the view after the table has changed
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_kind (code int, name text);
CREATE TABLE app.tb_base (code int, name text);
CREATE TABLE app.tb_heir () INHERITS (app.tb_base);
CREATE VIEW app.pair AS SELECT 1 AS code, 'x'::text AS name;
CREATE TABLE app.tb_other (n int);
CREATE TABLE app.tb_kinds (pk_kinds int PRIMARY KEY, kind app.tb_kind, kinds app.tb_kind[]);
CREATE TABLE app.tb_heirs (pk_heirs int PRIMARY KEY, heir app.tb_heir, pair app.pair);
INSERT INTO app.tb_kinds VALUES (1, ROW(1, 'one'), ARRAY[ROW(1, 'one')::app.tb_kind]);
INSERT INTO app.tb_heirs VALUES (1, ROW(1, 'one'), ROW(1, 'one'));
CREATE VIEW app.v_one AS SELECT pk_kinds AS pk_one, to_jsonb(kind) AS data FROM app.tb_kinds;
CREATE VIEW app.v_many AS SELECT pk_kinds AS pk_many, to_jsonb(kinds) AS data FROM app.tb_kinds;
CREATE VIEW app.v_all AS SELECT pk_kinds AS pk_all, to_jsonb(k) AS data FROM app.tb_kinds k;
CREATE VIEW app.v_heir AS SELECT pk_heirs AS pk_heir, to_jsonb(heir) AS data FROM app.tb_heirs;
CREATE VIEW app.v_pair AS SELECT pk_heirs AS pk_pair, to_jsonb(pair) AS data FROM app.tb_heirs;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE FUNCTION chk.differences() RETURNS TABLE (tview text, got jsonb, wanted jsonb) LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{one,many,all,heir,pair}'::text[] LOOP
		RETURN QUERY EXECUTE format('SELECT %1$L, t.data, v.data FROM app.tv_%1$s t JOIN app.v_%1$s v ON v.pk_%1$s = t.pk_%1$s WHERE t.data <> v.data', name);
	END LOOP;
END $$;
CREATE FUNCTION chk.after(command text) RETURNS TABLE (tview text, got jsonb, wanted jsonb) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN QUERY SELECT * FROM chk.differences();
END $$;
SELECT * FROM chk.differences();
SELECT tview, rows, complete FROM tview.cache_stats ORDER BY tview::text;
-- in the transaction of the command, and in the next one
SELECT * FROM chk.after('ALTER TABLE app.tb_kind RENAME COLUMN name TO title');
SELECT * FROM chk.differences();
SELECT data FROM app.tv_one WHERE pk_one = 1;
ALTER TABLE app.tb_kind RENAME COLUMN title TO name;
SELECT * FROM chk.differences();
ALTER TABLE app.tb_kind ADD COLUMN more int;
SELECT * FROM chk.differences();
ALTER TABLE app.tb_kind DROP COLUMN code;
SELECT * FROM chk.differences();
BEGIN;
ALTER TABLE app.tb_kind RENAME COLUMN more TO less;
SELECT * FROM chk.differences();
ROLLBACK;
SELECT * FROM chk.differences();
-- the command names the parent only
ALTER TABLE app.tb_base RENAME COLUMN name TO title;
SELECT * FROM chk.differences();
ALTER TABLE app.tb_base ADD COLUMN more int;
SELECT * FROM chk.differences();
SELECT data FROM app.tv_heir WHERE pk_heir = 1;
-- views have row types, too
ALTER VIEW app.pair RENAME COLUMN name TO title;
SELECT * FROM chk.differences();
SELECT data FROM app.tv_pair WHERE pk_pair = 1;
-- types that only the text of a function names
CREATE TYPE app.made AS (code int, name text);
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE FUNCTION app.made(n int) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$SELECT to_jsonb(ROW(n, 'x')::app.made)$$;
CREATE FUNCTION app.mood(n int) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN to_jsonb((enum_range(NULL::app.mood))[n]); END$$;
CREATE VIEW app.v_made AS SELECT pk_kinds AS pk_made, app.made(pk_kinds) AS data FROM app.tb_kinds;
CREATE VIEW app.v_mood AS SELECT pk_kinds AS pk_mood, app.mood(pk_kinds) AS data FROM app.tb_kinds;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_made, tv_mood) FROM SERVER tviews INTO app;
SELECT tm.data, td.data FROM app.tv_made tm, app.tv_mood td;
ALTER TYPE app.made RENAME ATTRIBUTE name TO title;
SELECT tm.data, td.data, vm.data, vd.data FROM app.tv_made tm, app.tv_mood td, app.v_made vm, app.v_mood vd;
ALTER TYPE app.mood RENAME VALUE 'good' TO 'fine';
SELECT tm.data, td.data, vm.data, vd.data FROM app.tv_made tm, app.tv_mood td, app.v_made vm, app.v_mood vd;
-- a table whose rows nobody shows empties nothing
SELECT count(*) FROM app.tv_one;
ALTER TABLE app.tb_other RENAME COLUMN n TO m;
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_one'::regclass;
\set ECHO none
\i :end
