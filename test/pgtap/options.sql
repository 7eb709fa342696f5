-- proves that options are checked by the statement that sets them, each with its SQLSTATE
SET client_min_messages = warning;
BEGIN;
SELECT no_plan();
CREATE EXTENSION tview_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER tview_fdw;
CREATE SCHEMA app;
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, name text);
CREATE VIEW app.v_x AS SELECT pk_x, name FROM app.tb_x;
CREATE VIEW app.y AS SELECT pk_x, to_jsonb(name) AS data FROM app.tb_x;

CREATE FUNCTION pg_temp.server(option text, value text) RETURNS text LANGUAGE sql AS
	$$ SELECT format('CREATE SERVER t FOREIGN DATA WRAPPER tview_fdw OPTIONS (%I %L)', $1, $2) $$;
CREATE FUNCTION pg_temp.tab(option text, value text) RETURNS text LANGUAGE sql AS
	$$ SELECT format('CREATE FOREIGN TABLE app.tv_x (pk_x int, name text) SERVER s OPTIONS (view %L, %I %L)', 'app.v_x', $1, $2) $$;

-- values that are taken
SELECT lives_ok(format('%s; DROP SERVER t', pg_temp.server(o, v)), format('server: %s %L', o, v))
FROM (VALUES ('map_size', '1MB'), ('map_size', '1048576'), ('map_size', '1 MB'), ('map_size', '2GB'), ('map_size', '64TB'), ('mark_log_size', '64kB'), ('mark_log_size', '16GB'),
	('max_readers', '16'), ('max_readers', '65536'), ('sync', 'on'), ('sync', 'false'), ('sync', '1'), ('sync', 'no'), ('populate', 'off'), ('populate', 'TRUE'),
	('settings', 'session'), ('settings', 'pinned'), ('jsonb_as_json', 'on'), ('jsonb_as_json', 'false'), ('store_path', '/tmp')) x(o, v);
SELECT lives_ok(format('%s; DROP FOREIGN TABLE app.tv_x', pg_temp.tab(o, v)), format('table: %s %L', o, v))
FROM (VALUES ('key', 'pk_x'), ('populate', 'off'), ('settings', 'pinned'), ('depends_on', 'app.tb_x'), ('depends_on', 'app.tb_x, app."tb_x"')) x(o, v);

-- values that are not
SELECT throws_ok(pg_temp.server(o, v), s, NULL, format('server: %s %L is refused', o, v))
FROM (VALUES ('map_size', '', 'HV00A'), ('map_size', '0', 'HV024'), ('map_size', '1023kB', 'HV024'), ('map_size', '65TB', 'HV024'), ('map_size', '-1GB', 'HV00A'), ('map_size', '1XB', 'HV00A'),
	('map_size', 'large', 'HV00A'), ('map_size', '99999999999999999999', 'HV024'), ('map_size', '1e400', 'HV00A'), ('map_size', 'NaN', 'HV00A'),
	('mark_log_size', '63kB', 'HV024'), ('mark_log_size', '17GB', 'HV024'), ('mark_log_size', 'x', 'HV00A'),
	('max_readers', '15', 'HV024'), ('max_readers', '65537', 'HV024'), ('max_readers', '1.5', 'HV024'), ('max_readers', 'many', 'HV024'), ('max_readers', '', 'HV024'),
	('sync', 'maybe', 'HV00A'), ('sync', '', 'HV00A'), ('sync', '2', 'HV00A'), ('populate', 'later', 'HV00A'),
	('settings', 'local', 'HV024'), ('settings', '', 'HV024'), ('settings', 'Session ', 'HV024'), ('jsonb_as_json', 'always', 'HV00A'), ('jsonb_as_json', '', 'HV00A'),
	('store_path', 'relative/path', 'HV024'), ('store_path', '', 'HV024'), ('store_path', '/nowhere/at/all', '58P01'), ('store_path', '/etc/passwd', 'HV024'),
	('view', 'app.v_x', 'HV00D'), ('key', 'pk_x', 'HV00D'), ('depends_on', 'app.tb_x', 'HV00D'), ('host', 'localhost', 'HV00D'), ('MAP_SIZE', '1GB', 'HV00D')) x(o, v, s);
