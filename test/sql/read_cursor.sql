-- proves that cursors, loops and functions see the rows of their own snapshot while the transaction writes
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
-- a cursor goes both ways and sees what its query's snapshot saw
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT pk_post, data ->> 'title' AS title FROM app.tv_post WHERE pk_post < 10;
FETCH 2 FROM c;
UPDATE app.tb_post SET title = 'later' WHERE pk_post IN (1, 3, 5);
INSERT INTO app.tb_post VALUES (0, md5('p0')::uuid, 1, 1, 's-0', 't0');
DELETE FROM app.tb_post WHERE pk_post = 7;
FETCH 3 FROM c;
SELECT pk_post, data ->> 'title' AS title FROM app.tv_post WHERE pk_post < 10;
FETCH ALL FROM c;
FETCH BACKWARD 3 FROM c;
FETCH ABSOLUTE 1 FROM c;
MOVE LAST IN c;
FETCH PRIOR FROM c;
FETCH FIRST FROM c;
ROLLBACK;
-- many rows: more than one batch, with a write between the batches
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 1 + n % 10, 1, 's-' || n, 't' || n FROM generate_series(1001, 6000) n;
BEGIN;
DECLARE c CURSOR FOR SELECT pk_post, data ->> 'author' AS author FROM app.tv_post;
FETCH 1 FROM c;
UPDATE app.tb_user SET name = 'changed';
UPDATE app.tb_post SET title = 'changed', draft = true WHERE pk_post > 5000;
INSERT INTO app.tb_post VALUES (9000, md5('p9000')::uuid, 1, 1, 's-9000', 'new');
DELETE FROM app.tb_post WHERE pk_post BETWEEN 2000 AND 3000;
CREATE TEMP TABLE fetched (pk int, author text);
DO $$
DECLARE
	c refcursor := 'c';
	pk int;
	author text;
BEGIN
	LOOP
		FETCH c INTO pk, author;
		EXIT WHEN NOT FOUND;
		INSERT INTO fetched VALUES (pk, author);
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT pk), min(pk), max(pk), count(*) FILTER (WHERE author = 'changed') AS changed FROM fetched;
SELECT count(*), count(*) FILTER (WHERE data ->> 'author' = 'changed') AS changed FROM app.tv_post;
ROLLBACK;
DELETE FROM app.tb_post WHERE pk_post > 1000;

-- WITH HOLD, also when the transaction has changed rows before and after
BEGIN;
UPDATE app.tb_post SET title = 'before' WHERE pk_post = 1;
DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT pk_post, data ->> 'title' AS title FROM app.tv_post ORDER BY pk_post LIMIT 5;
FETCH 1 FROM h;
UPDATE app.tb_post SET title = 'after' WHERE pk_post IN (1, 2);
COMMIT;
UPDATE app.tb_post SET title = 'much later' WHERE pk_post = 3;
FETCH ALL FROM h;
FETCH BACKWARD 2 FROM h;
CLOSE h;

-- fetched in a savepoint that is rolled back, and after errors
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT pk_post, data ->> 'title' AS title FROM app.tv_post WHERE pk_post > 100;
SAVEPOINT a;
FETCH 2 FROM c;
UPDATE app.tb_post SET title = 'gone' WHERE pk_post = 104;
ROLLBACK TO a;
FETCH 2 FROM c;
SAVEPOINT b;
SELECT 1 / 0;
ROLLBACK TO b;
FETCH 1 FROM c;
SAVEPOINT d;
DECLARE inner_one CURSOR FOR SELECT pk_post FROM app.tv_post WHERE fk_user = 2;
FETCH 1 FROM inner_one;
ROLLBACK TO d;
FETCH 1 FROM inner_one;
ROLLBACK;

-- plpgsql: loops that write what they read, and nested loops
CREATE FUNCTION chk.walk() RETURNS TABLE (pk int, before text, after text) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM app.tv_post WHERE pk_post < 6 ORDER BY pk_post LOOP
		UPDATE app.tb_post SET title = title || '!' WHERE pk_post <= r.pk_post + 1;
		pk := r.pk_post;
		before := r.data ->> 'title';
		SELECT data ->> 'title' INTO after FROM app.tv_post WHERE pk_post = r.pk_post;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM chk.walk();
DO $$
DECLARE
	u record;
	p record;
	n int := 0;
BEGIN
	FOR u IN SELECT * FROM app.tv_user ORDER BY pk_user LOOP
		FOR p IN SELECT * FROM app.tv_post WHERE fk_user = u.pk_user LOOP
			IF NOT EXISTS (SELECT FROM app.v_post v WHERE v.pk_post = p.pk_post AND v.data = p.data) THEN
				RAISE WARNING 'not in the view: %', p.data;
			END IF;
			n := n + 1;
		END LOOP;
		UPDATE app.tb_user SET name = 'n' || pk_user WHERE pk_user = u.pk_user + 1;
	END LOOP;
	RAISE NOTICE '% rows', n;
EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE 'failed: %', SQLERRM;
END $$;
-- a loop over a TVIEW that commits on the way
CREATE PROCEDURE chk.commits() LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
BEGIN
	FOR r IN SELECT * FROM app.tv_post ORDER BY pk_post LOOP
		UPDATE app.tb_post SET title = 'c' || pk_post WHERE pk_post = r.pk_post;
		n := n + 1;
		IF n % 50 = 0 THEN COMMIT; END IF;
	END LOOP;
	RAISE NOTICE '% rows', n;
END $$;
CALL chk.commits();
SELECT count(*) FROM app.tv_post WHERE data ->> 'title' LIKE 'c%';
-- a function with a query of its own per row, volatile and stable
CREATE FUNCTION chk.title_of(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT data ->> 'title' FROM app.tv_post WHERE pk_post = n $$;
CREATE FUNCTION chk.rename(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
	UPDATE app.tb_post SET title = 'r' || n WHERE pk_post = n;
	SELECT data ->> 'title' FROM app.tv_post WHERE pk_post = n $$;
SELECT n, chk.title_of(n), chk.rename(n), chk.title_of(n) FROM generate_series(1, 2) n;
SELECT n, chk.title_of(n) FROM generate_series(1, 2) n;
SELECT chk.prepare();
SELECT * FROM chk.check_all('at the end');

-- EvalPlanQual needs the rows of a foreign table as they were joined
BEGIN;
SELECT u.name, p.slug FROM app.tb_user u JOIN app.tv_post p ON p.fk_user = u.pk_user WHERE p.pk_post = 7 FOR UPDATE OF u;
SELECT slug FROM app.tv_post WHERE pk_post = 7 FOR UPDATE;
SELECT slug FROM app.tv_post WHERE pk_post = 7 FOR SHARE;
ROLLBACK;
LOCK TABLE app.tv_post;
\set ECHO none
\i :end
