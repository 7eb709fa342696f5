-- proves that a policy that asks who reads gives everybody his own rows through a TVIEW, as through its view, that without one rows are computed as the view's owner, and that a view that gets the option security_invoker is read with the rights of who reads
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE ROLE regress_tview_owner;
CREATE ROLE regress_tview_reader;
CREATE ROLE regress_tview_other;
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, owner name, title text);
INSERT INTO app.tb_post VALUES (1, 'regress_tview_owner', 'the owner''s'), (2, 'regress_tview_reader', 'the reader''s'), (3, 'nobody', 'nobody''s');
CREATE VIEW app.v_post AS SELECT p.pk_post, p.title FROM app.tb_post p;
ALTER VIEW app.v_post OWNER TO regress_tview_owner;
GRANT USAGE ON SCHEMA app TO regress_tview_owner, regress_tview_reader;
GRANT SELECT ON app.tb_post TO regress_tview_owner;
GRANT SELECT ON app.v_post TO regress_tview_reader;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
GRANT SELECT ON app.tv_post TO regress_tview_owner, regress_tview_reader;
ALTER TABLE app.tb_post ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.tb_post USING (owner = current_user);
SET ROLE regress_tview_owner;
SELECT * FROM app.v_post ORDER BY 1;
SELECT * FROM app.tv_post ORDER BY 1;
SET ROLE regress_tview_reader;
SELECT * FROM app.v_post ORDER BY 1;
SELECT * FROM app.tv_post ORDER BY 1;
SELECT * FROM app.tv_post WHERE pk_post IN (1, 2);
RESET ROLE;
SELECT count(*) FROM ((TABLE app.v_post EXCEPT ALL TABLE app.tv_post) UNION ALL (TABLE app.tv_post EXCEPT ALL TABLE app.v_post)) d;
ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY;
SET ROLE regress_tview_reader;
SELECT * FROM app.tv_post ORDER BY 1;
RESET ROLE;
-- who may read the TVIEW only, when its rows have to be computed
GRANT USAGE ON SCHEMA app TO regress_tview_other;
GRANT SELECT ON app.tv_post TO regress_tview_other;
UPDATE app.tb_post SET title = 'changed' WHERE pk_post = 2;
SET ROLE regress_tview_other;
SELECT * FROM app.tv_post WHERE pk_post = 2;
SELECT * FROM app.tv_post ORDER BY 1;
SELECT * FROM app.v_post;
RESET ROLE;
-- a view that was given the option since, and one that is behind another
CREATE VIEW app.v_title AS SELECT v.pk_post AS pk_title, v.title FROM app.v_post v;
ALTER VIEW app.v_title OWNER TO regress_tview_owner;
GRANT SELECT ON app.v_post TO regress_tview_owner;
GRANT SELECT ON app.v_title TO regress_tview_reader;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_title) FROM SERVER tviews INTO app;
GRANT SELECT ON app.tv_title TO regress_tview_reader;
SET client_min_messages = error;
ALTER VIEW app.v_post SET (security_invoker);
RESET client_min_messages;
SET ROLE regress_tview_reader;
SELECT * FROM app.v_post WHERE pk_post = 2;
SELECT * FROM app.tv_post WHERE pk_post = 2;
SELECT * FROM app.v_title WHERE pk_title = 2;
SELECT * FROM app.tv_title WHERE pk_title = 2;
SELECT count(*) FROM app.tv_title;
RESET ROLE;
GRANT SELECT ON app.tb_post TO regress_tview_reader;
SET ROLE regress_tview_reader;
SELECT * FROM app.tv_post WHERE pk_post = 2;
SELECT * FROM app.tv_title WHERE pk_title = 2;
RESET ROLE;
ALTER VIEW app.v_post RESET (security_invoker);
REVOKE SELECT ON app.tb_post FROM regress_tview_reader;
SET ROLE regress_tview_reader;
SELECT * FROM app.tv_post WHERE pk_post = 2;
SELECT * FROM app.tv_title WHERE pk_title = 2;
RESET ROLE;
\set ECHO none
SET client_min_messages = warning;
DROP OWNED BY regress_tview_owner, regress_tview_reader, regress_tview_other CASCADE;
DROP ROLE regress_tview_owner, regress_tview_reader, regress_tview_other;
\i :end
