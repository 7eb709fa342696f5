-- proves that long values are stored in the form that the option compression names, and read as they are in the view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_page (pk_page int PRIMARY KEY, id uuid NOT NULL UNIQUE, words text, noise text, made bytea);
-- compressible, incompressible, short, NULL, and stored out of line in the base table
INSERT INTO app.tb_page SELECT n, md5('p' || n)::uuid, repeat('word ' || n || ' ', n * 40),
	(SELECT string_agg(md5(n || '-' || i), '') FROM generate_series(1, n * 10) i),
	CASE WHEN n % 3 = 0 THEN decode(repeat('ab', n * 500), 'hex') END
	FROM generate_series(1, 40) n;
ALTER TABLE app.tb_page ALTER noise SET STORAGE EXTERNAL;
INSERT INTO app.tb_page SELECT 100 + pk_page, md5('q' || pk_page)::uuid, words, noise, made FROM app.tb_page;
CREATE VIEW app.v_page AS SELECT pk_page, id, words, noise, made,
	jsonb_build_object('words', words, 'noise', noise, 'n', pk_page) AS data FROM app.tb_page;
CREATE FOREIGN TABLE app.tv_none (pk_page int, id uuid, words text, noise text, made bytea, data jsonb)
	SERVER tviews OPTIONS (view 'app.v_page', key 'pk_page', compression 'none');
CREATE FOREIGN TABLE app.tv_pglz (pk_page int, id uuid, words text, noise text, made bytea, data jsonb)
	SERVER tviews OPTIONS (view 'app.v_page', key 'pk_page', compression 'PGLZ');
CREATE FOREIGN TABLE app.tv_page (pk_page int, id uuid, words text, noise text, made bytea, data jsonb)
	SERVER tviews OPTIONS (view 'app.v_page');
CREATE FUNCTION chk.differences() RETURNS TABLE (tview text, n bigint) LANGUAGE sql AS $$
	SELECT 'none', count(*) FROM ((TABLE app.tv_none EXCEPT ALL TABLE app.v_page) UNION ALL (TABLE app.v_page EXCEPT ALL TABLE app.tv_none)) d
	UNION ALL
	SELECT 'pglz', count(*) FROM ((TABLE app.tv_pglz EXCEPT ALL TABLE app.v_page) UNION ALL (TABLE app.v_page EXCEPT ALL TABLE app.tv_pglz)) d
	UNION ALL
	SELECT 'page', count(*) FROM ((TABLE app.tv_page EXCEPT ALL TABLE app.v_page) UNION ALL (TABLE app.v_page EXCEPT ALL TABLE app.tv_page)) d
$$;
-- less than three quarters of what the values take otherwise
SELECT s.tview, s.rows, s.bytes * 4 < n.bytes * 3 AS small FROM tview.cache_stats s, tview.cache_stats n
	WHERE n.tview = 'app.tv_none'::regclass ORDER BY s.tview::text;
SELECT * FROM chk.differences();
SELECT count(*) FROM tview.status s, tview.verify(s.tview);
SELECT pg_column_compression(words), pg_column_compression(data), count(*) FROM app.tv_pglz WHERE pk_page >= 120 GROUP BY 1, 2;
SELECT t.data = v.data AND t.noise = v.noise AS same, t.data->>'n' AS n FROM app.tv_page t JOIN app.v_page v USING (pk_page) WHERE t.id = md5('q33')::uuid;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_page$$);
-- changes are stored likewise, and another option takes effect for what is stored from then on
UPDATE app.tb_page SET words = words || '!', noise = noise || 'x' WHERE pk_page % 2 = 0;
SELECT * FROM chk.differences();
ALTER FOREIGN TABLE app.tv_pglz OPTIONS (SET compression 'none');
SELECT tview.refresh('app.tv_pglz');
SELECT pg_column_compression(data), count(*) FROM app.tv_pglz WHERE pk_page >= 120 GROUP BY 1;
SELECT * FROM chk.differences();
ALTER FOREIGN TABLE app.tv_pglz OPTIONS (SET compression 'zip');
ALTER SERVER tviews OPTIONS (ADD compression 'none');
UPDATE app.tb_page SET words = words || '?';
SELECT * FROM chk.differences();
SELECT pg_column_compression(data), count(*) FROM app.tv_page GROUP BY 1;
\set ECHO none
\i :end
