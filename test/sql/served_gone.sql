-- proves that entries of deleted root rows leave the store where rows cannot be computed one by one: such a TVIEW is served again
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, score int);
INSERT INTO app.tb_post SELECT n, n % 7 FROM generate_series(1, 2000) n;
CREATE VIEW app.v_post AS
	SELECT pk_post, score, data FROM (
		SELECT pk_post, score, rank() OVER (ORDER BY score, pk_post) AS data FROM app.tb_post) w
	WHERE score <> 3;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- reads until the store serves all of it: settling takes its time
CREATE PROCEDURE chk.read_until_served() LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	FOR n IN 1 .. 500 LOOP
		EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, SUMMARY OFF) SELECT * FROM app.tv_post' INTO doc;
		doc := doc -> 0 -> 'Plan';
		COMMIT;
		IF NOT doc ? 'Bypass' THEN
			RAISE NOTICE 'served % of % rows', doc -> 'Served', round((doc ->> 'Actual Rows')::numeric);
			RETURN;
		END IF;
		PERFORM pg_sleep(0.02);
	END LOOP;
	RAISE NOTICE 'never served: %', doc ->> 'Bypass';
END $$;
CREATE FUNCTION chk.differences() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (
		SELECT x FROM (SELECT 1 AS w, t::text AS x FROM app.tv_post t
			UNION ALL SELECT -1, t::text FROM app.v_post t) u GROUP BY x HAVING sum(w) <> 0) d
$$;
CALL chk.read_until_served();
-- one of the first batch, one in the midst, the last one
DELETE FROM app.tb_post WHERE pk_post IN (8, 900, 2000);
CALL chk.read_until_served();
SELECT chk.differences();
-- keys that the view leaves out
DELETE FROM app.tb_post WHERE pk_post = 1501;
CALL chk.read_until_served();
DELETE FROM app.tb_post WHERE pk_post = 10;
CALL chk.read_until_served();
SELECT chk.differences();
-- more than one pass removes; and keys that come back
DELETE FROM app.tb_post WHERE pk_post > 100;
CALL chk.read_until_served();
SELECT chk.differences();
INSERT INTO app.tb_post SELECT n, n % 7 FROM generate_series(101, 1500) n;
CALL chk.read_until_served();
SELECT chk.differences();
SELECT rows, absent, hollow, complete FROM tview.cache_stats;
SELECT * FROM tview.verify('app.tv_post');
\set ECHO none
\i :end
