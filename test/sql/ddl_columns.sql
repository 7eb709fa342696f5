-- proves that columns of a view can be added, and columns of a TVIEW added and dropped, without a wrong value
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, name text, z int);
INSERT INTO app.tb_x SELECT n, 'n' || n, n FROM generate_series(1, 3) n;
CREATE VIEW app.v_x AS SELECT pk_x, name, z FROM app.tb_x;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- the view gets a column
CREATE OR REPLACE VIEW app.v_x AS SELECT pk_x, name, z, z + 1 AS more FROM app.tb_x;
SELECT * FROM app.tv_x ORDER BY 1;
UPDATE app.tb_x SET z = 7 WHERE pk_x = 1;
SELECT * FROM app.tv_x ORDER BY 1;
-- and then the TVIEW
ALTER FOREIGN TABLE app.tv_x ADD COLUMN more int;
SELECT * FROM app.tv_x ORDER BY 1;
UPDATE app.tb_x SET z = 8 WHERE pk_x = 1;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_x$$);
-- a column of the TVIEW goes, and comes again at the end
PREPARE p AS SELECT * FROM app.tv_x WHERE pk_x = 1;
EXECUTE p;
BEGIN;
ALTER FOREIGN TABLE app.tv_x DROP COLUMN name;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT name FROM app.tv_x;
ROLLBACK;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER FOREIGN TABLE app.tv_x DROP COLUMN name;
EXECUTE p;
SELECT * FROM app.tv_x ORDER BY 1;
UPDATE app.tb_x SET z = 9, name = 'q' WHERE pk_x = 2;
SELECT * FROM app.tv_x WHERE pk_x = 2;
SELECT tv_x FROM app.tv_x WHERE pk_x = 2;
ALTER FOREIGN TABLE app.tv_x ADD COLUMN name text;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT * FROM app.tv_x WHERE name = 'q';
UPDATE app.tb_x SET name = 'r' WHERE pk_x = 2;
SELECT * FROM app.tv_x WHERE name = 'r';
SELECT * FROM app.tv_x WHERE name = 'q';
SELECT tv_x, tv_x.name FROM app.tv_x WHERE pk_x = 2;
SELECT count(*), count(name), max(more) FROM app.tv_x;
DECLARE c CURSOR WITH HOLD FOR SELECT name, pk_x FROM app.tv_x ORDER BY pk_x DESC;
FETCH ALL FROM c;
CLOSE c;
ANALYZE app.tv_x;
SELECT * FROM tview.verify('app.tv_x');
-- other changes keep what is the view's
ALTER FOREIGN TABLE app.tv_x ALTER COLUMN more TYPE bigint;
ALTER FOREIGN TABLE app.tv_x RENAME COLUMN more TO most;
ALTER VIEW app.v_x RENAME COLUMN more TO most;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT tview, problem FROM tview.status;
ALTER FOREIGN TABLE app.tv_x RENAME COLUMN more TO most;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT tview, problem FROM tview.status;
ALTER FOREIGN TABLE app.tv_x DROP COLUMN pk_x;
ALTER FOREIGN TABLE app.tv_x ALTER COLUMN z SET NOT NULL, ALTER COLUMN z SET STATISTICS 10;
COMMENT ON COLUMN app.tv_x.z IS 'commented';
UPDATE app.tb_x SET z = NULL WHERE pk_x = 3;
SELECT * FROM app.tv_x ORDER BY 1;
SELECT count(*) FROM app.tv_x WHERE most IS NULL;
-- a column takes the name of another one of the view
CREATE OR REPLACE VIEW app.v_x AS SELECT pk_x, name, z, z + 1 AS most, z + 2 AS least FROM app.tb_x;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER TABLE app.tv_x RENAME COLUMN most TO least;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER FOREIGN TABLE app.tv_x RENAME COLUMN least TO most;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER TABLE app.tv_x ADD COLUMN least int;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER TABLE app.tv_x DROP COLUMN least;
-- another view behind the same table
CREATE VIEW app.v_y AS SELECT pk_x, 'y' || name AS name, z, z AS most FROM app.tb_x;
ALTER FOREIGN TABLE app.tv_x OPTIONS (SET view 'app.v_y');
SELECT * FROM app.tv_x ORDER BY 1;
UPDATE app.tb_x SET z = 5 WHERE pk_x = 3;
SELECT * FROM app.tv_x ORDER BY 1;
-- columns of two types change their names: nothing is read as what it is not
ALTER FOREIGN TABLE app.tv_x OPTIONS (SET view 'app.v_x');
ALTER VIEW app.v_x RENAME z TO y;
ALTER VIEW app.v_x RENAME name TO z;
ALTER VIEW app.v_x RENAME y TO name;
SELECT problem FROM tview.status;
SELECT name, z FROM app.tv_x;
SELECT pk_x FROM app.tv_x WHERE pk_x = 1;
SELECT count(*) FROM app.tv_x;
ANALYZE app.tv_x;
SELECT tview.refresh('app.tv_x');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT z FROM app.tv_x;
ROLLBACK;
SELECT * FROM tview.verify('app.tv_x');
ALTER VIEW app.v_x RENAME z TO y;
ALTER VIEW app.v_x RENAME name TO z;
ALTER VIEW app.v_x RENAME y TO name;
SELECT problem FROM tview.status;
SELECT * FROM app.tv_x ORDER BY 1;
ALTER FOREIGN TABLE app.tv_x OPTIONS (SET view 'app.v_y');
SELECT count(name) FROM app.tv_x;
DROP VIEW app.v_x;
DROP VIEW app.v_y;
SELECT tview, view, problem FROM tview.status;
SELECT * FROM chk.plan($$SELECT * FROM app.tv_x$$);
\set ECHO none
\i :end
