-- proves that sessions with other output settings get what the view gives them, or what was agreed on
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
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, made timestamptz, plain timestamp, span interval, part float8, raw bytea, price money);
INSERT INTO app.tb_user VALUES (1, 'one', '2026-01-02 03:04:05+00', '2026-01-02 03:04:05', '1 day 02:03:04', 0.1::float8 + 0.2::float8, '\x00ff', 3),
	(2, 'two', '2026-07-02 03:04:05+00', '2026-07-02 03:04:05', '-1 mon', 1e100, '\x41', 4.5);
CREATE VIEW app.v_user AS SELECT u.pk_user, u.name, jsonb_build_object('name', u.name) AS data FROM app.tb_user u;
CREATE VIEW app.v_zone AS SELECT u.pk_user AS pk_zone, jsonb_build_object('made', u.made) AS data FROM app.tb_user u;
CREATE VIEW app.v_raw AS SELECT u.pk_user AS pk_raw, u.made, u.span, u.part, u.raw FROM app.tb_user u;
CREATE VIEW app.v_text AS SELECT u.pk_user AS pk_text, u.made::text, u.plain::text AS plain, u.span::text AS span, u.part::text AS part, u.raw::text AS raw FROM app.tb_user u;
CREATE VIEW app.v_all AS SELECT u.pk_user AS pk_all, to_jsonb(u) AS data FROM app.tb_user u;
CREATE VIEW app.v_keys AS SELECT u.pk_user AS pk_keys, (SELECT jsonb_object_agg(x.name, x.made ORDER BY x.pk_user) FROM app.tb_user x) AS data FROM app.tb_user u;
CREATE VIEW app.v_day AS SELECT u.pk_user AS pk_day, u.made::date AS day FROM app.tb_user u WHERE u.made >= timestamptz '2026-01-01 00:00:00+00';
CREATE VIEW app.v_format AS SELECT u.pk_user AS pk_format, to_char(u.made, 'YYYY-MM-DD HH24') AS f, date_trunc('day', u.made) AS d, extract(hour FROM u.made) AS h FROM app.tb_user u;
CREATE VIEW app.v_search AS SELECT u.pk_user AS pk_search, to_tsvector(u.name)::text AS words FROM app.tb_user u;
CREATE VIEW app.v_cash AS SELECT u.pk_user AS pk_cash, u.price::text AS price FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE SERVER pinned FOREIGN DATA WRAPPER tview_fdw OPTIONS (settings 'pinned');
CREATE SCHEMA pin;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_zone, tv_all, tv_text) FROM SERVER pinned INTO pin;
SELECT chk.prepare();
-- which settings each view depends on
SELECT s.tview, ARRAY(SELECT regexp_replace(x, '[^a-z_].*', '', 'i') FROM unnest(s.settings) x) AS settings FROM tview.status s ORDER BY s.tview::text;

CREATE FUNCTION chk.look_all() RETURNS TABLE (tview text, served numeric, bypass text) LANGUAGE plpgsql AS $$
BEGIN
	FOR tview IN SELECT s.tview::text FROM tview.status s ORDER BY 1 LOOP
		SELECT l.served, l.bypass INTO served, bypass FROM chk.look('SELECT * FROM ' || tview) l;
		RETURN NEXT;
	END LOOP;
