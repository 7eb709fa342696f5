-- proves that a TVIEW behaves as a table that can be read and not written
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
-- writing is refused, and the base table named
INSERT INTO app.tv_post (pk_post) VALUES (1);
INSERT INTO app.tv_post SELECT * FROM app.tv_post;
UPDATE app.tv_post SET slug = 'x' WHERE pk_post = 1;
UPDATE app.tv_post SET slug = 'x' WHERE false;
DELETE FROM app.tv_post;
DELETE FROM app.tv_post WHERE pk_post = 1 RETURNING *;
TRUNCATE app.tv_post;
TRUNCATE app.tb_post, app.tv_user;
INSERT INTO app.tv_post (pk_post) VALUES (1) ON CONFLICT DO NOTHING;
MERGE INTO app.tv_post t USING app.tb_post p ON t.pk_post = p.pk_post WHEN MATCHED THEN DELETE;
COPY app.tv_post FROM PROGRAM 'echo 1';
COPY app.tv_post TO '/dev/null';
WITH d AS (DELETE FROM app.tv_post RETURNING *) SELECT count(*) FROM d;
EXPLAIN (COSTS OFF) UPDATE app.tv_post SET slug = 'x';
-- likewise through a view over it
CREATE VIEW app.over AS SELECT * FROM app.tv_post;
UPDATE app.over SET slug = 'x';
SELECT is_insertable_into FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'tv_post';
SELECT pg_relation_is_updatable('app.tv_post', true);

-- whole rows, system columns
SELECT tv_post FROM app.tv_post WHERE pk_post = 1;
SELECT (tv_post).slug, (t.*)::text LIKE '%s-2%' AS has FROM app.tv_post, app.tv_post t WHERE tv_post.pk_post = 1 AND t.pk_post = 2;
SELECT t = t AS same, t IS NOT NULL AS filled FROM app.tv_post t WHERE pk_post IN (5, 6);
SELECT tableoid::regclass, pk_post FROM app.tv_post WHERE pk_post = 1;
SELECT tableoid = 'app.tv_post'::regclass AS same, count(*) FROM app.tv_post GROUP BY 1;
SELECT ctid FROM app.tv_post WHERE pk_post = 1;
SELECT xmin FROM app.tv_post WHERE pk_post = 1;
SELECT cmax FROM app.tv_post WHERE pk_post = 1;
SELECT count(*), count(fk_wide), count(t) FROM app.tv_post t;
SELECT * FROM app.tv_post TABLESAMPLE SYSTEM (10);

-- ANALYZE gives the planner figures
ANALYZE app.tv_post;
SELECT reltuples FROM pg_class WHERE oid = 'app.tv_post'::regclass;
SELECT attname, null_frac > 0 AS nulls, n_distinct FROM pg_stats WHERE schemaname = 'app' AND tablename = 'tv_post' AND attname <> 'data' ORDER BY 1;
ANALYZE app.tv_user;
VACUUM app.tv_user;
DO $$
DECLARE
	doc jsonb;
	q text;
BEGIN
	FOREACH q IN ARRAY ARRAY['SELECT * FROM app.tv_post', 'SELECT * FROM app.tv_post WHERE pk_post = 1', 'SELECT * FROM app.tv_post WHERE fk_user = 3', 'SELECT * FROM app.tv_post WHERE pk_post <= 50'] LOOP
		EXECUTE 'EXPLAIN (FORMAT JSON) ' || q INTO doc;
		RAISE NOTICE '% -> % rows', q, CASE WHEN (doc #>> '{0,Plan,Plan Rows}')::int BETWEEN 15 AND 25 THEN 'about 20' WHEN (doc #>> '{0,Plan,Plan Rows}')::int BETWEEN 40 AND 60 THEN 'about 50' ELSE doc #>> '{0,Plan,Plan Rows}' END;
	END LOOP;
END $$;

-- EXPLAIN in every form
EXPLAIN (COSTS OFF) SELECT * FROM app.tv_post;
EXPLAIN (COSTS OFF, VERBOSE) SELECT slug FROM app.tv_post WHERE pk_post = 1;
SELECT * FROM chk.plan($$SELECT slug FROM app.tv_post WHERE pk_post = 1$$, ', FORMAT JSON');
SELECT * FROM chk.plan($$SELECT slug FROM app.tv_post WHERE fk_user = 1 AND slug <> 's-10'$$, ', FORMAT YAML');
SELECT * FROM chk.plan($$SELECT count(*) FROM app.tv_post$$, ', FORMAT XML');
SELECT * FROM chk.plan($$SELECT u.pk_user, p.slug FROM app.tb_user u LEFT JOIN app.tv_post p ON p.pk_post = u.pk_user AND p.pk_post < 3 WHERE u.pk_user = -1$$);
SELECT * FROM chk.plan($$SELECT * FROM app.tv_post LIMIT 0$$);

-- prepared statements over DDL
PREPARE p AS SELECT * FROM app.tv_user WHERE pk_user = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p(3);
UPDATE app.tb_user SET name = 'new' WHERE pk_user = 3;
EXECUTE p(3);
CREATE OR REPLACE VIEW app.v_user AS SELECT u.pk_user, u.id, upper(u.name) AS name, u.code FROM app.tb_user u;
EXECUTE p(3);
ALTER TABLE app.tb_user RENAME COLUMN name TO nom;
EXECUTE p(3);
ALTER TABLE app.tb_user ADD COLUMN more int DEFAULT 3;
EXECUTE p(3);
CREATE OR REPLACE VIEW app.v_user AS SELECT u.pk_user, u.id, lower(u.nom) AS name, u.code FROM app.tb_user u WHERE u.pk_user < 4 OR u.more > 5;
EXECUTE p(3);
EXECUTE p(4);
UPDATE app.tb_user SET more = 6 WHERE pk_user = 4;
EXECUTE p(4);
DROP FOREIGN TABLE app.tv_user;
EXECUTE p(3);
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_user) FROM SERVER tviews INTO app;
EXECUTE p(3);
SELECT tview.reset('app.tv_user');
EXECUTE p(3);
SELECT tview.reset('tviews');
EXECUTE p(3);
RESET plan_cache_mode;
SELECT chk.prepare();
SELECT * FROM chk.check_all('at the end');
\set ECHO none
\i :end
