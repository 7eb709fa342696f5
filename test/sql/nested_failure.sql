-- proves that a statement that fails in a savepoint is no longer under way, and that the one around it still is
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, n int DEFAULT 1);
INSERT INTO app.tb_user SELECT n, 'u' || n FROM generate_series(1, 5) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, jsonb_build_object('name', u.name) AS data FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE VIEW chk.differences AS
	SELECT count(*) AS n FROM ((TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user)) d;
CREATE FUNCTION chk.look() RETURNS TABLE (rows numeric, served numeric, bypass text) LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, SUMMARY OFF) SELECT * FROM app.tv_user' INTO doc;
	RETURN QUERY SELECT round((n ->> 'Actual Rows')::numeric), (n ->> 'Served')::numeric, n ->> 'Bypass'
	FROM jsonb_path_query(doc, 'strict $.** ? (@."Node Type" == "Foreign Scan")') n;
END $$;
SELECT * FROM chk.look();

-- a savepoint that a statement's failure ends: the store serves again
BEGIN;
SAVEPOINT s;
UPDATE app.tb_user SET n = 1 / (pk_user - 3);
ROLLBACK TO s;
SELECT * FROM chk.look();
SELECT * FROM chk.differences;
DO $$ BEGIN UPDATE app.tb_user SET n = 1 / (pk_user - 3); EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT * FROM chk.look();
COMMIT;

-- within a statement on the same table: the outer one goes on
CREATE TABLE chk.seen (pk int, differ bigint);
CREATE FUNCTION chk.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() = 1 THEN
		BEGIN
			UPDATE app.tb_user SET n = 1 / (pk_user - 5) WHERE pk_user = 5;
		EXCEPTION WHEN division_by_zero THEN
			INSERT INTO chk.seen SELECT NEW.pk_user, n FROM chk.differences;
		END;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER fail AFTER UPDATE ON app.tb_user FOR EACH ROW EXECUTE FUNCTION chk.fail();
UPDATE app.tb_user SET name = name || 'x' WHERE pk_user < 5;
SELECT * FROM chk.seen ORDER BY pk;
SELECT * FROM chk.differences;
\set ECHO none
\i :end
