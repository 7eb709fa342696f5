-- proves that a reader's names do not decide what functions of a view do as its owner, nor what is stored
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE ROLE regress_tview_trapper;
CREATE SCHEMA chk_trap AUTHORIZATION regress_tview_trapper;
CREATE FUNCTION public.adorn(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'public ' || x $$;
CREATE FUNCTION app.say(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN adorn(x); END $$;
CREATE FUNCTION app.say_stable(x text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN adorn(x); END $$;
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO app.tb_user VALUES (1, 'one'), (2, 'two');
CREATE VIEW app.v_user AS SELECT pk_user, app.say(name) AS said FROM app.tb_user;
CREATE VIEW app.v_stable AS SELECT pk_user AS pk_stable, app.say_stable(name) AS said FROM app.tb_user;
CREATE VIEW app.v_open AS SELECT pk_user AS pk_open, app.say_stable(name) AS said FROM app.tb_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app OPTIONS (depends_on 'app.tb_user');
GRANT USAGE ON SCHEMA app TO regress_tview_trapper;
GRANT SELECT ON app.tv_user, app.tv_stable, app.tv_open, app.v_open TO regress_tview_trapper;
UPDATE app.tb_user SET name = 'uno' WHERE pk_user = 1;
SET ROLE regress_tview_trapper;
SET search_path = chk_trap;
CREATE FUNCTION chk_trap.adorn(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'trap, by ' || current_user; END $$;
-- stale rows, and the view in place of the store
SELECT * FROM app.tv_user ORDER BY 1;
SELECT * FROM app.tv_stable ORDER BY 1;
-- who may read the view gets what it gives: its functions run as the reader
SELECT * FROM app.v_open ORDER BY 1;
SELECT * FROM app.tv_open ORDER BY 1;
RESET search_path;
RESET ROLE;
SELECT * FROM app.tv_user ORDER BY 1;
SELECT * FROM app.tv_stable ORDER BY 1;
SELECT * FROM app.tv_open ORDER BY 1;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
SET client_min_messages = error;
DROP SCHEMA chk_trap CASCADE;
DROP FUNCTION public.adorn;
DROP OWNED BY regress_tview_trapper;
DROP ROLE regress_tview_trapper;
\set ECHO none
\i :end
