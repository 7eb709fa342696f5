-- proves what IMPORT FOREIGN SCHEMA says to SQL's other words for time and user, to long names, missing rights and pg_dump's placeholders
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, at time, x xml, proc regproc);
INSERT INTO app.tb_user VALUES (1, 'one', '01:00', '<a/>', 'now'), (2, 'two', NULL, NULL, NULL);
-- words that are no functions
CREATE VIEW app.v_time AS SELECT pk_user AS pk_time, CURRENT_TIME FROM app.tb_user;
CREATE VIEW app.v_time_n AS SELECT pk_user AS pk_time_n, CURRENT_TIME(1) FROM app.tb_user;
CREATE VIEW app.v_stamp AS SELECT pk_user AS pk_stamp, CURRENT_TIMESTAMP FROM app.tb_user;
CREATE VIEW app.v_stamp_n AS SELECT pk_user AS pk_stamp_n, CURRENT_TIMESTAMP(1) FROM app.tb_user;
CREATE VIEW app.v_local AS SELECT pk_user AS pk_local, LOCALTIME FROM app.tb_user;
CREATE VIEW app.v_local_n AS SELECT pk_user AS pk_local_n, LOCALTIME(1) FROM app.tb_user;
CREATE VIEW app.v_stamp_local_n AS SELECT pk_user AS pk_stamp_local_n, LOCALTIMESTAMP(1) FROM app.tb_user;
CREATE VIEW app.v_role AS SELECT pk_user AS pk_role, CURRENT_ROLE FROM app.tb_user;
CREATE VIEW app.v_me AS SELECT pk_user AS pk_me, USER FROM app.tb_user;
CREATE VIEW app.v_schema AS SELECT pk_user AS pk_schema, CURRENT_SCHEMA FROM app.tb_user;
CREATE VIEW app.v_catalog AS SELECT pk_user AS pk_catalog, CURRENT_CATALOG = '' AS here FROM app.tb_user;
-- an aggregate of the user's own
CREATE FUNCTION app.f_add(int, int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 + $2; END';
CREATE AGGREGATE app.a_add(int) (SFUNC = app.f_add, STYPE = int, INITCOND = '0');
CREATE VIEW app.v_own AS SELECT u.pk_user AS pk_own, (SELECT app.a_add(w.pk_user) FROM app.tb_user w) FROM app.tb_user u;
-- types whose text depends on settings, and on none
CREATE VIEW app.v_xml AS SELECT pk_user AS pk_xml, to_jsonb(x) AS data FROM app.tb_user;
CREATE VIEW app.v_proc AS SELECT pk_user AS pk_proc, to_jsonb(proc) AS data FROM app.tb_user;
CREATE VIEW app.v_input AS SELECT pk_user AS pk_input, (name || ':00')::time AS at FROM app.tb_user WHERE name = '01';
-- what pg_dump writes for a view that comes later
CREATE VIEW app.v_later AS SELECT NULL::int AS pk_later, NULL::varchar(3) COLLATE "C" AS name, NULL::jsonb AS data;
-- a name that has room for no prefix, a view that stays a view
CREATE VIEW app.v_012345678901234567890123456789012345678901234567890123456789 AS SELECT pk_user, name FROM app.tb_user;
CREATE VIEW app.other AS SELECT pk_user FROM app.tb_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT s.tview, s.problem FROM tview.status s ORDER BY 1;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'app' ORDER BY 1;
CREATE FOREIGN TABLE app.tv_later (pk_later int, name varchar(3) COLLATE "C", data jsonb) SERVER tviews OPTIONS (view 'app.v_later');
SELECT s.tview, s.problem FROM tview.status s WHERE s.tview = 'app.tv_later'::regclass;
SELECT count(*), count(t.pk_later), (SELECT count(*) FROM app.v_later) = count(*) AS same FROM app.tv_later t;
-- the view comes
CREATE OR REPLACE VIEW app.v_later AS SELECT pk_user AS pk_later, name::varchar(3) COLLATE "C" AS name, jsonb_build_object('name', name) AS data FROM app.tb_user;
SELECT t.*, t = v AS same FROM app.tv_later t JOIN app.v_later v USING (pk_later) ORDER BY 1;
SELECT s.tview, s.problem FROM tview.status s WHERE s.tview = 'app.tv_later'::regclass;
-- rights
CREATE ROLE regress_tview_guest;
GRANT USAGE ON FOREIGN SERVER tviews TO regress_tview_guest;
CREATE SCHEMA guest AUTHORIZATION regress_tview_guest;
SET ROLE regress_tview_guest;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_later) FROM SERVER tviews INTO guest;
RESET ROLE;
GRANT USAGE ON SCHEMA app TO regress_tview_guest;
SET ROLE regress_tview_guest;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_later) FROM SERVER tviews INTO guest;
RESET ROLE;
-- a sample that is smaller than the table
INSERT INTO app.tb_user SELECT n, 'n' || n FROM generate_series(3, 2000) n;
SET default_statistics_target = 1;
ANALYZE app.tv_later;
SELECT reltuples FROM pg_class WHERE oid = 'app.tv_later'::regclass;
SELECT count(*) FROM pg_stats WHERE tablename = 'tv_later';
RESET default_statistics_target;
-- a scan below the nodes of a larger plan
SELECT count(*), count(*) - 3 = (SELECT count(*) FROM app.v_later) AS same
	FROM (SELECT pk_later FROM app.tv_later UNION ALL (SELECT pk_later FROM app.tv_later ORDER BY pk_later LIMIT 3)) u;
SELECT array_agg(pk_later ORDER BY r) = (SELECT array_agg(pk_later) FROM (SELECT pk_later FROM app.v_later ORDER BY pk_later LIMIT 4) v) AS same
	FROM (SELECT pk_later, row_number() OVER (ORDER BY pk_later) AS r FROM app.tv_later) s WHERE r < 5;
SELECT max(pk_later), max(pk_later) = (SELECT max(pk_later) FROM app.v_later) AS same
	FROM (SELECT pk_later FROM app.tv_later WHERE pk_later > 1990 UNION ALL SELECT pk_xml FROM app.tv_xml) u;
-- nothing is written through a TVIEW
PREPARE w AS INSERT INTO app.tv_later VALUES (1, 'x', '{}');
EXECUTE w;
UPDATE app.tv_later SET name = 'x' WHERE pk_later = 1;
DELETE FROM app.tv_later;
COPY app.tv_later FROM STDIN;
\.
DROP SCHEMA guest CASCADE;
REVOKE ALL ON FOREIGN SERVER tviews FROM regress_tview_guest;
REVOKE ALL ON SCHEMA app FROM regress_tview_guest;
DROP ROLE regress_tview_guest;
\set ECHO none
\i :end
