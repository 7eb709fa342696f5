-- proves that what settles on a root's key empties the other rows that show this root, too, and no more than the row itself where a view shows no other
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set settle :srcdir '/sql/include/settle.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :settle
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_parent bigint, related int[], title text);
INSERT INTO app.tb_post SELECT n, NULLIF(n / 3, 0), ARRAY[n + 1, n + 5], 'title ' || n FROM generate_series(1, 30) n;
-- the post and nothing else; its parent; its answers; posts that it lists; both levels above it
CREATE VIEW app.v_post AS SELECT pk_post, title FROM app.tb_post;
CREATE VIEW app.v_answer AS SELECT p.pk_post AS pk_answer, p.title, q.title AS parent
	FROM app.tb_post p LEFT JOIN app.tb_post q ON q.pk_post = p.fk_parent;
CREATE VIEW app.v_thread AS SELECT p.pk_post AS pk_thread, p.title,
	(SELECT jsonb_agg(q.title ORDER BY q.pk_post) FROM app.tb_post q WHERE q.fk_parent = p.pk_post) AS answers FROM app.tb_post p;
CREATE VIEW app.v_related AS SELECT p.pk_post AS pk_related, p.title,
	(SELECT jsonb_agg(q.title ORDER BY q.pk_post) FROM app.tb_post q WHERE q.pk_post = ANY (p.related)) AS related FROM app.tb_post p;
CREATE VIEW app.v_above AS SELECT p.pk_post AS pk_above, p.title, (SELECT r.title FROM app.tb_post q JOIN app.tb_post r ON r.pk_post = q.fk_parent
	WHERE q.pk_post = p.fk_parent) AS above FROM app.tb_post p;
ANALYZE;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
CREATE VIEW chk.hollow AS SELECT tview, rows, hollow FROM tview.cache_stats ORDER BY tview::text;
CREATE VIEW chk.differences AS
	SELECT (SELECT count(*) FROM ((TABLE app.tv_post EXCEPT ALL TABLE app.v_post) UNION ALL (TABLE app.v_post EXCEPT ALL TABLE app.tv_post)) d) AS post,
		(SELECT count(*) FROM ((TABLE app.tv_answer EXCEPT ALL TABLE app.v_answer) UNION ALL (TABLE app.v_answer EXCEPT ALL TABLE app.tv_answer)) d) AS answer,
		(SELECT count(*) FROM ((TABLE app.tv_thread EXCEPT ALL TABLE app.v_thread) UNION ALL (TABLE app.v_thread EXCEPT ALL TABLE app.tv_thread)) d) AS thread,
		(SELECT count(*) FROM ((TABLE app.tv_related EXCEPT ALL TABLE app.v_related) UNION ALL (TABLE app.v_related EXCEPT ALL TABLE app.tv_related)) d) AS related,
		(SELECT count(*) FROM ((TABLE app.tv_above EXCEPT ALL TABLE app.v_above) UNION ALL (TABLE app.v_above EXCEPT ALL TABLE app.tv_above)) d) AS above;
-- a key that has gone makes readers settle
CREATE PROCEDURE chk.settle_all() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.tb_post VALUES (0);
	COMMIT;
	DELETE FROM app.tb_post WHERE pk_post = 0;
	COMMIT;
	CALL chk.settle();
END $$;
TABLE chk.differences;

-- a title that others show
UPDATE app.tb_post SET title = 'changed' WHERE pk_post = 3;
CALL chk.settle_all();
TABLE chk.hollow;
TABLE chk.differences;
TABLE chk.hollow;
-- another parent, another list
UPDATE app.tb_post SET fk_parent = 7, related = '{2}' WHERE pk_post = 9;
CALL chk.settle_all();
TABLE chk.hollow;
TABLE chk.differences;
UPDATE app.tb_post SET title = 'changed again' WHERE pk_post = 7;
CALL chk.settle_all();
TABLE chk.hollow;
TABLE chk.differences;
-- one goes, and comes back under the same key
DELETE FROM app.tb_post WHERE pk_post = 7;
CALL chk.settle_all();
TABLE chk.differences;
INSERT INTO app.tb_post VALUES (7, 1, '{1}', 'back');
CALL chk.settle_all();
TABLE chk.differences;
-- the key itself changes
UPDATE app.tb_post SET pk_post = 100 WHERE pk_post = 3;
CALL chk.settle_all();
TABLE chk.differences;
UPDATE app.tb_post SET title = 'under another key' WHERE pk_post = 100;
UPDATE app.tb_post SET fk_parent = 100 WHERE pk_post = 5;
CALL chk.settle_all();
TABLE chk.differences;
UPDATE app.tb_post SET title = 'and seen there' WHERE pk_post = 100;
CALL chk.settle_all();
TABLE chk.hollow;
TABLE chk.differences;
\set ECHO none
\i :end
