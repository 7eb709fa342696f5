-- proves that conditions, orders and joins are answered by the store as by the view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL UNIQUE, name text, code smallint);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user int NOT NULL REFERENCES app.tb_user,
	fk_wide bigint, slug varchar(20) UNIQUE, title text, made date, draft bool NOT NULL DEFAULT false);
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'u' || n, n FROM generate_series(1, 10) n;
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 1 + n % 10, nullif(n % 5, 0), 's-' || n, 't' || n, date '2026-01-01' + n % 9, n % 20 = 0
FROM generate_series(1, 200) n;
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.id, p.fk_user, p.fk_wide, p.slug, p.made, u.code, jsonb_build_object('title', p.title, 'author', u.name, 'n', p.pk_post) AS data
	FROM app.tb_post p JOIN app.tb_user u ON u.pk_user = p.fk_user WHERE NOT p.draft;
CREATE VIEW app.v_user AS SELECT u.pk_user, u.id, u.name, u.code FROM app.tb_user u;
ANALYZE;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- the same query over the TVIEWs and over the views: prints the plan's conditions and what differs
CREATE FUNCTION chk.same(query text, VARIADIC args text[] DEFAULT '{}')
RETURNS TABLE (store text, cond text, filter text, rows bigint, differ bigint) LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
	a text := regexp_replace(query, '@(post|user)', 'app.tv_\1', 'g');
	b text := regexp_replace(query, '@(post|user)', 'app.v_\1', 'g');
