-- proves that a view whose functions look names up is computed under the search_path that was recorded, whoever computes it
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE SCHEMA chk_trap;
CREATE FUNCTION public.adorn(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'public ' || x $$;
CREATE FUNCTION chk_trap.adorn(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'trap ' || x $$;
-- the name in its body means what the search_path of the moment says: STABLE
CREATE FUNCTION app.say(x text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN adorn(x); END $$;
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO app.tb_user VALUES (1, 'one'), (2, 'two');
CREATE VIEW app.v_user AS SELECT u.pk_user, jsonb_build_object('said', app.say(u.name)) AS data FROM app.tb_user u;
-- a function that sets the path itself depends on no session's
CREATE FUNCTION app.say_own(x text) RETURNS text LANGUAGE plpgsql STABLE SET search_path = public AS $$ BEGIN RETURN adorn(x); END $$;
CREATE VIEW app.v_own AS SELECT u.pk_user AS pk_own, jsonb_build_object('said', app.say_own(u.name)) AS data FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app OPTIONS (depends_on 'app.tb_user');
CREATE SERVER pinned FOREIGN DATA WRAPPER tview_fdw OPTIONS (settings 'pinned');
CREATE SCHEMA chk_pin;
IMPORT FOREIGN SCHEMA app FROM SERVER pinned INTO chk_pin OPTIONS (depends_on 'app.tb_user');
CREATE VIEW chk.seen AS
	SELECT pk_user, v.data ->> 'said' AS view, t.data ->> 'said' AS session, p.data ->> 'said' AS pinned
	FROM app.v_user v FULL JOIN app.tv_user t USING (pk_user) FULL JOIN chk_pin.tv_user p USING (pk_user);
CREATE VIEW chk.own AS
	SELECT pk_own, v.data ->> 'said' AS view, t.data ->> 'said' AS tview FROM app.v_own v FULL JOIN app.tv_own t USING (pk_own);
SELECT s.tview, array_length(s.settings, 1) AS settings, s.settings::text ~ 'search_path' AS path FROM tview.status s ORDER BY s.tview::text;
SELECT * FROM chk.seen ORDER BY pk_user;
-- a session with another path computes one row, and fills both TVIEWs anew
SET search_path = chk_trap;
UPDATE app.tb_user SET name = 'uno' WHERE pk_user = 1;
SELECT * FROM chk.seen ORDER BY pk_user;
SELECT * FROM chk.own ORDER BY pk_own;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_own$$);
SELECT * FROM chk.plan($$SELECT * FROM app.tv_user$$);
SELECT data ->> 'said' AS by_key FROM chk_pin.tv_user WHERE pk_user = 1;
RESET search_path;
SELECT * FROM chk.seen ORDER BY pk_user;
SET search_path = chk_trap;
SELECT tview.reset('app.tv_user'), tview.reset('chk_pin.tv_user');
SELECT * FROM chk.seen ORDER BY pk_user;
SELECT tview.refresh('chk_pin.tv_user');
SELECT * FROM chk.seen ORDER BY pk_user;
RESET search_path;
SELECT * FROM chk.seen ORDER BY pk_user;
SELECT * FROM tview.verify('app.tv_user');
SELECT * FROM tview.verify('chk_pin.tv_user');
\set ECHO none
\i :end
SET client_min_messages = error;
DROP SCHEMA chk_trap, chk_pin CASCADE;
DROP FUNCTION public.adorn;
