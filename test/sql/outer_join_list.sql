-- proves that rows that belong to nobody are shown where the view shows them, and join when what they refer to comes
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
-- a chain whose middle is missing at first
CREATE TABLE app.tb_a (pk_a int PRIMARY KEY, fk_b int);
CREATE TABLE app.tb_b (pk_b int PRIMARY KEY, fk_c int);
CREATE TABLE app.tb_c (pk_c int PRIMARY KEY, name text);
INSERT INTO app.tb_a VALUES (1, 7), (2, NULL), (3, 8);
INSERT INTO app.tb_b VALUES (8, NULL);
CREATE VIEW app.v_a AS
	SELECT a.pk_a, c.name FROM app.tb_a a JOIN app.tb_b b ON b.pk_b = a.fk_b JOIN app.tb_c c ON c.pk_c = b.fk_c;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_a) FROM SERVER tviews INTO app;
CREATE VIEW chk.chain AS SELECT (SELECT count(*) FROM app.tv_a) AS tv, (SELECT count(*) FROM app.v_a) AS v,
	(SELECT count(*) FROM app.tv_a WHERE pk_a = 1) AS by_key;
SELECT * FROM chk.chain;
INSERT INTO app.tb_c VALUES (9, 'nine');
SELECT * FROM chk.chain;
INSERT INTO app.tb_b VALUES (7, 9);
SELECT * FROM chk.chain;
UPDATE app.tb_b SET fk_c = 9 WHERE pk_b = 8;
SELECT * FROM chk.chain;
UPDATE app.tb_a SET fk_b = 8 WHERE pk_a = 2;
SELECT * FROM chk.chain;
DELETE FROM app.tb_b WHERE pk_b = 7;
SELECT * FROM chk.chain;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
