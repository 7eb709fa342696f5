-- proves that TVIEWs follow what a type of one's own does: the constraints of domains, comparisons, collations that put values together
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO app.tb_user VALUES (1, 'a'), (2, 'b');
-- a function behind the constraint of a domain
CREATE FUNCTION app.is_word(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
CREATE DOMAIN app.word AS text CHECK (app.is_word(VALUE));
CREATE DOMAIN app.short_word AS app.word CHECK (length(VALUE) < 100);
CREATE VIEW app.v_word AS SELECT pk_user AS pk_word, name::app.word AS word FROM app.tb_user;
CREATE VIEW app.v_short AS SELECT pk_user AS pk_short, name::app.short_word::text AS word FROM app.tb_user;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT * FROM app.tv_word JOIN app.tv_short ON pk_short = pk_word ORDER BY 1;
CREATE OR REPLACE FUNCTION app.is_word(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 = 'a'; END $$;
SELECT * FROM app.v_word WHERE pk_word = 2;
SELECT * FROM app.tv_word WHERE pk_word = 2;
SELECT * FROM app.tv_short WHERE pk_short = 2;
SELECT * FROM app.tv_short WHERE pk_short = 1;
-- what a constraint may not look at
CREATE DOMAIN app.future AS timestamptz CHECK (VALUE > now());
CREATE VIEW app.v_future AS SELECT pk_user AS pk_future, ('2100-01-0' || pk_user)::timestamptz::app.future AS f FROM app.tb_user;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_future) FROM SERVER tviews INTO app;
-- comparisons that PostgreSQL's own functions call
CREATE TYPE app.pair AS (a int);
CREATE FUNCTION app.pair_cmp(app.pair, app.pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ($1).a - ($2).a; END';
CREATE FUNCTION app.pair_lt(app.pair, app.pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ($1).a < ($2).a; END';
CREATE FUNCTION app.pair_eq(app.pair, app.pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ($1).a = ($2).a; END';
CREATE OPERATOR app.<<< (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.pair_lt);
CREATE OPERATOR app.=== (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.pair_eq);
CREATE OPERATOR CLASS app.pair_ops DEFAULT FOR TYPE app.pair USING btree AS
	OPERATOR 1 app.<<<, OPERATOR 3 app.===, FUNCTION 1 app.pair_cmp(app.pair, app.pair);
CREATE TABLE app.tb_pair (pk_pair int PRIMARY KEY, x app.pair, y app.pair);
INSERT INTO app.tb_pair VALUES (1, '(1)', '(2)');
CREATE VIEW app.v_pair AS SELECT pk_pair, greatest(x, y) AS most, ARRAY[x] < ARRAY[y] AS less FROM app.tb_pair;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_pair) FROM SERVER tviews INTO app;
TABLE app.tv_pair;
CREATE OR REPLACE FUNCTION app.pair_cmp(app.pair, app.pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ($2).a - ($1).a; END';
TABLE app.v_pair;
TABLE app.tv_pair;
-- groups that put together what the condition on them tells apart
CREATE COLLATION app.any_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TABLE app.tb_tag (id int, tag text);
INSERT INTO app.tb_tag VALUES (1, 'a');
CREATE VIEW app.v_tag AS SELECT u.pk_user AS pk_tag, u.name, g.n FROM app.tb_user u
	LEFT JOIN (SELECT tag COLLATE app.any_case AS tag, count(*) AS n FROM app.tb_tag GROUP BY tag COLLATE app.any_case) g
	ON g.tag COLLATE "C" = u.name COLLATE "C";
CREATE VIEW app.v_deep AS SELECT u.pk_user AS pk_deep, g.n FROM app.tb_user u
	LEFT JOIN (SELECT tag COLLATE "C" AS tag, n FROM (SELECT tag COLLATE app.any_case AS tag, count(*) AS n FROM app.tb_tag GROUP BY 1) i) g
	ON g.tag = u.name COLLATE "C";
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_tag, tv_deep) FROM SERVER tviews INTO app;
SELECT tview, base_table, reached_by FROM tview.lineage WHERE tview IN ('app.tv_tag'::regclass, 'app.tv_deep'::regclass) ORDER BY 1, 2;
SELECT * FROM app.tv_tag JOIN app.tv_deep ON pk_deep = pk_tag ORDER BY 1;
INSERT INTO app.tb_tag VALUES (2, 'A');
SELECT * FROM app.v_tag JOIN app.v_deep ON pk_deep = pk_tag ORDER BY 1;
SELECT * FROM app.tv_tag JOIN app.tv_deep ON pk_deep = pk_tag ORDER BY 1;
\set ECHO none
\i :end