SELECT throws_ok(pg_temp.tab(o, v), s, NULL, format('table: %s %L is refused', o, v))
FROM (VALUES ('populate', 'later', 'HV00A'), ('settings', 'local', 'HV024'), ('key', '', 'HV024'), ('key', repeat('k', 64), 'HV024'), ('key', 'nope', 'HV005'), ('key', 'name', 'HV004'),
	('depends_on', '', 'HV024'), ('depends_on', 'app.nowhere', '42P01'), ('depends_on', 'app.v_x', '42809'), ('depends_on', 'a b', '42602'), ('depends_on', ',', '42602'),
	('map_size', '1GB', 'HV00D'), ('sync', 'on', 'HV00D'), ('store_path', '/tmp', 'HV00D'), ('jsonb_as_json', 'on', 'HV00D'), ('table', 'x', 'HV00D')) x(o, v, s);
SELECT throws_ok($$CREATE FOREIGN TABLE app.tv_x (pk_x int) SERVER s$$, 'HV00J', NULL, 'a table needs the option view');
SELECT throws_ok(format($$CREATE FOREIGN TABLE app.tv_x (pk_x int, name text) SERVER s OPTIONS (view %L)$$, v), s, NULL, format('view %L is refused', v))
FROM (VALUES ('', 'HV024'), ('a.b.c.d', 'HV024'), ('app.nowhere', '42P01'), ('nowhere.v_x', '3F000'), ('app.tb_x', '42809'), ('"app.v_x', '42602')) x(v, s);
SELECT throws_ok($$ALTER FOREIGN DATA WRAPPER tview_fdw OPTIONS (ADD x 'y')$$, 'HV00D', NULL, 'the wrapper takes no option');
SELECT throws_ok($$CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'x')$$, 'HV00D', NULL, 'a user mapping takes no option');

-- columns that are not the view's
SELECT throws_ok(format($$CREATE FOREIGN TABLE app.tv_x (%s) SERVER s OPTIONS (view 'app.v_x')$$, c), s, NULL, format('columns (%s) are refused', c))
FROM (VALUES ('pk_x int', 'HV021'), ('pk_x bigint, name text', 'HV021'), ('pk_x int, nom text', 'HV021'), ('pk_x int, name text, more int', 'HV021'), ('name text, pk_x int', 'HV021'), ('id int, name text', 'HV021')) x(c, s);

-- json stands over jsonb, and over nothing else
SELECT lives_ok($$CREATE FOREIGN TABLE app.tv_y (pk_x int, data json) SERVER s OPTIONS (view 'app.y', key 'pk_x')$$, 'json over jsonb');
SELECT lives_ok($$ALTER FOREIGN TABLE app.tv_y ALTER data TYPE jsonb$$, 'it becomes jsonb');
SELECT lives_ok($$ALTER FOREIGN TABLE app.tv_y ALTER data TYPE json$$, 'and json again');
SELECT throws_ok(format($$ALTER FOREIGN TABLE app.tv_y ALTER data TYPE %s$$, t), 'HV021', NULL, t || ' over jsonb is refused')
FROM unnest('{text,json[],jsonb[],bytea,jsonpath}'::text[]) t;
SELECT throws_ok($$CREATE FOREIGN TABLE app.tv_x (pk_x int, name json) SERVER s OPTIONS (view 'app.v_x')$$, 'HV021', NULL, 'json over text is refused');
DROP FOREIGN TABLE app.tv_y;

