-- proves that a list of all rows of a table, joined with those that belong to the root, shows rows that belong to nobody
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, title text);
CREATE TABLE app.tb_tag (pk_tag int PRIMARY KEY, word text);
CREATE TABLE app.tb_post_tag (fk_post int REFERENCES app.tb_post, fk_tag int REFERENCES app.tb_tag, PRIMARY KEY (fk_post, fk_tag));
INSERT INTO app.tb_post SELECT n, 'post ' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_tag SELECT n, 'tag ' || n FROM generate_series(1, 3) n;
INSERT INTO app.tb_post_tag VALUES (1, 1), (1, 2), (2, 2);
-- a list of check boxes, written from either side
CREATE VIEW app.v_post AS
	SELECT p.pk_post, (SELECT jsonb_agg(jsonb_build_object('word', t.word, 'on', x.fk_tag IS NOT NULL) ORDER BY t.pk_tag)
		FROM app.tb_tag t LEFT JOIN app.tb_post_tag x ON x.fk_tag = t.pk_tag AND x.fk_post = p.pk_post) AS data
	FROM app.tb_post p;
CREATE VIEW app.v_right AS
	SELECT p.pk_post AS pk_right, (SELECT jsonb_agg(jsonb_build_object('word', t.word, 'on', x.fk_tag IS NOT NULL) ORDER BY t.pk_tag)
		FROM app.tb_post_tag x RIGHT JOIN app.tb_tag t ON t.pk_tag = x.fk_tag AND x.fk_post = p.pk_post) AS data
	FROM app.tb_post p;
CREATE VIEW app.v_full AS
	SELECT p.pk_post AS pk_full, (SELECT jsonb_agg(jsonb_build_object('word', t.word, 'on', x.fk_tag) ORDER BY t.pk_tag, x.fk_tag)
		FROM (SELECT * FROM app.tb_post_tag y WHERE y.fk_post = p.pk_post) x FULL JOIN app.tb_tag t ON t.pk_tag = x.fk_tag) AS data
	FROM app.tb_post p;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE VIEW chk.differences AS
	SELECT (SELECT count(*) FROM (TABLE app.v_post EXCEPT ALL TABLE app.tv_post) d) AS post,
		(SELECT count(*) FROM (TABLE app.v_right EXCEPT ALL TABLE app.tv_right) d) AS right,
		(SELECT count(*) FROM (TABLE app.v_full EXCEPT ALL TABLE app.tv_full) d) AS full;
SELECT * FROM chk.differences;
INSERT INTO app.tb_tag VALUES (4, 'of nobody');
SELECT * FROM chk.differences;
UPDATE app.tb_tag SET word = 'renamed' WHERE pk_tag = 3;
SELECT * FROM chk.differences;
INSERT INTO app.tb_post_tag VALUES (3, 3);
SELECT * FROM chk.differences;
UPDATE app.tb_tag SET word = 'used' WHERE pk_tag = 3;
SELECT * FROM chk.differences;
DELETE FROM app.tb_tag WHERE pk_tag = 4;
SELECT * FROM chk.differences;
UPDATE app.tb_post_tag SET fk_post = 4 WHERE fk_tag = 1;
SELECT * FROM chk.differences;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
