-- proves that a TVIEW becomes neither a partition nor a parent nor a child, by whichever command, and is what its view is afterwards
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, a int);
INSERT INTO app.tb_x SELECT i, i FROM generate_series(1, 40) i;
CREATE VIEW app.v_x AS SELECT pk_x, a FROM app.tb_x;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE TABLE app.parts (pk_x int, a int) PARTITION BY RANGE (pk_x);
CREATE TABLE app.tops (pk_x int, a int) PARTITION BY LIST (a);
CREATE TABLE app.parent (pk_x int, a int);
CREATE TABLE app.child (pk_x int, a int);
-- as a partition
CREATE FOREIGN TABLE app.tv_y PARTITION OF app.parts FOR VALUES FROM (1) TO (10) SERVER tviews OPTIONS (view 'app.v_x', key 'pk_x');
ALTER TABLE app.parts ATTACH PARTITION app.tv_x FOR VALUES FROM (1) TO (10);
ALTER TABLE app.parts ATTACH PARTITION app.tv_x DEFAULT;
-- as a child
CREATE FOREIGN TABLE app.tv_y (pk_x int, a int) INHERITS (app.parent) SERVER tviews OPTIONS (view 'app.v_x', key 'pk_x');
ALTER FOREIGN TABLE app.tv_x INHERIT app.parent;
ALTER TABLE app.tv_x INHERIT app.parent;
-- as a parent
CREATE TABLE app.more () INHERITS (app.tv_x);
CREATE TABLE app.more () INHERITS (app.parent, app.tv_x);
ALTER TABLE app.child INHERIT app.tv_x;
-- other tables are nobody's business
ALTER TABLE app.parts ATTACH PARTITION app.child FOR VALUES FROM (1) TO (10);
ALTER TABLE app.tops ATTACH PARTITION app.parts DEFAULT;
ALTER TABLE app.parts DETACH PARTITION app.child;
ALTER TABLE app.child INHERIT app.parent;
SELECT inhrelid::regclass, inhparent::regclass FROM pg_inherits WHERE 'app.tv_x'::regclass IN (inhrelid, inhparent);
SELECT problem IS NULL AS served FROM tview.status;
SET constraint_exclusion = on;
SELECT count(*) FROM app.tv_x WHERE pk_x IN (20, 21);
\set ECHO none
\i :end