END $$;
\pset null '-'
SELECT * FROM chk.look_all();
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM chk.look_all();
SELECT * FROM chk.check_all('TimeZone', false, 'app.%');
SELECT t.data, v.data FROM app.tv_zone t JOIN app.v_zone v ON v.pk_zone = t.pk_zone WHERE t.pk_zone = 1;
-- pinned: the same document for everybody
SELECT data FROM pin.tv_zone WHERE pk_zone = 1;
UPDATE app.tb_user SET made = made + interval '1 hour' WHERE pk_user = 1;
SELECT data FROM pin.tv_zone WHERE pk_zone = 1;
SELECT * FROM chk.check_all('TimeZone, changed', false, 'app.%');
RESET TimeZone;
SELECT data FROM pin.tv_zone WHERE pk_zone = 1;
SELECT * FROM chk.check_all('TimeZone again');
SET DateStyle = 'SQL, DMY';
SELECT * FROM chk.look_all();
SELECT * FROM chk.check_all('DateStyle', false, 'app.%');
RESET DateStyle;
SET IntervalStyle = 'iso_8601';
SELECT tview, bypass FROM chk.look_all() WHERE bypass IS NOT NULL;
SELECT * FROM chk.check_all('IntervalStyle', false, 'app.%');
RESET IntervalStyle;
SET extra_float_digits = 0;
SELECT tview, bypass FROM chk.look_all() WHERE bypass IS NOT NULL;
SELECT * FROM chk.check_all('extra_float_digits 0', false, 'app.%');
SET extra_float_digits = 3;
SELECT tview, bypass FROM chk.look_all() WHERE bypass IS NOT NULL;
SELECT * FROM chk.check_all('extra_float_digits 3', false, 'app.%');
RESET extra_float_digits;
SET bytea_output = 'escape';
SELECT tview, bypass FROM chk.look_all() WHERE bypass IS NOT NULL;
SELECT * FROM chk.check_all('bytea_output', false, 'app.%');
RESET bytea_output;
SET default_text_search_config = 'pg_catalog.simple';
SELECT tview, bypass FROM chk.look_all() WHERE bypass IS NOT NULL;
SELECT * FROM chk.check_all('text search', false, 'app.%');
RESET default_text_search_config;
-- settings of a function, of a transaction; a search_path that leads elsewhere
CREATE SCHEMA trap;
CREATE TABLE trap.tb_user (pk_user int, name text);
CREATE FUNCTION trap.jsonb_build_object(VARIADIC "any") RETURNS jsonb LANGUAGE internal STABLE AS 'jsonb_build_array';
SET search_path = trap, pg_catalog;
UPDATE app.tb_user SET name = 'path' WHERE pk_user = 1;
SELECT data FROM app.tv_user WHERE pk_user = 1;
SELECT * FROM chk.check_all('search_path', false, 'app.%');
RESET search_path;
CREATE FUNCTION chk.elsewhere() RETURNS TABLE (bypass text, data jsonb) LANGUAGE sql SET TimeZone = 'Asia/Tokyo' AS
	$$ SELECT l.bypass, t.data FROM chk.look('SELECT * FROM app.tv_zone') l, app.tv_zone t WHERE pk_zone = 2 $$;
SELECT * FROM chk.elsewhere();
SELECT data FROM app.tv_zone WHERE pk_zone = 2;
BEGIN;
SET LOCAL TimeZone = 'UTC';
DECLARE c CURSOR FOR SELECT data FROM app.tv_zone ORDER BY pk_zone;
FETCH 1 FROM c;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT * FROM chk.check_all('local', false, 'app.%');
COMMIT;
-- what is stored meanwhile is the default's
SET TimeZone = 'Asia/Tokyo';
SELECT tview.reset('app.tv_zone');
SELECT count(*) FROM app.tv_zone;
SELECT tview.refresh('app.tv_zone');
RESET TimeZone;
SELECT tview.refresh('app.tv_zone');
SELECT * FROM chk.look('SELECT * FROM app.tv_zone');
SELECT * FROM chk.check_all('stored under another zone', false, 'app.%');
ALTER FOREIGN TABLE app.tv_zone OPTIONS (ADD settings 'pinned');
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM chk.look('SELECT * FROM app.tv_zone');
ALTER FOREIGN TABLE app.tv_zone OPTIONS (SET settings 'session');
SELECT * FROM chk.look('SELECT * FROM app.tv_zone');
RESET TimeZone;
SELECT * FROM chk.look('SELECT * FROM app.tv_zone');
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
SET client_min_messages = warning;
DROP SCHEMA pin, trap CASCADE;
\set ECHO none
\i :end
