-- proves that a role without special rights makes and reads TVIEWs, and which rights are asked for
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
CREATE ROLE regress_tview_owner;
CREATE ROLE regress_tview_reader;
CREATE ROLE regress_tview_writer;
CREATE SCHEMA own AUTHORIZATION regress_tview_owner;
CREATE TABLE app.tb_secret (pk_secret int PRIMARY KEY, name text);
INSERT INTO app.tb_secret VALUES (1, 'secret');
GRANT USAGE ON SCHEMA app TO regress_tview_owner;
SET ROLE regress_tview_owner;
CREATE TABLE own.tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE own.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES own.tb_user, title text);
INSERT INTO own.tb_user VALUES (1, 'one'), (2, 'two');
INSERT INTO own.tb_post VALUES (1, 1, 'p1'), (2, 1, 'p2');
CREATE VIEW own.v_post AS SELECT p.pk_post, p.fk_user, jsonb_build_object('title', p.title, 'by', u.name) AS data
	FROM own.tb_post p JOIN own.tb_user u ON u.pk_user = p.fk_user;
-- no right on the server, none to make one
IMPORT FOREIGN SCHEMA own FROM SERVER tviews INTO own;
CREATE SERVER mine FOREIGN DATA WRAPPER tview_fdw;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER tviews TO regress_tview_owner;
SET ROLE regress_tview_owner;
IMPORT FOREIGN SCHEMA own FROM SERVER tviews INTO own;
SELECT * FROM own.tv_post ORDER BY 1;
UPDATE own.tb_user SET name = 'uno' WHERE pk_user = 1;
SELECT data FROM own.tv_post WHERE pk_post = 1;
SELECT * FROM chk.plan($$SELECT data FROM own.tv_post WHERE pk_post = 2$$);
SELECT tview.reset('own.tv_post');
SELECT tview.refresh('own.tv_post');
SELECT * FROM tview.verify('own.tv_post');
SELECT tview.definition('own.tv_post') <> '' AS defined;
SELECT tview, rows FROM tview.cache_stats;
SELECT server, state FROM tview.store;
SELECT count(*) FROM tview.lineage;
ANALYZE own.tv_post;
ALTER TABLE own.tb_post ADD COLUMN more int;
TRUNCATE own.tb_post;
SELECT count(*) FROM own.tv_post;
INSERT INTO own.tb_post VALUES (3, 2, 'p3');
SELECT * FROM own.tv_post;
-- what the owner may not
SELECT tview.reset('tviews');
ALTER SERVER tviews OPTIONS (ADD sync 'on');
TABLE tview.tviews;
SELECT tview.mark_row();
CREATE TRIGGER t AFTER INSERT ON own.tb_user FOR EACH ROW EXECUTE FUNCTION tview.mark_row();
CREATE VIEW own.v_secret AS SELECT pk_secret, name FROM app.tb_secret;
IMPORT FOREIGN SCHEMA own LIMIT TO (tv_secret) FROM SERVER tviews INTO own;
CREATE FOREIGN TABLE own.tv_x (pk_secret int, name text) SERVER tviews OPTIONS (view 'app.v_secret', key 'pk_secret');
RESET ROLE;
-- reading the base is not enough, a trigger is put on it
GRANT SELECT ON app.tb_secret TO regress_tview_owner;
SET ROLE regress_tview_owner;
IMPORT FOREIGN SCHEMA own LIMIT TO (tv_secret) FROM SERVER tviews INTO own;
RESET ROLE;
GRANT TRIGGER ON app.tb_secret TO regress_tview_owner;
SET ROLE regress_tview_owner;
IMPORT FOREIGN SCHEMA own LIMIT TO (tv_secret) FROM SERVER tviews INTO own;
SELECT * FROM own.tv_secret;
RESET ROLE;
UPDATE app.tb_secret SET name = 'changed';
SELECT * FROM own.tv_secret;
-- rows are computed as the view's owner, whoever reads
REVOKE SELECT ON app.tb_secret FROM regress_tview_owner;
UPDATE app.tb_secret SET name = 'again';
SELECT * FROM own.v_secret;
SELECT * FROM own.tv_secret;
GRANT SELECT ON app.tb_secret TO regress_tview_owner;
SELECT * FROM own.tv_secret;
-- a reader needs rights on the TVIEW only
GRANT USAGE ON SCHEMA own TO regress_tview_reader, regress_tview_writer;
SET ROLE regress_tview_reader;
SELECT * FROM own.tv_post;
RESET ROLE;
GRANT SELECT ON own.tv_post TO regress_tview_reader;
SET ROLE regress_tview_reader;
SELECT * FROM own.tv_post;
SELECT * FROM own.v_post;
SELECT tview.refresh('own.tv_post');
SELECT tview.reset('own.tv_post');
SELECT * FROM tview.verify('own.tv_post');
SELECT tview.definition('own.tv_post') <> '' AS defined;
SELECT count(*) FROM tview.status;
RESET ROLE;
-- a writer needs rights on the base only, and computes nothing
GRANT SELECT, INSERT, UPDATE, DELETE ON own.tb_post TO regress_tview_writer;
SET ROLE regress_tview_writer;
INSERT INTO own.tb_post VALUES (4, 2, 'p4');
UPDATE own.tb_post SET title = 'p3 new' WHERE pk_post = 3;
SELECT * FROM own.tv_post;
RESET ROLE;
SELECT * FROM own.tv_post ORDER BY 1;
-- the owner changes
ALTER TABLE own.tb_user OWNER TO CURRENT_USER;
UPDATE own.tb_user SET name = 'owner';
SELECT * FROM own.tv_post ORDER BY 1;
GRANT SELECT ON own.tb_user TO regress_tview_owner;
SELECT * FROM own.tv_post ORDER BY 1;
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_tview_owner, regress_tview_reader, regress_tview_writer;
DROP ROLE regress_tview_owner, regress_tview_reader, regress_tview_writer;
\set ECHO none
\i :end
