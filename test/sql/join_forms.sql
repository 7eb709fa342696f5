-- proves that views that reach rows through lists, arrays, sub-selects, other types and collations show every change at once
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN app.code AS text CHECK (value <> '');
CREATE TABLE app.tb_owner (pk_owner int PRIMARY KEY, n int, name varchar(20), mood app.mood, code app.code,
	word text COLLATE "POSIX", span int4range, at time, zoned timetz, stay tstzrange, stays tstzmultirange);
CREATE TABLE app.tb_item (pk_item int PRIMARY KEY, fk_owner int, owners int[], name varchar(20), mood app.mood, code app.code,
	word text COLLATE "C", span int4range);
CREATE TABLE app.tb_link (pk_link int PRIMARY KEY, fk_item int, fk_owner int, kind int);
INSERT INTO app.tb_owner SELECT n, n % 3, 'name' || n % 4, (enum_range(NULL::app.mood))[1 + n % 3], 'c' || n, 'w' || n % 5,
	int4range(n, n + 2), time '01:00' + n * interval '1 h', timetz '02:00+01' + n * interval '1 h',
	tstzrange(NULL, timestamptz '2026-01-01 00:00+00' + n * interval '1 d'),
	tstzmultirange(tstzrange('2026-01-01 00:00+00', timestamptz '2026-01-02 00:00+00' + n * interval '1 d'))
	FROM generate_series(1, 8) n;
INSERT INTO app.tb_item SELECT n, 1 + n % 6, ARRAY[n, n + 1, NULL], 'name' || n % 5, (enum_range(NULL::app.mood))[1 + n % 3],
	'c' || 1 + n % 7, 'w' || n % 6, int4range(n, n + 2) FROM generate_series(1, 10) n;
INSERT INTO app.tb_link SELECT n, 1 + n % 7, 1 + n % 5, n % 3 FROM generate_series(1, 12) n;

-- lists and arrays
CREATE VIEW app.v_listed AS SELECT i.pk_item AS pk_listed, o.name
	FROM app.tb_item i LEFT JOIN app.tb_owner o ON o.pk_owner = i.fk_owner AND o.n IN (1, 2);
CREATE VIEW app.v_fixed AS SELECT i.pk_item AS pk_fixed,
	(SELECT jsonb_agg(o.name ORDER BY o.pk_owner) FROM app.tb_owner o WHERE o.pk_owner IN (2, 3, 5)) AS data FROM app.tb_item i;
CREATE VIEW app.v_owners AS SELECT i.pk_item AS pk_owners,
	(SELECT jsonb_agg(o.name ORDER BY o.pk_owner) FROM app.tb_owner o WHERE o.pk_owner = ANY (i.owners)) AS data FROM app.tb_item i;
CREATE VIEW app.v_member AS SELECT o.pk_owner AS pk_member,
	(SELECT jsonb_agg(i.name ORDER BY i.pk_item) FROM app.tb_item i WHERE o.pk_owner = ANY (i.owners)) AS data FROM app.tb_owner o;
CREATE VIEW app.v_strangers AS SELECT i.pk_item AS pk_strangers,
	(SELECT count(*) FROM app.tb_owner o WHERE o.pk_owner <> ALL (i.owners)) AS n FROM app.tb_item i;
CREATE VIEW app.v_pair AS SELECT i.pk_item AS pk_pair,
	(SELECT count(*) FROM app.tb_owner o WHERE o.pk_owner = ANY (ARRAY[i.fk_owner, i.pk_item])) AS n FROM app.tb_item i;
-- sub-selects as conditions
CREATE VIEW app.v_in AS SELECT i.pk_item AS pk_in, i.name FROM app.tb_item i
	WHERE i.pk_item IN (SELECT l.fk_item FROM app.tb_link l WHERE l.kind = 1);
CREATE VIEW app.v_exists AS SELECT i.pk_item AS pk_exists, i.name FROM app.tb_item i
	WHERE EXISTS (SELECT FROM app.tb_link l WHERE l.fk_item = i.pk_item AND l.kind = 2);
CREATE VIEW app.v_exists_not AS SELECT i.pk_item AS pk_exists_not, i.name FROM app.tb_item i
	WHERE NOT EXISTS (SELECT FROM app.tb_link l WHERE i.pk_item = l.fk_item);
CREATE VIEW app.v_exists_on AS SELECT i.pk_item AS pk_exists_on, (SELECT jsonb_agg(o.name ORDER BY o.pk_owner) FROM app.tb_owner o
	WHERE EXISTS (SELECT FROM app.tb_link l LEFT JOIN app.tb_item j ON l.fk_owner = o.pk_owner WHERE l.fk_item = i.pk_item)) AS data FROM app.tb_item i;
CREATE VIEW app.v_row_in AS SELECT i.pk_item AS pk_row_in, i.name FROM app.tb_item i
	WHERE (i.pk_item, i.fk_owner) IN (SELECT l.fk_item, l.fk_owner FROM app.tb_link l);
CREATE VIEW app.v_through AS SELECT i.pk_item AS pk_through, (SELECT jsonb_agg(o.name ORDER BY o.pk_owner) FROM app.tb_owner o
	WHERE o.pk_owner IN (SELECT l.fk_owner FROM app.tb_link l WHERE l.fk_item = i.pk_item)) AS data FROM app.tb_item i;
