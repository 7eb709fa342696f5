-- proves that a view whose meaning cannot be kept gets no TVIEW, and that the message names the reason
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid, name text NOT NULL, other int, wide numeric);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int NOT NULL, title text);
CREATE TABLE app.tb_loose (pk_loose int, name text);
CREATE UNLOGGED TABLE app.tb_unlogged (pk_unlogged int PRIMARY KEY);
INSERT INTO app.tb_user VALUES (1, NULL, 'u1');
CREATE FUNCTION app.f_volatile() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION app.f_stable(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM app.tb_post WHERE fk_user = $1';
CREATE FUNCTION app.f_immutable(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION app.f_rows(int) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION app.f_eq(int, int) RETURNS bool LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = app.f_eq);
CREATE AGGREGATE app.a_sum(int) (SFUNC = int4_sum, STYPE = bigint);
CREATE SEQUENCE app.s;
CREATE MATERIALIZED VIEW app.m_user AS SELECT * FROM app.tb_user;
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE app.tb_file (pk int) SERVER files OPTIONS (program 'echo 1');
CREATE TEMP TABLE tb_temp (pk_temp int PRIMARY KEY);

-- no key
CREATE VIEW app.v_nokey AS SELECT id FROM app.tb_user;
CREATE VIEW app.v_textkey AS SELECT name AS pk_textkey FROM app.tb_user;
CREATE VIEW app.v_numkey AS SELECT wide AS pk_numkey FROM app.tb_user;
CREATE VIEW app.v_exprkey AS SELECT pk_user + 0 AS pk_exprkey FROM app.tb_user;
CREATE VIEW app.v_constkey AS SELECT 1 AS pk_constkey FROM app.tb_user;
CREATE VIEW app.v_aggkey AS SELECT max(pk_user) AS pk_aggkey FROM app.tb_user;
CREATE VIEW app.v_unionkey AS SELECT pk_user AS pk_unionkey FROM app.tb_user UNION SELECT pk_post FROM app.tb_post;
CREATE VIEW app.v_valueskey AS VALUES (1), (2);
CREATE VIEW app.v_nullkey AS SELECT p.pk_post AS pk_nullkey, u.pk_user FROM app.tb_user u LEFT JOIN app.tb_post p ON p.fk_user = u.pk_user;
CREATE VIEW app.v_anynull AS SELECT pk_loose AS pk_anynull FROM app.tb_loose;
CREATE VIEW app.v_serieskey AS SELECT n AS pk_serieskey FROM generate_series(1, 3) n;
-- what changes without a change of a table
CREATE VIEW app.v_random AS SELECT pk_user AS pk_random, random() FROM app.tb_user;
CREATE VIEW app.v_nextval AS SELECT pk_user AS pk_nextval, nextval('app.s') FROM app.tb_user;
CREATE VIEW app.v_now AS SELECT pk_user AS pk_now, now() FROM app.tb_user;
CREATE VIEW app.v_date AS SELECT pk_user AS pk_date FROM app.tb_user WHERE current_date > '2000-01-01';
CREATE VIEW app.v_timestamp AS SELECT pk_user AS pk_timestamp, localtimestamp FROM app.tb_user;
CREATE VIEW app.v_clock AS SELECT pk_user AS pk_clock, clock_timestamp() FROM app.tb_user;
CREATE VIEW app.v_age AS SELECT pk_user AS pk_age, age('2020-01-01'::timestamp) FROM app.tb_user;
CREATE VIEW app.v_current_user AS SELECT pk_user AS pk_current_user FROM app.tb_user WHERE name = current_user;
CREATE VIEW app.v_session_user AS SELECT pk_user AS pk_session_user, session_user FROM app.tb_user;
CREATE VIEW app.v_setting AS SELECT pk_user AS pk_setting, current_setting('app.tenant', true) FROM app.tb_user;
CREATE VIEW app.v_pid AS SELECT pk_user AS pk_pid, pg_backend_pid() FROM app.tb_user;
CREATE VIEW app.v_snapshot AS SELECT pk_user AS pk_snapshot, txid_current_if_assigned() FROM app.tb_user;
CREATE VIEW app.v_inet AS SELECT pk_user AS pk_inet, inet_client_addr() FROM app.tb_user;
CREATE VIEW app.v_path AS SELECT pk_user AS pk_path, current_schemas(true) FROM app.tb_user;
CREATE VIEW app.v_priv AS SELECT pk_user AS pk_priv, has_table_privilege('app.tb_user', 'SELECT') FROM app.tb_user;
CREATE VIEW app.v_size AS SELECT pk_user AS pk_size, pg_table_size('app.tb_user') FROM app.tb_user;
CREATE VIEW app.v_query AS SELECT pk_user AS pk_query, query_to_xml('SELECT 1', true, true, '')::text FROM app.tb_user;
CREATE VIEW app.v_volatile AS SELECT pk_user AS pk_volatile, app.f_volatile() FROM app.tb_user;
CREATE VIEW app.v_stable AS SELECT pk_user AS pk_stable, app.f_stable(pk_user) FROM app.tb_user;
CREATE VIEW app.v_rows AS SELECT pk_user AS pk_rows, (SELECT max(n) FROM app.f_rows(pk_user) n) FROM app.tb_user;
CREATE VIEW app.v_operator AS SELECT pk_user AS pk_operator, (SELECT count(*) FROM app.tb_post p WHERE p.fk_user OPERATOR(app.===) u.pk_user) FROM app.tb_user u;
CREATE VIEW app.v_deep AS SELECT pk_user AS pk_deep, (SELECT jsonb_agg(x.t) FROM (SELECT CASE WHEN random() < 2 THEN title END AS t FROM app.tb_post p WHERE p.fk_user = u.pk_user ORDER BY 1) x) FROM app.tb_user u;
-- relations that cannot be followed
CREATE VIEW app.v_materialized AS SELECT pk_user AS pk_materialized FROM app.m_user;
CREATE VIEW app.v_foreign AS SELECT u.pk_user AS pk_foreign FROM app.tb_user u JOIN app.tb_file f ON f.pk = u.pk_user;
CREATE VIEW app.v_catalog AS SELECT u.pk_user AS pk_catalog, (SELECT count(*) FROM pg_class) FROM app.tb_user u;
CREATE VIEW app.v_tview AS SELECT u.pk_user AS pk_tview, (SELECT count(*) FROM tview.status) FROM app.tb_user u;
CREATE VIEW app.v_sequence AS SELECT u.pk_user AS pk_sequence, (SELECT last_value FROM app.s) FROM app.tb_user u;
CREATE VIEW app.v_system AS SELECT u.pk_user AS pk_system, u.xmin::text AS x FROM app.tb_user u;
CREATE VIEW app.v_ctid AS SELECT u.pk_user AS pk_ctid FROM app.tb_user u ORDER BY ctid;
CREATE VIEW app.v_sample AS SELECT u.pk_user AS pk_sample FROM app.tb_user u TABLESAMPLE SYSTEM (50);
CREATE VIEW app.v_update AS SELECT u.pk_user AS pk_update FROM app.tb_user u FOR UPDATE;
CREATE VIEW app.v_invoker WITH (security_invoker) AS SELECT u.pk_user AS pk_invoker FROM app.tb_user u;
CREATE VIEW app.v_recursive AS WITH RECURSIVE r(pk_recursive) AS (SELECT pk_user FROM app.tb_user UNION SELECT pk_recursive + 1 FROM r WHERE pk_recursive < 5) TABLE r;
CREATE VIEW app.v_systemname AS SELECT u.pk_user AS pk_systemname, u.name AS xmin FROM app.tb_user u;
-- and those that are fine
CREATE VIEW app.v_unlogged AS SELECT pk_unlogged FROM app.tb_unlogged;
CREATE VIEW app.v_immutable AS SELECT pk_user AS pk_immutable, app.f_immutable(pk_user), to_jsonb(u) AS data FROM app.tb_user u;
CREATE VIEW app.v_aggregate AS SELECT u.pk_user AS pk_aggregate, (SELECT app.a_sum(p.pk_post) FROM app.tb_post p WHERE p.fk_user = u.pk_user) FROM app.tb_user u;
CREATE VIEW app.v_unordered AS SELECT u.pk_user AS pk_unordered, (SELECT jsonb_agg(p.title) FROM app.tb_post p WHERE p.fk_user = u.pk_user) FROM app.tb_user u;
CREATE VIEW app.v_tableoid AS SELECT u.pk_user AS pk_tableoid, u.tableoid AS t FROM app.tb_user u;
-- several rows for a key: not proven, and an error once it is so
CREATE VIEW app.v_many AS SELECT u.pk_user AS pk_many, p.title FROM app.tb_user u JOIN app.tb_post p ON p.fk_user = u.pk_user;
CREATE VIEW app.v_notunique AS SELECT fk_user AS pk_notunique FROM app.tb_post;
CREATE VIEW app.not_for_import AS SELECT pk_user FROM app.tb_user;

IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT s.tview, s.key_proven, s.problem, s.warning FROM tview.status s ORDER BY s.tview::text;
SELECT chk.prepare();
SELECT * FROM chk.check_all('imported');

-- asked for by name, and by hand: an error
\set VERBOSITY verbose
\set SHOW_CONTEXT never
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_random) FROM SERVER tviews INTO app;
\set VERBOSITY default
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_immutable_not) FROM SERVER tviews INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (v_post) FROM SERVER tviews INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_nokey) FROM SERVER tviews INTO app;
IMPORT FOREIGN SCHEMA nowhere FROM SERVER tviews INTO app;
CREATE FOREIGN TABLE app.tv_now (pk_now int, now timestamptz) SERVER tviews OPTIONS (view 'app.v_now');
CREATE FOREIGN TABLE app.tv_stable (pk_stable int, f_stable bigint) SERVER tviews OPTIONS (view 'app.v_stable');
CREATE FOREIGN TABLE app.tv_materialized (pk_materialized int) SERVER tviews OPTIONS (view 'app.v_materialized');
CREATE FOREIGN TABLE app.tv_exprkey (pk_exprkey int) SERVER tviews OPTIONS (view 'app.v_exprkey');
CREATE VIEW pg_temp.v_temp AS SELECT * FROM tb_temp;
DO $$
BEGIN
	CREATE FOREIGN TABLE app.tv_temp (pk_temp int) SERVER tviews OPTIONS (view 'pg_temp.v_temp');
