-- proves that what a virtual generated column is computed from is followed, and its expression too; that NOT NULL may hold for new rows only
-- (from PostgreSQL 18 on)
SELECT current_setting('server_version_num')::int < 180000 AS is_older \gset
\if :is_older
\quit
\endif
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set look :srcdir '/sql/include/look.sql'
\set ECHO none
\i :begin
\i :check
\i :look
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, first text, last text, code int,
	name text GENERATED ALWAYS AS (first || ' ' || last) VIRTUAL, twice int GENERATED ALWAYS AS (code * 2) VIRTUAL);
INSERT INTO app.tb_user (pk_user, first, last, code) SELECT n, 'f' || n, 'l' || n, n % 3 FROM generate_series(1, 6) n;
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int, low int, high int GENERATED ALWAYS AS (low + 1) VIRTUAL, fk_next int GENERATED ALWAYS AS (fk_user + 1) VIRTUAL);
INSERT INTO app.tb_post (pk_post, fk_user, low) SELECT n, 1 + n % 6, n FROM generate_series(1, 9) n;
-- read alone, in a condition, in a join, as a column to look up by, grouped by
CREATE VIEW app.v_name AS SELECT pk_user AS pk_name, name AS identifier, jsonb_build_object('name', name) AS data FROM app.tb_user;
CREATE VIEW app.v_some AS SELECT pk_user AS pk_some, code FROM app.tb_user WHERE twice = 2;
CREATE VIEW app.v_all AS SELECT u.pk_user AS pk_all, to_jsonb(u) AS data FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.high AS fk_high, u.name FROM app.tb_post p LEFT JOIN app.tb_user u ON u.pk_user = p.fk_next;
CREATE VIEW app.v_list AS SELECT u.pk_user AS pk_list, (SELECT jsonb_agg(p.high ORDER BY p.pk_post) FROM app.tb_post p WHERE p.fk_next = u.pk_user) AS data FROM app.tb_user u;
CREATE VIEW app.v_count AS SELECT u.pk_user AS pk_count, u.name, count(p.pk_post) AS n FROM app.tb_user u LEFT JOIN app.tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user, u.name;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
\pset null '-'
SELECT count(*) FROM chk.check_all('at first', true);
SELECT * FROM chk.look();
UPDATE app.tb_user SET last = 'new' WHERE pk_user = 2;
SELECT * FROM chk.check_all('a name');
UPDATE app.tb_user SET code = code + 1 WHERE pk_user = 3;
SELECT * FROM chk.check_all('a code');
UPDATE app.tb_post SET fk_user = 4, low = 100 WHERE pk_post IN (2, 3);
SELECT * FROM chk.check_all('a reference');
SELECT * FROM app.tv_name WHERE identifier = 'f2 new';
BEGIN;
UPDATE app.tb_user SET first = 'own' WHERE pk_user < 4;
SELECT * FROM chk.check_all('own change');
ROLLBACK;
-- the expression changes, and no row of the table does
ALTER TABLE app.tb_user ALTER COLUMN name SET EXPRESSION AS (last || ', ' || first);
SELECT * FROM chk.check_all('another expression');
BEGIN;
ALTER TABLE app.tb_post ALTER COLUMN high SET EXPRESSION AS (low + 2);
SELECT * FROM chk.check_all('own expression');
ROLLBACK;
SELECT * FROM chk.check_all('rolled back');
SELECT tview, count(*) FROM chk.look() WHERE bypass IS NULL GROUP BY tview ORDER BY tview;
-- an expression that is immutable, though its text depends on a setting: read
-- as a column, by a join's alias, and as a part of the row
CREATE TABLE app.tb_part (pk_part int PRIMARY KEY, part float8, shown text GENERATED ALWAYS AS (part::text) VIRTUAL);
INSERT INTO app.tb_part (pk_part, part) SELECT n, n / 7.0 FROM generate_series(1, 3) n;
CREATE VIEW app.v_part AS SELECT pk_part, shown FROM app.tb_part;
CREATE VIEW app.v_used AS SELECT pk_part AS pk_used, upper(shown) AS shown FROM app.tb_part a JOIN app.tb_part b USING (pk_part, shown);
CREATE VIEW app.v_whole AS SELECT pk_part AS pk_whole, p::text AS data FROM app.tb_part p;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_part, tv_used, tv_whole) FROM SERVER tviews INTO app;
SELECT chk.prepare();
SELECT count(*) FROM chk.check_all('at first', true);
SELECT * FROM chk.look() WHERE settings IS NOT NULL;
SET extra_float_digits = -10;
SELECT * FROM chk.check_all('extra_float_digits');
RESET extra_float_digits;
UPDATE app.tb_part SET part = part + 1 WHERE pk_part = 2;
SELECT * FROM chk.check_all('after changes');
-- a key must be stored
CREATE TABLE app.tb_twice (code int, pk_twice int NOT NULL GENERATED ALWAYS AS (code * 2) VIRTUAL);
CREATE VIEW app.v_twice AS SELECT pk_twice, code FROM app.tb_twice;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_twice) FROM SERVER tviews INTO app;
-- partitions: the expression of the table that is named counts
CREATE TABLE app.tb_cut (pk_cut int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL) PARTITION BY RANGE (pk_cut);
CREATE TABLE app.tb_cut_1 PARTITION OF app.tb_cut (b GENERATED ALWAYS AS (a + 10)) FOR VALUES FROM (0) TO (5);
CREATE TABLE app.tb_cut_2 PARTITION OF app.tb_cut FOR VALUES FROM (5) TO (10);
INSERT INTO app.tb_cut (pk_cut, a) SELECT n, n FROM generate_series(1, 9) n;
CREATE VIEW app.v_cut AS SELECT pk_cut, b FROM app.tb_cut;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_cut) FROM SERVER tviews INTO app;
SELECT chk.prepare();
SELECT count(*) FROM chk.check_all('partitions', true);
UPDATE app.tb_cut SET a = a + 1 WHERE pk_cut IN (2, 7);
SELECT * FROM chk.check_all('partitions, after changes');
-- NOT NULL that does not hold for old rows
CREATE TABLE app.tb_old (pk_old int, name text);
INSERT INTO app.tb_old VALUES (1, 'one'), (NULL, 'none');
ALTER TABLE app.tb_old ADD CONSTRAINT old_not_null NOT NULL pk_old NOT VALID;
CREATE VIEW app.v_old AS SELECT pk_old, name FROM app.tb_old;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_old) FROM SERVER tviews INTO app;
DELETE FROM app.tb_old WHERE pk_old IS NULL;
ALTER TABLE app.tb_old VALIDATE CONSTRAINT old_not_null;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_old) FROM SERVER tviews INTO app;
SELECT * FROM app.tv_old;
-- and ceases to: a row without a key cannot be stored
ALTER TABLE app.tb_old ALTER COLUMN pk_old DROP NOT NULL;
INSERT INTO app.tb_old VALUES (NULL, 'none');
ALTER TABLE app.tb_old ADD CONSTRAINT old_not_null NOT NULL pk_old NOT VALID;
SELECT * FROM app.v_old ORDER BY pk_old;
SELECT * FROM app.tv_old ORDER BY pk_old;
\set ECHO none
\i :end