CREATE VIEW app.v_through_exists AS SELECT i.pk_item AS pk_through_exists, (SELECT jsonb_agg(o.name ORDER BY o.pk_owner) FROM app.tb_owner o
	WHERE EXISTS (SELECT FROM app.tb_link l JOIN app.tb_item j ON j.pk_item = l.fk_item WHERE l.fk_owner = o.pk_owner AND l.fk_item = i.pk_item)) AS data
	FROM app.tb_item i;
CREATE VIEW app.v_grouped AS SELECT i.pk_item AS pk_grouped, i.name FROM app.tb_item i
	WHERE EXISTS (SELECT FROM app.tb_link l WHERE l.fk_item = i.pk_item GROUP BY l.kind HAVING count(*) > 1);
-- types and collations
CREATE VIEW app.v_by_name AS SELECT i.pk_item AS pk_by_name, (SELECT jsonb_agg(o.pk_owner ORDER BY 1) FROM app.tb_owner o WHERE o.name = i.name) AS data FROM app.tb_item i;
CREATE VIEW app.v_by_mood AS SELECT i.pk_item AS pk_by_mood, (SELECT count(*) FROM app.tb_owner o WHERE o.mood = i.mood) AS n FROM app.tb_item i;
CREATE VIEW app.v_by_code AS SELECT i.pk_item AS pk_by_code, (SELECT max(o.name) FROM app.tb_owner o WHERE o.code = i.code) AS name FROM app.tb_item i;
CREATE VIEW app.v_by_word AS SELECT i.pk_item AS pk_by_word, (SELECT count(*) FROM app.tb_owner o WHERE o.word = i.word COLLATE "C") AS n FROM app.tb_item i;
CREATE VIEW app.v_by_span AS SELECT i.pk_item AS pk_by_span, (SELECT max(o.name) FROM app.tb_owner o WHERE o.span = i.span) AS name FROM app.tb_item i;
-- sources that are no tables
CREATE VIEW app.v_values AS SELECT i.pk_item AS pk_values, w.t FROM app.tb_item i LEFT JOIN (VALUES (1, 'one')) w (n, t) ON w.n = i.fk_owner;
CREATE VIEW app.v_function AS SELECT i.pk_item AS pk_function, s.x FROM app.tb_item i, LATERAL abs(i.fk_owner - 4) s (x);
CREATE VIEW app.v_first AS SELECT i.pk_item AS pk_first, f.name FROM app.tb_item i
	LEFT JOIN LATERAL (SELECT o.name FROM app.tb_owner o WHERE o.pk_owner >= i.fk_owner ORDER BY o.pk_owner LIMIT 1) f ON true;
-- values as text, and in records
CREATE VIEW app.v_as_text AS SELECT o.pk_owner AS pk_as_text, o.at::text AS at, o.zoned::text AS zoned, o.stay::text AS stay, o.stays::text AS stays, o.span::text AS span FROM app.tb_owner o;
CREATE VIEW app.v_record AS SELECT o.pk_owner AS pk_record, to_jsonb(r) AS data, to_jsonb(ROW(o.name, o.stay)) AS pair
	FROM app.tb_owner o, LATERAL (SELECT o.at, o.stay, o.name) r;

IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT s.tview, s.problem, s.warning FROM tview.status s WHERE s.problem IS NOT NULL OR s.warning IS NOT NULL ORDER BY 1;
SELECT count(*) FROM tview.status;
CREATE TABLE chk.step (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO chk.step (statement) VALUES
	($$UPDATE app.tb_owner SET name = 'new' WHERE pk_owner = 2$$),
	($$UPDATE app.tb_owner SET n = n + 1 WHERE pk_owner IN (1, 4)$$),
	($$UPDATE app.tb_item SET owners = owners || 5 WHERE pk_item = 2$$),
	($$UPDATE app.tb_item SET owners = NULL WHERE pk_item IN (3, 4)$$),
	($$UPDATE app.tb_item SET fk_owner = 3 WHERE pk_item = 6$$),
	($$INSERT INTO app.tb_link VALUES (20, 9, 7, 1), (21, 9, 7, 2), (22, 9, 7, 2)$$),
	($$UPDATE app.tb_link SET kind = 1 WHERE pk_link = 2$$),
	($$UPDATE app.tb_link SET fk_owner = 7 WHERE pk_link = 3$$),
	($$UPDATE app.tb_link SET fk_item = 10 WHERE pk_link = 5$$),
	($$UPDATE app.tb_link SET kind = 7 WHERE pk_link = 7$$),
	($$DELETE FROM app.tb_link WHERE fk_item = 4$$),
	($$UPDATE app.tb_owner SET mood = 'happy', code = 'c5', word = 'w3', span = '[3,5)' WHERE pk_owner = 1$$),
	($$UPDATE app.tb_item SET name = 'name1', mood = 'sad', code = 'c2', word = 'w1', span = '[1,3)' WHERE pk_item = 7$$),
	($$UPDATE app.tb_owner SET at = '23:00', zoned = '23:00+02', stay = 'empty', stays = '{}' WHERE pk_owner = 3$$),
	($$INSERT INTO app.tb_owner (pk_owner, n, name, mood, code) VALUES (9, 1, 'name9', 'ok', 'c6')$$),
	($$INSERT INTO app.tb_item (pk_item, fk_owner, owners, name) VALUES (11, 9, '{9,1}', 'name9')$$),
	($$DELETE FROM app.tb_owner WHERE pk_owner IN (2, 5)$$),
	($$TRUNCATE app.tb_link$$);
\set ECHO none
\pset tuples_only on
\pset format unaligned
\i :drive
\set ECHO all
SELECT n, changed > 0 AS changed FROM chk.summary ORDER BY n;
SELECT v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
