-- proves that the index lists exactly the hollow rows, around the borders of its blocks and of their words, at both ends and on both sides of 0
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set settle :srcdir '/sql/include/settle.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :settle
\set ECHO all
-- each row has a value of its own to be counted by, and a few have one together
CREATE TABLE app.tb_post (pk_post bigint PRIMARY KEY, fk_group int NOT NULL, note text, fk_some int NOT NULL);
INSERT INTO app.tb_post SELECT pk, row_number() OVER (ORDER BY pk), 'note', CASE WHEN pk IN (-511, 449, 577) THEN 1 ELSE 2 END FROM (
	SELECT b + d FROM unnest('{-1024,-512,0,64,448,512,576,1024,65536,4294967296}'::bigint[]) b, generate_series(-2, 2) d WHERE b + d <> 0
	UNION SELECT -9223372036854775808 UNION SELECT -9223372036854775807
	UNION SELECT 9223372036854775807 UNION SELECT 9223372036854775806) k(pk);
CREATE VIEW app.v_post AS
	SELECT pk_post, fk_group, fk_some, jsonb_build_object('note', note) AS data FROM app.tb_post;
ANALYZE;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
SET cpu_operator_cost = 10; -- look-ups, not scans

-- does the index alone tell how many rows have the value?
CREATE FUNCTION chk.in_index(value int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) FROM app.tv_post WHERE fk_group = %s', value) INTO plan;
	RETURN plan->0->'Plan'->>'Counted In Index' IS NOT NULL;
END $$;
-- rows of which the index tells, and of which it does not: they are computed by that, one by one
CREATE FUNCTION chk.listed(OUT told bigint, OUT not_told bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(*) FILTER (WHERE t), count(*) FILTER (WHERE NOT t), count(*) FILTER (WHERE t = (note = 'hollow'))
	FROM (SELECT chk.in_index(fk_group) AS t, note FROM app.tb_post OFFSET 0) i INTO told, not_told, wrong;
END $$;
CREATE VIEW chk.differences AS
	SELECT count(*) FROM ((TABLE app.tv_post EXCEPT ALL TABLE app.v_post) UNION ALL (TABLE app.v_post EXCEPT ALL TABLE app.tv_post)) d;
-- a key that has gone makes readers settle
CREATE PROCEDURE chk.remove() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.tb_post VALUES (0, 0, 'note', 0);
	COMMIT;
	DELETE FROM app.tb_post WHERE pk_post = 0;
	COMMIT;
	CALL chk.settle();
END $$;
SELECT * FROM chk.listed();

-- every other row: each is asked for once, which stores it, and is then told
UPDATE app.tb_post SET note = 'hollow' WHERE fk_group % 2 = 0;
CALL chk.remove();
SELECT told, not_told, wrong FROM chk.listed();
-- those that wait to be stored are when they are asked for again
SELECT wrong <= 26 AS ok FROM chk.listed();
SELECT told, not_told FROM chk.listed();
SELECT * FROM chk.differences;

-- all of them, and one row of a block that is computed before the others
UPDATE app.tb_post SET note = CASE WHEN note = 'note' THEN 'hollow' ELSE 'empty' END;
CALL chk.remove();
SELECT hollow >= 53 AS ok FROM tview.cache_stats;
SELECT fk_group FROM app.tv_post WHERE pk_post IN (449, 513, -511);
SELECT count(*) FILTER (WHERE told), count(*) FILTER (WHERE NOT told)
FROM (SELECT chk.in_index(fk_group) AS told FROM app.tb_post WHERE pk_post NOT IN (449, 513, -511)) i;
SELECT * FROM chk.differences;
SELECT hollow FROM tview.cache_stats;

-- a single one among those of a value, far from where its block begins
UPDATE app.tb_post SET fk_some = 2 WHERE pk_post = 577;
CALL chk.remove();
SELECT (SELECT count(*) FROM app.tv_post WHERE fk_some = 1) AS tv, (SELECT count(*) FROM app.v_post WHERE fk_some = 1) AS v;
\i :end
