-- proves that a statement within a statement on the same table does not end what the outer one has under way
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO app.tb_user SELECT n, 'u' || n FROM generate_series(1, 5) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, jsonb_build_object('name', u.name) AS data FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE TABLE chk.seen (pk int, differ bigint);
CREATE VIEW chk.differences AS
	SELECT count(*) AS n FROM ((TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user)) d;
-- for each changed row: another statement on the table, then a look at all
-- rows, of which the later ones are changed and not marked yet
CREATE FUNCTION chk.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() = 1 THEN
		UPDATE app.tb_user SET name = name || '!' WHERE pk_user = 5;
		INSERT INTO chk.seen SELECT NEW.pk_user, n FROM chk.differences;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER look AFTER UPDATE ON app.tb_user FOR EACH ROW EXECUTE FUNCTION chk.look();
SELECT * FROM chk.differences;
UPDATE app.tb_user SET name = name || 'x' WHERE pk_user < 5;
SELECT * FROM chk.seen ORDER BY pk;
SELECT * FROM chk.differences;
\set ECHO none
\i :end
