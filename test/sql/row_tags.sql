-- proves that rows whose tags are told by their own columns show every change at once, and that another row's columns tell none
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TABLE app.tb_owner (pk_owner int PRIMARY KEY, name varchar(20), n int);
CREATE TABLE app.tb_item (pk_item int PRIMARY KEY, fk_owner int, fk_other int, name varchar(20), wide bigint);
INSERT INTO app.tb_owner SELECT n, 'name' || n, n % 3 FROM generate_series(1, 8) n;
INSERT INTO app.tb_item SELECT n, nullif(1 + n % 6, 4), 1 + n % 8, 'name' || n % 5, 1 + n % 4 FROM generate_series(1, 10) n;

CREATE VIEW app.v_shown AS SELECT i.pk_item AS pk_shown, i.fk_owner, o.name
	FROM app.tb_item i JOIN app.tb_owner o ON o.pk_owner = i.fk_owner;
CREATE VIEW app.v_hidden AS SELECT i.pk_item AS pk_hidden, i.fk_other, o.name
	FROM app.tb_item i LEFT JOIN app.tb_owner o ON o.pk_owner = i.fk_owner;
-- names change places
CREATE VIEW app.v_swapped AS SELECT o.name AS a, i.fk_other AS fk_owner, p.name AS b, i.pk_item AS pk_swapped, i.fk_owner AS fk_other
	FROM app.tb_item i LEFT JOIN app.tb_owner o ON o.pk_owner = i.fk_owner LEFT JOIN app.tb_owner p ON p.pk_owner = i.fk_other;
-- rows come and go
CREATE VIEW app.v_filtered AS SELECT i.pk_item AS pk_filtered, i.fk_owner, o.name
	FROM app.tb_item i JOIN app.tb_owner o ON o.pk_owner = i.fk_owner WHERE o.n <> 1;
-- the column is another row's
CREATE VIEW app.v_self AS SELECT i.pk_item AS pk_self, j.fk_owner, o.name
	FROM app.tb_item i JOIN app.tb_item j ON j.pk_item = i.fk_other LEFT JOIN app.tb_owner o ON o.pk_owner = i.fk_owner;
CREATE VIEW app.v_twice AS WITH c AS MATERIALIZED (SELECT * FROM app.tb_item)
	SELECT a.pk_item AS pk_twice, b.fk_owner, o.name
	FROM c a JOIN c b ON b.pk_item = a.fk_other LEFT JOIN app.tb_owner o ON o.pk_owner = a.fk_owner;
CREATE VIEW app.v_nested AS SELECT s.pk_item AS pk_nested, s.f AS fk_owner, (SELECT o.name FROM app.tb_owner o WHERE o.pk_owner = s.f)
	FROM (SELECT i.pk_item, i.fk_owner AS f FROM app.tb_item i) s;
-- values of other types, and computed ones under the same name
CREATE VIEW app.v_named AS SELECT i.pk_item AS pk_named, i.name, (SELECT max(o.n) FROM app.tb_owner o WHERE o.name = i.name) AS n FROM app.tb_item i;
CREATE VIEW app.v_wide AS SELECT i.pk_item AS pk_wide, i.wide, o.name FROM app.tb_item i LEFT JOIN app.tb_owner o ON o.pk_owner = i.wide;
CREATE VIEW app.v_next AS SELECT i.pk_item AS pk_next, i.fk_owner + 1 AS fk_owner, o.name
	FROM app.tb_item i LEFT JOIN app.tb_owner o ON o.pk_owner = i.fk_owner;

IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT count(*) FROM tview.status;
CREATE TABLE chk.step (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO chk.step (statement) VALUES
	($$UPDATE app.tb_owner SET name = 'new' WHERE pk_owner = 2$$),
	($$UPDATE app.tb_item SET fk_owner = 5 WHERE pk_item = 1$$),
	($$UPDATE app.tb_owner SET name = 'newer' WHERE pk_owner = 5$$),
	($$UPDATE app.tb_item SET fk_owner = 7 WHERE fk_owner = 3$$),
	($$UPDATE app.tb_owner SET name = name || '.' WHERE pk_owner IN (3, 7)$$),
	($$UPDATE app.tb_item SET fk_other = fk_owner, fk_owner = fk_other WHERE pk_item > 5$$),
	($$UPDATE app.tb_owner SET name = name || '!'$$),
	($$UPDATE app.tb_owner SET n = 1 WHERE pk_owner IN (2, 6)$$),
	($$UPDATE app.tb_owner SET n = 2$$),
	($$UPDATE app.tb_item SET fk_owner = NULL WHERE pk_item = 2$$),
	($$UPDATE app.tb_item SET fk_owner = 8, name = 'name8', wide = 8 WHERE pk_item = 2$$),
	($$UPDATE app.tb_owner SET name = 'name8', n = 8 WHERE pk_owner = 8$$),
	($$DELETE FROM app.tb_owner WHERE pk_owner IN (2, 8)$$),
	($$INSERT INTO app.tb_owner VALUES (2, 'back', 0), (8, 'name1', 5)$$),
	($$UPDATE app.tb_owner SET name = 'name8' WHERE pk_owner = 8$$);
\set ECHO none
\pset tuples_only on
\pset format unaligned
\i :drive
\set ECHO all
SELECT n, changed > 0 AS changed FROM chk.summary ORDER BY n;
-- a column that gets another name
ALTER TABLE app.tb_item RENAME fk_owner TO fk_person;
UPDATE app.tb_owner SET name = name || '?';
SELECT v.* FROM tview.status s, tview.verify(s.tview) v;
SELECT * FROM app.tv_shown EXCEPT ALL SELECT * FROM app.v_shown;
\set ECHO none
\i :end