EXCEPTION WHEN feature_not_supported THEN
	RAISE NOTICE '%', regexp_replace(SQLERRM, 'pg_temp_[0-9]+', 'pg_temp', 'g');
END $$;
CREATE FOREIGN TABLE app.tv_table (pk_user int) SERVER tviews OPTIONS (view 'app.tb_user', key 'pk_user');
CREATE FOREIGN TABLE app.tv_none (pk_none int) SERVER tviews OPTIONS (view 'app.v_none');
CREATE FOREIGN TABLE app.tv_self (pk_self int) SERVER tviews OPTIONS (view 'app.tv_self');
SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relname IN ('tv_now', 'tv_stable', 'tv_temp', 'tv_none');

-- functions whose tables are named
CREATE FOREIGN TABLE app.tv_stable (pk_stable int, f_stable bigint) SERVER tviews OPTIONS (view 'app.v_stable', depends_on 'app.tb_post');
SELECT base_table, reached_by FROM tview.lineage WHERE tview = 'app.tv_stable'::regclass ORDER BY 1;
TABLE app.tv_stable;
INSERT INTO app.tb_post VALUES (1, 1, 'p1');
TABLE app.tv_stable;
CREATE FOREIGN TABLE app.tv_rows (pk_rows int, max int) SERVER tviews OPTIONS (view 'app.v_rows', depends_on 'app.tb_none');
CREATE FOREIGN TABLE app.tv_rows (pk_rows int, max int) SERVER tviews OPTIONS (view 'app.v_rows', depends_on 'app.v_now');
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_rows) FROM SERVER tviews INTO app OPTIONS (depends_on 'app.tb_post, app.tb_user', populate 'off');
SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'app.tv_rows'::regclass;
TABLE app.tv_rows;

-- a key that yields several rows
TABLE app.tv_many;
INSERT INTO app.tb_post VALUES (2, 1, 'p2');
SELECT * FROM app.tv_many ORDER BY 1, 2;
SELECT * FROM app.tv_many WHERE pk_many = 1 ORDER BY 2;
SELECT * FROM app.v_many ORDER BY 1, 2;
SELECT * FROM chk.check_all('several');
SELECT s.tview, s.problem FROM tview.status s WHERE problem IS NOT NULL;
DROP FOREIGN TABLE app.tv_many;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_many) FROM SERVER tviews INTO app;
CREATE FOREIGN TABLE app.tv_many (pk_many int, title text) SERVER tviews OPTIONS (view 'app.v_many');
DELETE FROM app.tb_post WHERE pk_post = 1;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_many) FROM SERVER tviews INTO app;
SELECT * FROM chk.check_all('one');
DROP TABLE tb_temp CASCADE;
DROP SERVER files CASCADE;
DROP EXTENSION file_fdw;
\set ECHO none
\i :end
