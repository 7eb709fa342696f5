-- proves that another expression of a stored generated column is followed
-- (from PostgreSQL 17 on)
SELECT current_setting('server_version_num')::int < 170000 AS is_older \gset
\if :is_older
\quit
\endif
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, half int GENERATED ALWAYS AS (a / 2) STORED);
INSERT INTO app.tb_user (pk_user, a) SELECT n, n FROM generate_series(1, 6) n;
CREATE VIEW app.v_user AS SELECT pk_user, twice AS fk_twice FROM app.tb_user WHERE half > 0;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
SELECT count(*) FROM chk.check_all('at first', true);
ALTER TABLE app.tb_user ALTER COLUMN twice SET EXPRESSION AS (a * 3);
SELECT * FROM chk.check_all('what is shown');
SELECT * FROM app.tv_user WHERE fk_twice = 6;
BEGIN;
ALTER TABLE app.tb_user ALTER COLUMN half SET EXPRESSION AS (a - 3);
SELECT * FROM chk.check_all('own condition');
ROLLBACK;
SELECT * FROM chk.check_all('rolled back');
ALTER TABLE app.tb_user ALTER COLUMN half SET EXPRESSION AS (a - 3);
SELECT * FROM chk.check_all('a condition');
ALTER TABLE app.tb_user ALTER COLUMN twice DROP EXPRESSION;
UPDATE app.tb_user SET twice = 100 WHERE pk_user = 5;
SELECT * FROM chk.check_all('no expression');
SELECT * FROM app.tv_user ORDER BY pk_user;
\set ECHO none
\i :end
