-- proves that IMPORT and CREATE FOREIGN TABLE make TVIEWs that mirror their views, and refuse what does not match
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE DOMAIN app.email AS varchar(30) CHECK (VALUE LIKE '%@%');
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE TYPE app.pair AS (a int, b text);
CREATE TABLE app.tb_thing (
	pk_thing bigint PRIMARY KEY, id uuid NOT NULL, small smallint, name varchar(20) COLLATE "C", code char(3),
	price numeric(8, 2), made timestamptz(0), span interval day to second, mail app.email, mood app.mood,
	pair app.pair, tags text[], many app.pair[], bits bit(4), data jsonb, doc json, raw bytea, r int4range, "Odd one" int);
INSERT INTO app.tb_thing VALUES (1, md5('1')::uuid, 2, 'n', 'c', 3.5, '2026-01-02 03:04:05+00', '1 day 2:03', 'a@b', 'glad',
	(1, 'x'), '{a,NULL}', ARRAY[(1, 'y')::app.pair], '0101', '{"b": 1, "a": [1.50]}', '{"b": 1,  "a": 2}', '\x00ff', '[1,5)', 7);
INSERT INTO app.tb_thing (pk_thing, id) VALUES (-9223372036854775808, md5('2')::uuid), (9223372036854775807, md5('3')::uuid);
CREATE VIEW app.v_thing AS SELECT t.*, t.price * 2 AS twice FROM app.tb_thing t;
CREATE VIEW app.v_other AS SELECT pk_thing AS pk_other, id FROM app.tb_thing;
CREATE VIEW app.v_third AS SELECT pk_thing AS pk_third, id FROM app.tb_thing;
CREATE VIEW app."v_It's ""odd""" AS SELECT pk_thing AS "pk_It's ""odd""", id AS "The id" FROM app.tb_thing;
CREATE SCHEMA "Other App";
-- columns are the view's
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_thing, "tv_It's ""odd""") FROM SERVER tviews INTO app;
SELECT a.attname, format_type(a.atttypid, a.atttypmod) = format_type(v.atttypid, v.atttypmod) AS same, format_type(a.atttypid, a.atttypmod), a.attcollation = v.attcollation AS collation
FROM pg_attribute a FULL JOIN (SELECT * FROM pg_attribute WHERE attrelid = 'app.v_thing'::regclass) v USING (attname)
WHERE a.attrelid = 'app.tv_thing'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT count(*) FROM (SELECT to_jsonb(t) FROM app.tv_thing t EXCEPT ALL SELECT to_jsonb(v) FROM app.v_thing v) d;
SELECT count(*) FROM (SELECT t::text FROM app.tv_thing t EXCEPT ALL SELECT v::text FROM app.v_thing v) d;
SELECT "The id" FROM app."tv_It's ""odd""" WHERE "pk_It's ""odd""" = 1;
-- LIMIT TO, EXCEPT, into another schema
IMPORT FOREIGN SCHEMA app EXCEPT (tv_thing, tv_third, "tv_It's ""odd""") FROM SERVER tviews INTO "Other App";
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_third) FROM SERVER tviews INTO "Other App" OPTIONS (populate 'false', settings 'pinned');
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_other) FROM SERVER tviews INTO app OPTIONS (view 'app.v_thing');
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_other) FROM SERVER tviews INTO app OPTIONS (populate 'perhaps');
SELECT c.relnamespace::regnamespace, c.relname, f.ftoptions FROM pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid ORDER BY 1::text, 2;
SELECT tview, rows, complete FROM tview.cache_stats ORDER BY tview::text;
-- the same TVIEW twice, both are right
CREATE FOREIGN TABLE app.tv_again (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE "Other App"."TV" ("Id" uuid, pk bigint) SERVER tviews OPTIONS (view 'app.v_other', key 'pk');

-- by hand: columns that are not the view's
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (id uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other int, id uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id text) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid, more int) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, uid uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (id uuid, pk_other bigint) SERVER tviews OPTIONS (view 'app.v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'app.v_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'id');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'app.v_other', key 'nope');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews;
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'v_other', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view 'a.b.c.d', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_other bigint, id uuid) SERVER tviews OPTIONS (view '', key 'pk_other');
CREATE FOREIGN TABLE app.tv_bad (pk_thing bigint, name varchar(10)) SERVER tviews OPTIONS (view 'app.v_bad');
CREATE VIEW app.v_bad AS SELECT pk_thing AS pk_bad, name FROM app.tb_thing;
CREATE FOREIGN TABLE app.tv_bad (pk_bad bigint, name varchar(10)) SERVER tviews OPTIONS (view 'app.v_bad');
CREATE FOREIGN TABLE app.tv_bad (pk_bad bigint, name varchar(20)) SERVER tviews OPTIONS (view 'app.v_bad');
CREATE FOREIGN TABLE app.tv_bad (pk_bad bigint, name varchar(20) COLLATE "C" DEFAULT 'x' NULL, CHECK (pk_bad IS NOT NULL)) SERVER tviews OPTIONS (view 'app.v_bad');
SELECT count(*) FROM app.tv_bad;
CREATE FOREIGN TABLE IF NOT EXISTS app.tv_bad (x int) SERVER tviews OPTIONS (view 'app.v_bad');
SELECT chk.prepare();
SELECT count(DISTINCT tview) FROM chk.comparison;
SELECT * FROM chk.check_all('imported');
-- within one transaction, and rolled back
BEGIN;
CREATE VIEW app.v_quick AS SELECT pk_thing AS pk_quick, name FROM app.tb_thing;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_quick) FROM SERVER tviews INTO app;
UPDATE app.tb_thing SET name = 'quick' WHERE pk_thing = 1;
SELECT name FROM app.tv_quick WHERE pk_quick = 1;
ROLLBACK;
SELECT count(*) FROM tview.status WHERE tview::text LIKE '%quick';
BEGIN;
CREATE SERVER second FOREIGN DATA WRAPPER tview_fdw;
SAVEPOINT s;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_other) FROM SERVER second INTO app;
ROLLBACK TO s;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_third) FROM SERVER second INTO app;
COMMIT;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_other) FROM SERVER second INTO app;
DROP FOREIGN TABLE app.tv_third;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_other, tv_third) FROM SERVER second INTO app;
UPDATE app.tb_thing SET name = 'both' WHERE pk_thing = 1;
SELECT chk.prepare();
SELECT count(DISTINCT tview) FROM chk.comparison;
SELECT * FROM chk.check_all('two servers');
SELECT server, state FROM tview.store ORDER BY 1;
-- populate
CREATE VIEW app.v_lazy AS SELECT pk_thing AS pk_lazy, name FROM app.tb_thing;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_lazy) FROM SERVER tviews INTO app OPTIONS (populate 'false');
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_lazy'::regclass;
SELECT name FROM app.tv_lazy WHERE pk_lazy = 1;
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_lazy'::regclass;
SELECT count(*) FROM app.tv_lazy;
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_lazy'::regclass;
SELECT tview.reset('app.tv_lazy');
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_lazy'::regclass;
SELECT tview.refresh('app.tv_lazy');
SELECT rows, complete FROM tview.cache_stats WHERE tview = 'app.tv_lazy'::regclass;
TABLE tview.progress;
DROP SCHEMA "Other App" CASCADE;
DROP SERVER second CASCADE;
\set ECHO none
\i :end