-- options that are changed
SELECT lives_ok($$ALTER SERVER s OPTIONS (ADD map_size '2MB', ADD sync 'on')$$, 'options are added');
SELECT throws_ok($$ALTER SERVER s OPTIONS (SET map_size '2')$$, 'HV024', NULL, 'a changed value is checked');
SELECT throws_ok($$ALTER SERVER s OPTIONS (ADD map_size '3MB')$$, '42710', NULL, 'an option is added once');
SELECT lives_ok($$ALTER SERVER s OPTIONS (DROP map_size, SET sync 'off')$$, 'options are dropped');
IMPORT FOREIGN SCHEMA app FROM SERVER s INTO app;
SELECT lives_ok($$ALTER FOREIGN TABLE app.tv_x OPTIONS (ADD settings 'pinned', ADD populate 'off')$$, 'options of a table are added');
SELECT throws_ok($$ALTER FOREIGN TABLE app.tv_x OPTIONS (DROP view)$$, 'HV00J', NULL, 'the view stays');
SELECT throws_ok($$ALTER FOREIGN TABLE app.tv_x OPTIONS (SET view 'app.nowhere')$$, '42P01', NULL, 'another view must exist');
SELECT throws_ok($$ALTER FOREIGN TABLE app.tv_x OPTIONS (SET key 'name')$$, 'HV004', NULL, 'another key must be an integer');
SELECT throws_ok($$IMPORT FOREIGN SCHEMA app FROM SERVER s INTO app OPTIONS (jsonb_as_json 'x')$$, 'HV00A', NULL, 'IMPORT checks its options');
SELECT throws_ok($$IMPORT FOREIGN SCHEMA app FROM SERVER s INTO app OPTIONS (x 'y')$$, 'HV00D', NULL, 'IMPORT refuses unknown options');
SELECT throws_ok($$IMPORT FOREIGN SCHEMA app LIMIT TO (tv_none) FROM SERVER s INTO app$$, '42P01', NULL, 'IMPORT refuses unknown tables');
SELECT throws_ok($$IMPORT FOREIGN SCHEMA nowhere FROM SERVER s INTO app$$, '3F000', NULL, 'IMPORT refuses unknown schemas');
SELECT throws_ok($$CREATE TEMP TABLE x (a int); CREATE FOREIGN TABLE pg_temp.tv_x (pk_x int, name text) SERVER s OPTIONS (view 'app.v_x')$$, NULL, NULL, 'a TVIEW is not temporary');

-- what may not be done to a TVIEW
SELECT throws_ok(q, s, NULL, q) FROM (VALUES
	($$ALTER FOREIGN TABLE app.tv_x ADD COLUMN more int$$, 'HV021'),
	($$ALTER FOREIGN TABLE app.tv_x DROP COLUMN pk_x$$, 'HV005'),
	($$ALTER FOREIGN TABLE app.tv_x ALTER COLUMN name TYPE varchar(3)$$, 'HV021'),
	($$ALTER FOREIGN TABLE app.tv_x RENAME COLUMN name TO nom$$, 'HV021'),
	($$INSERT INTO app.tv_x VALUES (1)$$, '0A000'), ($$UPDATE app.tv_x SET name = 'x'$$, '0A000'), ($$DELETE FROM app.tv_x$$, '0A000'), ($$TRUNCATE app.tv_x$$, '0A000'),
	($$SELECT ctid FROM app.tv_x$$, '0A000'), ($$CREATE INDEX ON app.tv_x (pk_x)$$, '42809'), ($$DROP VIEW app.v_x$$, '2BP01'), ($$DROP TABLE app.tv_x$$, '42809'),
	($$SELECT tview.refresh('app.v_x')$$, '42809'), ($$SELECT tview.verify('app.v_x')$$, '42809'), ($$SELECT tview.definition('app.v_x')$$, '42809'), ($$SELECT tview.reset('app.v_x')$$, '42704')) x(q, s);

-- a path needs a superuser, also to be kept
CREATE ROLE regress_tview_somebody;
GRANT USAGE ON FOREIGN DATA WRAPPER tview_fdw TO regress_tview_somebody;
SET ROLE regress_tview_somebody;
SELECT lives_ok($$CREATE SERVER own FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '2MB')$$, 'a role with USAGE on the wrapper makes a server');
SELECT throws_ok($$CREATE SERVER other FOREIGN DATA WRAPPER tview_fdw OPTIONS (store_path '/tmp')$$, '42501', NULL, 'and chooses no path');
SELECT throws_ok($$ALTER SERVER own OPTIONS (ADD store_path '/tmp')$$, '42501', NULL, 'not later either');
SELECT throws_ok($$ALTER SERVER s OPTIONS (ADD map_size '2MB')$$, '42501', NULL, 'and changes no server of others');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
