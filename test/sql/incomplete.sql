-- proves that a TVIEW of which only some rows are stored gives all of them, whatever it is asked for first
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE, slug text UNIQUE, fk_user int, title text);
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 'slug' || n, n % 4, 'title ' || n FROM generate_series(1, 20) n;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.id, p.slug, p.fk_user, jsonb_build_object('title', p.title) AS data FROM app.tb_post p;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;

-- Empties the TVIEW and stores one row of those that are sought (4 is a row of
-- fk_user 0), or none, before each question; returns what differs.
CREATE FUNCTION chk.ask(condition text, stored int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM tview.reset('app.tv_post');
	PERFORM FROM app.tv_post WHERE pk_post = stored;
	EXECUTE format('SELECT count(*) FROM ((SELECT * FROM app.v_post WHERE %1$s EXCEPT ALL SELECT * FROM app.tv_post WHERE %1$s)
		UNION ALL (SELECT * FROM app.tv_post WHERE %1$s EXCEPT ALL SELECT * FROM app.v_post WHERE %1$s)) d', condition) INTO n;
	RETURN n;
END $$;
SELECT condition, array_agg(chk.ask(condition, stored) ORDER BY stored) AS differ
FROM unnest(ARRAY[-1, 4, 5]) stored, (VALUES
	(1, 'pk_post = 4'), (2, 'pk_post = 400'), (3, 'pk_post IN (4, 5, 400)'), (4, 'pk_post BETWEEN 3 AND 6'), (5, 'true'),
	(6, 'id = md5(''p4'')::uuid'), (7, 'id = md5(''none'')::uuid'), (8, 'id IN (md5(''p4'')::uuid, md5(''p5'')::uuid)'),
	(9, 'slug = ''slug4'''), (10, 'slug IN (''slug4'', ''slug6'')'), (11, 'fk_user = 0'), (12, 'fk_user IN (0, 1)'), (13, 'fk_user = 9'),
	(14, 'fk_user = 0 AND pk_post < 9'), (15, 'id = md5(''p4'')::uuid AND fk_user = 1')) c(n, condition)
GROUP BY n, condition ORDER BY n;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