BEGIN
	EXECUTE 'EXPLAIN (VERBOSE false, FORMAT JSON, COSTS OFF) ' || a INTO doc;
	EXECUTE format('WITH a AS MATERIALIZED (%s), b AS MATERIALIZED (%s) SELECT (SELECT count(*) FROM a),
		(SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d)', a, b) INTO rows, differ;
	SELECT string_agg(n ->> 'Store', '; '), string_agg(n ->> 'Store Cond', '; '), string_agg(n ->> 'Filter', '; ')
	INTO store, cond, filter FROM jsonb_path_query(doc, 'strict $.** ? (@."Node Type" == "Foreign Scan")') n;
	RETURN NEXT;
END $$;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
\pset null '-'
SELECT q.n, s.* FROM (VALUES
	(1, 'SELECT * FROM @post WHERE pk_post = 7'),
	(2, 'SELECT * FROM @post WHERE 7 = pk_post'),
	(3, 'SELECT * FROM @post WHERE pk_post = 7::bigint'),
	(4, 'SELECT * FROM @post WHERE pk_post = 7::smallint'),
	(5, 'SELECT * FROM @post WHERE pk_post = 70000000000'),
	(6, 'SELECT * FROM @post WHERE pk_post = 7.0'),
	(7, 'SELECT * FROM @post WHERE pk_post = (SELECT 6 + 1)'),
	(8, 'SELECT * FROM @post WHERE pk_post = NULL::int'),
	(9, 'SELECT * FROM @post WHERE pk_post IS NULL'),
	(10, 'SELECT * FROM @post WHERE pk_post IN (1, 2, 20, 500)'),
	(11, 'SELECT * FROM @post WHERE pk_post = ANY (ARRAY[3, NULL, 3, 4]::bigint[])'),
	(12, 'SELECT * FROM @post WHERE pk_post = ANY (''{}'')'),
	(13, 'SELECT * FROM @post WHERE pk_post = ANY (NULL::int[])'),
	(14, 'SELECT * FROM @post WHERE pk_post = ANY (ARRAY(SELECT code FROM app.tb_user WHERE pk_user < 4))'),
	(15, 'SELECT * FROM @post WHERE pk_post <> ALL (''{1,2,3}'')'),
	(16, 'SELECT * FROM @post WHERE pk_post > 100 AND pk_post <= 105'),
	(17, 'SELECT * FROM @post WHERE pk_post > 100 AND pk_post > 150 AND pk_post < 170::bigint AND 155 >= pk_post'),
	(18, 'SELECT * FROM @post WHERE pk_post > 10 AND pk_post < 5'),
	(19, 'SELECT * FROM @post WHERE pk_post < -2147483648 OR pk_post > 2147483646'),
	(20, 'SELECT * FROM @post WHERE pk_post > 9223372036854775806'),
	(21, 'SELECT * FROM @post WHERE pk_post >= 5000000000 OR pk_post = 3'),
	(22, 'SELECT * FROM @post WHERE pk_post BETWEEN SYMMETRIC 9 AND 4'),
	(23, 'SELECT * FROM @post WHERE pk_post > NULL::int'),
	(24, 'SELECT * FROM @post WHERE pk_post = 7 AND pk_post = 8'),
	(25, 'SELECT * FROM @post WHERE pk_post = 7 AND fk_user = 8'),
	(26, 'SELECT * FROM @post WHERE pk_post = 7 AND fk_user = 9'),
	(27, 'SELECT * FROM @post WHERE pk_post + 0 = 7'),
	(28, 'SELECT * FROM @post WHERE -pk_post = -7'),
	(30, 'SELECT * FROM @post WHERE id = md5(''p7'')::uuid'),
	(31, 'SELECT * FROM @post WHERE id IN (md5(''p7'')::uuid, md5(''p8'')::uuid, md5(''none'')::uuid)'),
	(32, 'SELECT * FROM @post WHERE id > md5(''p7'')::uuid'),
	(33, 'SELECT * FROM @post WHERE id = md5(''p20'')::uuid'),
	(34, 'SELECT * FROM @post WHERE fk_user = 3'),
	(35, 'SELECT * FROM @post WHERE fk_user IN (3, 4) AND pk_post < 50'),
	(36, 'SELECT * FROM @post WHERE fk_user = 3 AND id = md5(''p12'')::uuid'),
	(37, 'SELECT * FROM @post WHERE fk_user = 3::bigint'),
	(38, 'SELECT * FROM @post WHERE fk_wide = 3'),
	(39, 'SELECT * FROM @post WHERE fk_wide = 3::smallint AND fk_user = 4'),
	(40, 'SELECT * FROM @post WHERE fk_wide IS NULL'),
	(41, 'SELECT * FROM @post WHERE fk_wide IS NOT DISTINCT FROM NULL'),
	(42, 'SELECT * FROM @post WHERE fk_wide = NULL'),
	(43, 'SELECT * FROM @post WHERE slug = ''s-7'''),
	(44, 'SELECT * FROM @post WHERE slug = ''s-7''::varchar(3)'),
	(45, 'SELECT * FROM @post WHERE slug = ''s-7'' COLLATE "C"'),
	(46, 'SELECT * FROM @post WHERE slug LIKE ''s-7%'''),
	(47, 'SELECT * FROM @post WHERE slug = ANY (ARRAY[''s-7'', ''s-9''])'),
	(48, 'SELECT * FROM @post WHERE slug = ''s-7''::bpchar'),
	(49, 'SELECT * FROM @post WHERE made = date ''2026-01-03'' AND pk_post < 60'),
	(50, 'SELECT * FROM @post WHERE made = timestamp ''2026-01-03'' AND pk_post < 60'),
	(51, 'SELECT * FROM @post WHERE code = 3'),
	(52, 'SELECT * FROM @user WHERE code = 3'),
	(53, 'SELECT * FROM @user WHERE code = 70000'),
	(54, 'SELECT * FROM @user WHERE code = 3::bigint'),
	(55, 'SELECT * FROM @user WHERE name = ''u3'''),
	(56, 'SELECT * FROM @user WHERE pk_user = code'),
	(57, 'SELECT * FROM @user WHERE name = ''u'' || code'),
	(58, 'SELECT * FROM @user WHERE pk_user = (random() * 0 + 3)::int'),
	(59, 'SELECT * FROM @user WHERE pk_user = length(current_user) - length(current_user) + 4'),
	(60, 'SELECT * FROM @post WHERE data ->> ''title'' = ''t7'''),
	(61, 'SELECT * FROM @post WHERE (data ->> ''n'')::numeric > 195'),
	(62, 'SELECT * FROM @post WHERE data @> ''{"author": "u3"}'' AND pk_post > 150'),
	(63, 'SELECT count(*) FROM @post'),
	(64, 'SELECT count(*), max(pk_post), min(pk_post) FROM @post WHERE fk_user = 3'),
	(65, 'SELECT fk_user, count(*) FROM @post GROUP BY fk_user HAVING count(*) > 5'),
	(66, 'SELECT DISTINCT fk_wide FROM @post'),
	(70, 'SELECT u.name, p.slug FROM app.tb_user u JOIN @post p ON p.fk_user = u.pk_user WHERE u.pk_user < 3'),
	(71, 'SELECT u.name, p.slug FROM app.tb_user u LEFT JOIN @post p ON p.pk_post = u.pk_user * 20 AND p.fk_user > 0'),
	(72, 'SELECT u.name, p.slug FROM app.tb_user u LEFT JOIN @post p ON p.fk_user = u.code AND p.pk_post < u.code * 10'),
	(73, 'SELECT u.name, l.slug FROM @user u, LATERAL (SELECT * FROM @post p WHERE p.fk_user = u.pk_user ORDER BY p.pk_post DESC LIMIT 2) l'),
	(74, 'SELECT * FROM @user u WHERE EXISTS (SELECT FROM @post p WHERE p.fk_user = u.pk_user AND p.pk_post > 195)'),
	(75, 'SELECT * FROM @user u WHERE NOT EXISTS (SELECT FROM @post p WHERE p.fk_user = u.pk_user AND p.pk_post > 195)'),
	(76, 'SELECT * FROM @post p WHERE p.fk_user IN (SELECT u.pk_user FROM @user u WHERE u.name IN (''u1'', ''u2''))'),
	(77, 'SELECT * FROM @user u WHERE u.id = (SELECT x.id FROM app.tb_user x WHERE x.pk_user = 4)'),
	(78, 'SELECT u.name, (SELECT p.slug FROM @post p WHERE p.pk_post = u.pk_user * 3) FROM @user u'),
	(79, 'SELECT a.pk_post, b.pk_post AS other FROM @post a JOIN @post b ON b.pk_post = a.pk_post + 1 WHERE a.fk_user = 2'),
	(80, 'SELECT v.n, p.slug FROM (VALUES (1::bigint), (2), (5000000000), (NULL)) v(n) LEFT JOIN @post p ON p.pk_post = v.n'),
	(81, 'SELECT v.a, count(p.*) FROM (VALUES (''{1,2}''::int[]), (''{}''), (NULL), (''{3,3,NULL}'')) v(a) LEFT JOIN @post p ON p.pk_post = ANY (v.a) GROUP BY 1'),
	(82, 'SELECT p IS NULL AS x, to_jsonb(p) AS j FROM @post p WHERE pk_post < 3'),
	(83, 'SELECT p::text, (p).data, (p).slug FROM @post p WHERE pk_post < 3'),
	(84, 'SELECT row_to_json(p)::text FROM @post p WHERE pk_post < 3'),
	(85, 'SELECT FROM @post WHERE pk_post < 9'),
	(86, 'SELECT 1 FROM @post p JOIN @user u USING (id)'),
	(87, 'SELECT * FROM @post WHERE false'),
	(88, 'SELECT * FROM @post WHERE pk_post = 5 OR fk_user = 3'),
	(89, 'WITH RECURSIVE r AS (SELECT pk_post, 1 AS d FROM @post WHERE pk_post = 1 UNION ALL SELECT p.pk_post, d + 1 FROM r JOIN @post p ON p.pk_post = r.pk_post * 2 WHERE d < 9) SELECT * FROM r')
	) q(n, query), chk.same(q.query) s ORDER BY q.n;

-- order and limits: the rows themselves
SELECT pk_post FROM app.tv_post ORDER BY pk_post LIMIT 3;
SELECT pk_post FROM app.tv_post ORDER BY pk_post DESC LIMIT 3;
SELECT pk_post FROM app.tv_post WHERE pk_post < 21 ORDER BY pk_post DESC LIMIT 2;
SELECT pk_post FROM app.tv_post WHERE pk_post > 18 ORDER BY pk_post LIMIT 2 OFFSET 1;
SELECT pk_post FROM app.tv_post WHERE fk_user = 3 ORDER BY pk_post DESC LIMIT 2;
SELECT pk_post FROM app.tv_post WHERE pk_post IN (9, 3, 7) ORDER BY pk_post DESC;
SELECT pk_post FROM app.tv_post ORDER BY data ->> 'title' DESC LIMIT 3;
SELECT pk_post FROM app.tv_post ORDER BY pk_post FETCH FIRST 2 ROWS WITH TIES;
EXPLAIN (COSTS OFF) SELECT pk_post FROM app.tv_post WHERE pk_post < 21 ORDER BY pk_post DESC LIMIT 2;
EXPLAIN (COSTS OFF) SELECT pk_post FROM app.tv_post ORDER BY pk_post LIMIT 2;
EXPLAIN (COSTS OFF) SELECT pk_post FROM app.tv_post WHERE fk_user = 3 ORDER BY pk_post LIMIT 2;
EXPLAIN (COSTS OFF) SELECT pk_post FROM app.tv_post ORDER BY pk_post NULLS FIRST LIMIT 2;
SELECT array_agg(pk_post) FROM (SELECT pk_post FROM app.tv_post ORDER BY pk_post NULLS FIRST LIMIT 2) s;
-- the same while rows have changed
BEGIN;
UPDATE app.tb_post SET title = 'x' WHERE pk_post IN (1, 199);
UPDATE app.tb_post SET draft = NOT draft WHERE pk_post IN (2, 198, 200);
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 3, 3, 's-' || n, 't' FROM unnest('{-5, 0, 201, 2147483647}'::int[]) n;
SELECT pk_post, data ->> 'title' AS title FROM app.tv_post ORDER BY pk_post LIMIT 5;
SELECT pk_post, data ->> 'title' AS title FROM app.tv_post ORDER BY pk_post DESC LIMIT 5;
SELECT pk_post FROM app.tv_post WHERE pk_post BETWEEN 198 AND 201 ORDER BY pk_post DESC;
SELECT pk_post FROM app.tv_post WHERE fk_user = 3 ORDER BY pk_post DESC LIMIT 3;
ROLLBACK;

-- generic plans take expressions of parameters
PREPARE by_id(text) AS SELECT pk_post FROM app.tv_post WHERE id = $1::uuid;
PREPARE by_key(text) AS SELECT slug FROM app.tv_post WHERE pk_post = $1::integer;
PREPARE by_wide(bigint) AS SELECT slug FROM app.tv_post WHERE pk_post = $1;
PREPARE by_fk(text, int) AS SELECT slug FROM app.tv_post WHERE fk_user = $1::text::integer AND pk_post > $2 ORDER BY pk_post LIMIT 2;
PREPARE by_list(int[]) AS SELECT slug FROM app.tv_post WHERE pk_post = ANY ($1) ORDER BY pk_post;
PREPARE by_page(int, int) AS SELECT pk_post FROM app.tv_post WHERE pk_post < $1 ORDER BY pk_post DESC LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_id('');
EXPLAIN (COSTS OFF) EXECUTE by_key('');
EXPLAIN (COSTS OFF) EXECUTE by_wide(1);
EXPLAIN (COSTS OFF) EXECUTE by_fk('1', 1);
EXPLAIN (COSTS OFF) EXECUTE by_list('{}');
EXPLAIN (COSTS OFF) EXECUTE by_page(1, 1);
EXECUTE by_id(md5('p7'));
EXECUTE by_id(md5('p8'));
EXECUTE by_id(NULL);
EXECUTE by_id('no uuid');
EXECUTE by_key('9');
EXECUTE by_wide(9);
EXECUTE by_wide(9000000000);
EXECUTE by_wide(NULL);
EXECUTE by_fk('3', 20);
EXECUTE by_list('{5, 4, NULL, 5}');
EXECUTE by_list(NULL);
EXECUTE by_list('{{1,2},{3,4}}');
EXECUTE by_page(4, 2);
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT pk_post FROM app.tv_post WHERE pk_post = extract(year FROM now())::int - 2000;
\set ECHO none
\i :end
