-- proves that what names and text mean in a session, and what changes that, reaches the rows of a TVIEW
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
-- rows that the TVIEW has and the view has not, and the other way round
CREATE FUNCTION chk.differ(x text, OUT more bigint, OUT fewer bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT t::text FROM app.tv_%1$s t EXCEPT ALL SELECT v::text FROM app.v_%1$s v) d', x) INTO more;
	EXECUTE format('SELECT count(*) FROM (SELECT v::text FROM app.v_%1$s v EXCEPT ALL SELECT t::text FROM app.tv_%1$s t) d', x) INTO fewer;
END $$;
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, list text, said text, made timestamptz, thing regclass);
CREATE TABLE app.tb_thing (a int);
INSERT INTO app.tb_user SELECT n, 'u' || n, '{1,NULL}', '2026-01-01 00:00 EST', '2026-01-01 00:00+00', 'app.tb_thing' FROM generate_series(1, 700) n;
CREATE VIEW app.v_quoted AS SELECT pk_user AS pk_quoted, quote_ident(name) AS q, format('%I', name) AS f FROM app.tb_user;
CREATE VIEW app.v_list AS SELECT pk_user AS pk_list, list::text[] AS list FROM app.tb_user;
CREATE VIEW app.v_said AS SELECT pk_user AS pk_said, said::timestamptz AS said FROM app.tb_user;
CREATE VIEW app.v_zone AS SELECT pk_user AS pk_zone, made AT TIME ZONE 'EST' AS made FROM app.tb_user;
CREATE VIEW app.v_thing AS SELECT pk_user AS pk_thing, thing::text AS thing, jsonb_build_object('t', thing) AS data FROM app.tb_user WHERE pk_user < 5;
CREATE VIEW app.v_made AS SELECT pk_user AS pk_made, to_jsonb(made) AS made FROM app.tb_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT s.tview, ARRAY(SELECT split_part(x, '=', 1) FROM unnest(s.settings) x) AS settings FROM tview.status s ORDER BY s.tview::text;
-- settings
SET quote_all_identifiers = on;
SELECT * FROM app.tv_quoted WHERE pk_quoted = 1;
SELECT x, d.* FROM unnest('{quoted,thing}'::text[]) x, chk.differ(x) d;
RESET quote_all_identifiers;
SET array_nulls = off;
SELECT * FROM app.tv_list WHERE pk_list = 1;
SELECT * FROM chk.differ('list');
RESET array_nulls;
SET timezone_abbreviations = 'Australia';
SELECT x, d.* FROM unnest('{said,zone}'::text[]) x, chk.differ(x) d;
RESET timezone_abbreviations;
SELECT x, d.* FROM unnest('{quoted,list,said,zone,thing}'::text[]) x, chk.differ(x) d;
-- a setting that changes while a cursor is open
BEGIN;
DECLARE t CURSOR FOR SELECT * FROM app.tv_made ORDER BY pk_made;
DECLARE v CURSOR FOR SELECT * FROM app.v_made ORDER BY pk_made;
FETCH t;
FETCH v;
SET LOCAL TimeZone = 'Asia/Tokyo';
MOVE 600 t;
MOVE 600 v;
FETCH t;
FETCH v;
COMMIT;
-- ... and rows are computed: they are not stored as the other setting makes them
UPDATE app.tb_user SET made = made + interval '1 hour' WHERE pk_user > 100;
BEGIN;
DECLARE t CURSOR FOR SELECT * FROM app.tv_made ORDER BY pk_made;
FETCH t;
SET LOCAL TimeZone = 'Asia/Tokyo';
MOVE 600 t;
FETCH t;
COMMIT;
SELECT * FROM chk.differ('made');
SELECT tview.reset('app.tv_made');
BEGIN;
DECLARE t CURSOR FOR SELECT * FROM app.tv_made ORDER BY pk_made;
FETCH t;
SET LOCAL TimeZone = 'Asia/Tokyo';
MOVE ALL t;
COMMIT;
SELECT * FROM chk.differ('made');
SELECT count(*) FROM (SELECT set_config('TimeZone', 'Asia/Tokyo', false), t.made FROM app.tv_made t) x;
RESET TimeZone;
SELECT * FROM chk.differ('made');
-- the names of objects that rows have as text
ALTER TABLE app.tb_thing RENAME TO tb_other;
SELECT * FROM app.tv_thing WHERE pk_thing = 1;
SELECT * FROM chk.differ('thing');
CREATE SCHEMA chk_far;
ALTER TABLE app.tb_other SET SCHEMA chk_far;
SELECT * FROM chk.differ('thing');
ALTER SCHEMA chk_far RENAME TO chk_farther;
SELECT * FROM app.tv_thing WHERE pk_thing = 1;
SELECT * FROM chk.differ('thing');
-- one that hides another, for a while
CREATE TABLE public.tb_seen (pk_seen int PRIMARY KEY);
INSERT INTO public.tb_seen VALUES (1);
CREATE VIEW app.v_seen AS SELECT pk_seen, tableoid::regclass::text AS shown FROM public.tb_seen;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_seen) FROM SERVER tviews INTO app;
TABLE app.tv_seen;
SET client_min_messages = error;
DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I CREATE TABLE tb_seen (a int)', current_user); END $$;
TABLE app.tv_seen;
SELECT * FROM chk.differ('seen');
-- "$user" is another schema for another user
CREATE ROLE regress_tview_seer;
GRANT USAGE ON SCHEMA app, chk, public TO regress_tview_seer;
GRANT SELECT ON app.tv_seen, app.v_seen TO regress_tview_seer;
SET ROLE regress_tview_seer;
TABLE app.tv_seen;
SELECT * FROM chk.differ('seen');
RESET ROLE;
DO $$ BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', current_user); END $$;
CREATE SCHEMA regress_tview_seer CREATE TABLE tb_seen (a int);
GRANT USAGE ON SCHEMA regress_tview_seer TO regress_tview_seer;
TABLE app.tv_seen;
SET ROLE regress_tview_seer;
TABLE app.tv_seen;
SELECT * FROM chk.differ('seen');
RESET ROLE;
RESET client_min_messages;
CREATE TEMP TABLE tb_seen (a int);
TABLE app.tv_seen;
SELECT * FROM chk.differ('seen');
DROP TABLE tb_seen;
TABLE app.tv_seen;
-- dropped
CREATE TABLE app.tb_gone (a int);
UPDATE app.tb_user SET thing = 'app.tb_gone' WHERE pk_user = 1;
SELECT * FROM app.tv_thing WHERE pk_thing = 1;
DROP TABLE app.tb_gone;
SELECT thing ~ '^[0-9]+$' AS number FROM app.tv_thing WHERE pk_thing = 1;
SELECT * FROM chk.differ('thing');
-- temporary tables before those that a function names
\c -
CREATE TABLE public.tb_word (k int, w text);
INSERT INTO public.tb_word VALUES (1, 'real'), (2, 'real');
CREATE FUNCTION app.word(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT w FROM tb_word WHERE k = $1';
CREATE VIEW app.v_word AS SELECT pk_user AS pk_word, name, app.word(pk_user) AS word FROM app.tb_user WHERE pk_user < 3;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_word) FROM SERVER tviews INTO app OPTIONS (depends_on 'public.tb_word');
CREATE TEMP TABLE tb_word AS SELECT k, 'own' AS w FROM public.tb_word;
UPDATE app.tb_user SET name = 'new' WHERE pk_user = 2;
SELECT * FROM app.tv_word ORDER BY 1;
SELECT * FROM chk.differ('word');
SELECT * FROM chk.plan($$SELECT * FROM app.tv_word$$);
\c -
SELECT * FROM app.tv_word ORDER BY 1;
SELECT * FROM chk.differ('word');
SET client_min_messages = error;
DROP SCHEMA chk_farther, regress_tview_seer CASCADE;
DROP OWNED BY regress_tview_seer;
DROP ROLE regress_tview_seer;
DROP TABLE public.tb_seen, public.tb_word CASCADE;
\set ECHO none
\i :end
