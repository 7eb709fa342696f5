-- proves that SQL/JSON constructors and their aggregates have the values of the view in every session
-- (from PostgreSQL 16 on)
SELECT current_setting('server_version_num')::int < 160000 AS is_older \gset
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
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text, made timestamptz, part float8, raw bytea, doc text);
INSERT INTO app.tb_user VALUES (1, 'one', '2026-01-02 03:04:05+00', 0.1::float8 + 0.2::float8, '\x00ff', '{"a": 1}'),
	(2, 'two', '2026-07-02 03:04:05+00', 1e100, '\x41', '[1, 2]'), (3, 'three', NULL, NULL, NULL, 'none');
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES app.tb_user, made timestamptz, part float8);
INSERT INTO app.tb_post SELECT n, 1 + n % 3, timestamptz '2026-03-01 00:00+00' + n * interval '1 day', n / 3.0 FROM generate_series(1, 9) n;
CREATE VIEW app.v_plain AS SELECT pk_user AS pk_plain, JSON_OBJECT('name': name, 'is': doc IS JSON OBJECT ABSENT ON NULL RETURNING jsonb) AS data FROM app.tb_user;
CREATE VIEW app.v_object AS SELECT pk_user AS pk_object, JSON_OBJECT('made': made, 'name': name RETURNING jsonb) AS data FROM app.tb_user;
CREATE VIEW app.v_array AS SELECT pk_user AS pk_array, JSON_ARRAY(part, raw NULL ON NULL RETURNING text) AS data FROM app.tb_user;
CREATE VIEW app.v_list AS SELECT pk_user AS pk_list, JSON_ARRAY(SELECT p.made FROM app.tb_post p WHERE p.fk_user = u.pk_user ORDER BY p.pk_post RETURNING jsonb) AS data FROM app.tb_user u;
CREATE VIEW app.v_strict AS SELECT u.pk_user AS pk_strict, (SELECT JSON_ARRAYAGG(p.made ORDER BY p.pk_post ABSENT ON NULL RETURNING jsonb) FROM app.tb_post p WHERE p.fk_user = u.pk_user) AS data FROM app.tb_user u;
CREATE VIEW app.v_unique AS SELECT u.pk_user AS pk_unique, (SELECT JSON_OBJECTAGG(p.pk_post: p.made ABSENT ON NULL WITH UNIQUE KEYS RETURNING jsonb) FROM app.tb_post p WHERE p.fk_user = u.pk_user) AS data FROM app.tb_user u;
CREATE VIEW app.v_parts AS SELECT u.pk_user AS pk_parts, (SELECT JSON_OBJECTAGG(p.pk_post: p.part NULL ON NULL RETURNING jsonb) FROM app.tb_post p WHERE p.fk_user = u.pk_user) AS data FROM app.tb_user u;
CREATE VIEW app.v_any AS SELECT u.pk_user AS pk_any, any_value(p.fk_user) AS fk_user, count(p.pk_post) AS n FROM app.tb_user u LEFT JOIN app.tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
-- (warnings: an order that is not defined)
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT chk.prepare();
\pset null '-'
SELECT count(*) FROM chk.check_all('at first', true);
SELECT * FROM chk.look();
SELECT * FROM chk.check_all('as stored');
UPDATE app.tb_post SET made = made + interval '1 hour', part = part + 1 WHERE pk_post < 4;
UPDATE app.tb_user SET doc = '{}', made = now() WHERE pk_user = 3;
SELECT * FROM chk.check_all('after changes');
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM chk.check_all('TimeZone');
RESET TimeZone;
SET extra_float_digits = -10;
SELECT * FROM chk.check_all('extra_float_digits');
RESET extra_float_digits;
SET bytea_output = 'escape';
SELECT * FROM chk.check_all('bytea_output');
RESET bytea_output;
\set ECHO none
\i :end
