-- proves that a view that uses a row as a whole follows every column of it, also one that is added later
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, note text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int, title text, note text);
INSERT INTO app.tb_user VALUES (1, 'Ann', 'a'), (2, 'Bob', 'b');
INSERT INTO app.tb_post VALUES (1, 1, 'One', 'x'), (2, 2, 'Two', 'y');
CREATE VIEW app.v_post AS SELECT p.pk_post, to_jsonb(p) AS data, u AS author FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE VIEW chk.rows AS SELECT t.pk_post, t.data, t.author, t.data = v.data AND t.author = v.author AS same FROM app.tv_post t JOIN app.v_post v USING (pk_post);
SELECT * FROM chk.rows ORDER BY 1;
UPDATE app.tb_post SET note = 'changed' WHERE pk_post = 1;
SELECT * FROM chk.rows ORDER BY 1;
UPDATE app.tb_user SET note = 'changed' WHERE pk_user = 2;
SELECT * FROM chk.rows ORDER BY 1;
ALTER TABLE app.tb_post ADD COLUMN later int;
SELECT * FROM chk.rows ORDER BY 1;
UPDATE app.tb_post SET later = 7 WHERE pk_post = 2;
SELECT * FROM chk.rows ORDER BY 1;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
