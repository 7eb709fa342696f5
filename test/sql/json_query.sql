-- proves that SQL/JSON query functions and JSON_TABLE have the values of the view in every session
-- (from PostgreSQL 17 on)
SELECT current_setting('server_version_num')::int < 170000 AS is_older \gset
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
CREATE TABLE app.tb_doc (pk_doc int PRIMARY KEY, doc jsonb, at timestamptz);
INSERT INTO app.tb_doc SELECT n, jsonb_build_object('n', n, 'at', '2026-01-02 03:04:05+0' || n, 'list', jsonb_build_array(jsonb_build_object('x', n, 'y', 'a'), jsonb_build_object('x', n + 1))),
	'2026-01-02 03:04:05+00' FROM generate_series(1, 4) n;
CREATE TABLE app.tb_part (pk_part int PRIMARY KEY, fk_doc int REFERENCES app.tb_doc, item jsonb);
INSERT INTO app.tb_part SELECT n, 1 + n % 4, to_jsonb(n) FROM generate_series(1, 8) n;
CREATE VIEW app.v_value AS SELECT pk_doc AS pk_value, JSON_VALUE(doc, '$.n' RETURNING int) AS n, JSON_VALUE(doc, '$.none' RETURNING text DEFAULT 'no' ON EMPTY) AS e, JSON_EXISTS(doc, '$.list[1]') AS l FROM app.tb_doc;
CREATE VIEW app.v_query AS SELECT pk_doc AS pk_query, JSON_QUERY(doc, '$.list[*].x' WITH WRAPPER) AS data FROM app.tb_doc;
CREATE VIEW app.v_moment AS SELECT pk_doc AS pk_moment, JSON_VALUE(doc, '$.at.timestamp_tz()' RETURNING text ERROR ON ERROR) AS t, JSON_EXISTS(doc, '$.at.datetime() ? (@ > $x)' PASSING at AS x) AS later,
	JSON_VALUE(doc, '$.at' RETURNING timestamptz) AS tz FROM app.tb_doc;
CREATE VIEW app.v_items AS SELECT d.pk_doc AS pk_items, (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.n) FROM JSON_TABLE(d.doc, '$.list[*]' COLUMNS (n FOR ORDINALITY, x int PATH '$.x', y text PATH '$.y' DEFAULT '-' ON EMPTY)) t) AS data FROM app.tb_doc d;
CREATE VIEW app.v_parts AS SELECT d.pk_doc AS pk_parts, JSON_SCALAR(d.at) AS at, JSON_SERIALIZE(JSON(d.doc::text) RETURNING text) AS text,
	(SELECT jsonb_agg(t.i ORDER BY p.pk_part) FROM app.tb_part p, JSON_TABLE(p.item, '$' COLUMNS (i int PATH '$')) t WHERE p.fk_doc = d.pk_doc) AS data FROM app.tb_doc d;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
\pset null '-'
SELECT count(*) FROM chk.check_all('at first', true);
SELECT * FROM chk.look();
SELECT * FROM chk.check_all('as stored');
UPDATE app.tb_doc SET doc = jsonb_set(doc, '{list,0,x}', '77') WHERE pk_doc = 2;
UPDATE app.tb_part SET item = '99' WHERE pk_part = 3;
UPDATE app.tb_doc SET at = '2025-01-01 00:00+00' WHERE pk_doc = 1;
SELECT * FROM chk.check_all('after changes');
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM chk.check_all('TimeZone');
RESET TimeZone;
SET DateStyle = 'ISO, DMY';
SELECT * FROM chk.check_all('DateStyle');
RESET DateStyle;
\set ECHO none
\i :end
