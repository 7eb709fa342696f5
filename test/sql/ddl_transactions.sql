-- proves that DDL in a transaction or a savepoint, kept or rolled back, beside writes, leaves every TVIEW equal to its view, for prepared statements too
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE TYPE app.boxed AS (m app.mood, n int);
CREATE DOMAIN app.label AS text CHECK (VALUE <> 'never');
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL UNIQUE, name text, moods app.mood[], boxed app.boxed, spare int);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user int, title text, label app.label, spare int);
CREATE TABLE app.tb_event (pk_event int, kind text, fk_user int, what text, PRIMARY KEY (pk_event, kind)) PARTITION BY LIST (kind);
CREATE TABLE app.tb_event_a PARTITION OF app.tb_event FOR VALUES IN ('a');
CREATE TABLE app.tb_event_b PARTITION OF app.tb_event FOR VALUES IN ('b');
CREATE TABLE app.tb_event_c (what text, pk_event int NOT NULL, fk_user int, kind text NOT NULL);
CREATE TABLE app.tb_log (fk_user int, line text);
CREATE TABLE app.tb_old_log () INHERITS (app.tb_log);
CREATE TABLE app.tb_far_log (line text, fk_user int);
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'user ' || n, '{sad,glad}', ROW('glad', n)::app.boxed, n FROM generate_series(1, 4) n;
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 1 + n % 4, 'The running cats ' || n, 'l' || n, n FROM generate_series(1, 6) n;
INSERT INTO app.tb_event SELECT n, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, 1 + n % 4, 'e' || n FROM generate_series(1, 6) n;
INSERT INTO app.tb_event_c SELECT 'c' || n, n, 1 + n % 4, 'c' FROM generate_series(7, 9) n;
INSERT INTO app.tb_log SELECT n, 'log ' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_old_log SELECT n, 'old ' || n FROM generate_series(2, 4) n;
INSERT INTO app.tb_far_log SELECT 'far ' || n, n FROM generate_series(1, 3) n;
CREATE TEXT SEARCH CONFIGURATION app.words (COPY = pg_catalog.english);
CREATE TEXT SEARCH DICTIONARY app.stem (TEMPLATE = snowball, language = english);
ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR asciiword WITH app.stem;
CREATE FUNCTION app.inner_one(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT x || '!' $$;
CREATE FUNCTION app.outer_one(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.inner_one(x); END $$;
CREATE FUNCTION app.add_it(s text, x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(s, '') || x $$;
CREATE AGGREGATE app.chain(text) (SFUNC = app.add_it, STYPE = text);
CREATE FUNCTION app.mood_words(m app.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'mood ' || (m IS NULL) $$;
CREATE CAST (app.mood AS text) WITH FUNCTION app.mood_words(app.mood);
CREATE FUNCTION app.mood_json(m app.mood) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT '{"mood": 1}'::json $$;
CREATE FUNCTION app.both(a text, b int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT a || '*' || b $$;
CREATE OPERATOR app.<*> (FUNCTION = app.both, LEFTARG = text, RIGHTARG = int);
CREATE VIEW app.v_user AS SELECT u.pk_user, u.id, app.outer_one(u.name) AS name, u.moods, u.boxed, to_jsonb(u) AS data FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, p.label, jsonb_build_object('title', p.title, 'by', u.name, 'mood', u.moods[1]::text, 'star', p.title OPERATOR(app.<*>) p.pk_post) AS data
	FROM app.tb_post p LEFT JOIN app.tb_user u ON u.pk_user = p.fk_user;
CREATE VIEW app.v_words AS SELECT p.pk_post AS pk_words, p.fk_user, to_tsvector('app.words', p.title)::text AS words, ts_lexize('app.stem', 'stars') AS stars FROM app.tb_post p;
CREATE VIEW app.v_event AS SELECT e.pk_event, e.kind, e.fk_user, e.tableoid::regclass::text AS part, e.what FROM app.tb_event e;
CREATE VIEW app.v_all AS SELECT u.pk_user AS pk_all, (SELECT app.chain(e.what ORDER BY e.what) FROM app.tb_event e WHERE e.fk_user = u.pk_user) AS events,
	(SELECT jsonb_agg(l.line ORDER BY l.line) FROM app.tb_log l WHERE l.fk_user = u.pk_user) AS lines FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT tview, problem FROM tview.status ORDER BY tview::text;
-- writes that go with every step
CREATE PROCEDURE chk.touch(n int) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE app.tb_user SET name = name || n WHERE pk_user = 1 + n % 4;
	UPDATE app.tb_post SET title = title || ' jumping', fk_user = 1 + (fk_user + n) % 4 WHERE pk_post = 1 + n % 6;
	UPDATE app.tb_event SET what = what || n WHERE pk_event = 1 + n % 6;
	UPDATE app.tb_event SET kind = CASE kind WHEN 'a' THEN 'b' ELSE 'a' END WHERE pk_event = 1 + n % 6 AND tableoid::regclass::text ~ '[ab]$' AND n % 5 = 0;
	UPDATE app.tb_log SET line = line || n WHERE fk_user = 1 + n % 4;
	DELETE FROM app.tb_post WHERE pk_post = 6;
	INSERT INTO app.tb_post (pk_post, id, fk_user, title) VALUES (6, md5('new' || n)::uuid, 1 + n % 4, 'again ' || n);
EXCEPTION WHEN undefined_table OR undefined_column OR check_violation OR not_null_violation THEN
	-- one step takes away what another part of the writes needs: less is written then
	UPDATE app.tb_post SET title = title || n;
END $$;
CREATE TABLE chk.step (n int GENERATED ALWAYS AS IDENTITY, ddl text, undo text);
INSERT INTO chk.step (ddl, undo) VALUES
	-- columns
	('ALTER TABLE app.tb_user ADD COLUMN extra int DEFAULT 7', 'ALTER TABLE app.tb_user DROP COLUMN extra'),
	('ALTER TABLE app.tb_user ADD COLUMN extra float8 DEFAULT random()', 'ALTER TABLE app.tb_user DROP COLUMN extra'),
	('ALTER TABLE app.tb_post DROP COLUMN spare, ADD COLUMN spare int DEFAULT 2', NULL),
	('ALTER TABLE app.tb_user DROP COLUMN spare, ADD COLUMN spare text DEFAULT ''t''', NULL),
	('ALTER TABLE app.tb_post ALTER COLUMN spare TYPE bigint', NULL),
	('ALTER TABLE app.tb_post ALTER COLUMN spare TYPE text USING ''s'' || spare', NULL),
	('ALTER TABLE app.tb_post ALTER COLUMN title SET NOT NULL', 'ALTER TABLE app.tb_post ALTER COLUMN title DROP NOT NULL'),
	('ALTER TABLE app.tb_user ALTER COLUMN id DROP NOT NULL', 'ALTER TABLE app.tb_user ALTER COLUMN id SET NOT NULL'),
	('ALTER TABLE app.tb_post RENAME COLUMN spare TO title2', 'ALTER TABLE app.tb_post RENAME COLUMN title2 TO spare'),
	('ALTER TABLE app.tb_user RENAME COLUMN spare TO reserve', 'ALTER TABLE app.tb_user RENAME COLUMN reserve TO spare'),
	('ALTER TABLE app.tb_post ADD COLUMN twice text GENERATED ALWAYS AS (title || title) STORED', 'ALTER TABLE app.tb_post DROP COLUMN twice'),
	-- names
	('ALTER TABLE app.tb_event_b RENAME TO tb_event_z', 'ALTER TABLE app.tb_event_z RENAME TO tb_event_b'),
	('ALTER TABLE app.tb_event_b SET SCHEMA chk', 'ALTER TABLE chk.tb_event_b SET SCHEMA app'),
	('ALTER FUNCTION app.outer_one RENAME TO outer_two', 'ALTER FUNCTION app.outer_two RENAME TO outer_one'),
	('ALTER FUNCTION app.outer_one SET SCHEMA chk', 'ALTER FUNCTION chk.outer_one SET SCHEMA app'),
	('ALTER TYPE app.mood RENAME TO humour', 'ALTER TYPE app.humour RENAME TO mood'),
	('ALTER TYPE app.mood SET SCHEMA chk', 'ALTER TYPE chk.mood SET SCHEMA app'),
	-- types
	('ALTER TYPE app.mood RENAME VALUE ''glad'' TO ''happy''', 'ALTER TYPE app.mood RENAME VALUE ''happy'' TO ''glad'''),
	('ALTER TYPE app.boxed RENAME ATTRIBUTE n TO nn CASCADE', 'ALTER TYPE app.boxed RENAME ATTRIBUTE nn TO n CASCADE'),
	('ALTER TYPE app.boxed ADD ATTRIBUTE o int CASCADE', 'ALTER TYPE app.boxed DROP ATTRIBUTE o CASCADE'),
	('ALTER DOMAIN app.label ADD CONSTRAINT short CHECK (length(VALUE) < 9)', 'ALTER DOMAIN app.label DROP CONSTRAINT short'),
	('ALTER DOMAIN app.label SET DEFAULT ''d''', 'ALTER DOMAIN app.label DROP DEFAULT'),
	-- functions, operators, casts, aggregates, text search
	('CREATE OR REPLACE FUNCTION app.inner_one(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT x || ''?'' $f$',
		'CREATE OR REPLACE FUNCTION app.inner_one(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT x || ''!'' $f$'),
	('CREATE OR REPLACE FUNCTION app.both(a text, b int) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT b || a $f$', NULL),
	('CREATE OR REPLACE FUNCTION app.add_it(s text, x text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT x || coalesce(s, ''-'') $f$', NULL),
	('CREATE OR REPLACE AGGREGATE app.chain(text) (SFUNC = app.add_it, STYPE = text, INITCOND = ''begin'')', NULL),
	('CREATE OR REPLACE FUNCTION app.mood_words(m app.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN ''m''; END $f$', NULL),
	('ALTER FUNCTION app.inner_one(text) STRICT', 'ALTER FUNCTION app.inner_one(text) CALLED ON NULL INPUT'),
	('ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR asciiword WITH simple', 'ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR asciiword WITH app.stem'),
	('ALTER TEXT SEARCH DICTIONARY app.stem (language = german)', 'ALTER TEXT SEARCH DICTIONARY app.stem (language = english)'),
	('ALTER TEXT SEARCH CONFIGURATION app.words DROP MAPPING FOR asciiword', 'ALTER TEXT SEARCH CONFIGURATION app.words ADD MAPPING FOR asciiword WITH english_stem'),
	('CREATE CAST (app.mood AS json) WITH FUNCTION app.mood_json(app.mood)', 'DROP CAST (app.mood AS json)'),
	-- views
	('CREATE OR REPLACE VIEW app.v_event AS SELECT e.pk_event, e.kind, e.fk_user, e.tableoid::regclass::text AS part, upper(e.what) AS what FROM app.tb_event e',
		'CREATE OR REPLACE VIEW app.v_event AS SELECT e.pk_event, e.kind, e.fk_user, e.tableoid::regclass::text AS part, e.what FROM app.tb_event e'),
	('CREATE OR REPLACE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, p.label, jsonb_build_object(''logs'', (SELECT count(*) FROM app.tb_log l WHERE l.fk_user = p.fk_user)) AS data FROM app.tb_post p', NULL),
	('CREATE OR REPLACE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, p.label, jsonb_build_object(''title'', p.title) AS data FROM app.tb_post p', NULL),
	('ALTER VIEW app.v_post SET (security_barrier)', 'ALTER VIEW app.v_post RESET (security_barrier)'),
	-- triggers
	('ALTER TABLE app.tb_post DISABLE TRIGGER USER', 'ALTER TABLE app.tb_post ENABLE TRIGGER USER'),
	('ALTER TABLE app.tb_post DISABLE TRIGGER ALL', 'ALTER TABLE app.tb_post ENABLE TRIGGER ALL'),
	('CALL chk.alter_mark_triggers(''app.tb_post'', ''DISABLE'')', 'CALL chk.alter_mark_triggers(''app.tb_post'', ''ENABLE'')'),
	('CALL chk.alter_mark_triggers(''app.tb_user'', ''ENABLE REPLICA'')', 'CALL chk.alter_mark_triggers(''app.tb_user'', ''ENABLE ALWAYS'')'),
	('CALL chk.alter_mark_triggers(''app.tb_log'', ''DISABLE'')', 'CALL chk.alter_mark_triggers(''app.tb_log'', ''ENABLE ALWAYS'')'),
	('SET LOCAL session_replication_role = replica', NULL),
	('SET LOCAL session_replication_role = local', NULL),
	-- partitions and children
	('ALTER TABLE app.tb_event ATTACH PARTITION app.tb_event_c FOR VALUES IN (''c'')', 'ALTER TABLE app.tb_event DETACH PARTITION app.tb_event_c'),
	('ALTER TABLE app.tb_event DETACH PARTITION app.tb_event_a', 'ALTER TABLE app.tb_event ATTACH PARTITION app.tb_event_a FOR VALUES IN (''a'')'),
	('CREATE TABLE app.tb_event_d PARTITION OF app.tb_event DEFAULT', 'DROP TABLE app.tb_event_d'),
	('ALTER TABLE app.tb_far_log INHERIT app.tb_log', 'ALTER TABLE app.tb_far_log NO INHERIT app.tb_log'),
	('ALTER TABLE app.tb_old_log NO INHERIT app.tb_log, ADD COLUMN more int', 'ALTER TABLE app.tb_old_log DROP COLUMN more, INHERIT app.tb_log'),
	('CREATE TABLE app.tb_new_log (n int DEFAULT 1) INHERITS (app.tb_log)', 'DROP TABLE app.tb_new_log'),
	('TRUNCATE app.tb_old_log', NULL),
	-- indexes and constraints
	('CREATE INDEX i ON app.tb_post (fk_user)', 'DROP INDEX app.i'),
	('CREATE UNIQUE INDEX i ON app.tb_log (fk_user, line)', 'DROP INDEX app.i'),
	('ALTER TABLE app.tb_user DROP CONSTRAINT tb_user_pkey', 'ALTER TABLE app.tb_user ADD PRIMARY KEY (pk_user)'),
	('ALTER TABLE app.tb_post DROP CONSTRAINT tb_post_pkey', 'ALTER TABLE app.tb_post ADD PRIMARY KEY (pk_post)'),
	('ALTER TABLE app.tb_post DROP CONSTRAINT tb_post_id_key, ADD UNIQUE (id) DEFERRABLE', NULL),
	('ALTER TABLE app.tb_post ADD CHECK (title <> ''never'')', NULL),
	-- who may
	('ALTER TABLE app.tb_post ENABLE ROW LEVEL SECURITY', 'ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY'),
	('ALTER FOREIGN TABLE app.tv_post OPTIONS (ADD settings ''pinned'')', 'ALTER FOREIGN TABLE app.tv_post OPTIONS (DROP settings)'),
	-- storage
	('CLUSTER app.tb_post USING tb_post_id_key', NULL),
	('ALTER TABLE app.tb_user ALTER COLUMN spare TYPE varchar(3) USING left(spare, 3)', NULL);
-- the triggers of one table, one by one
CREATE PROCEDURE chk.alter_mark_triggers(rel regclass, what text) LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = rel AND tgname ~ 'tview_mark_row' LOOP
		EXECUTE format('ALTER TABLE %s %s TRIGGER %I', rel, what, t);
	END LOOP;
END $$;
SET client_min_messages = error;
SELECT chk.prepare();
SELECT * FROM chk.check_all('at first');
-- the few that are asked for over and over
UPDATE chk.comparison SET is_basic = what IN ('scan', 'by fk_user', 'by pk_all') WHERE is_basic;
SELECT * FROM chk.check_all('at first', true);
\pset format unaligned
\pset tuples_only on
\set ECHO none
SELECT line FROM chk.step, LATERAL (VALUES
	(1, 'BEGIN'),
	(2, format('CALL chk.touch(%s)', n)),
	(3, 'SAVEPOINT s'),
	(4, ddl),
	(5, format('SELECT * FROM chk.check_all(%L, true)', n || ' in savepoint: ' || ddl)),
	(6, format('CALL chk.touch(%s)', n + 1)),
	(7, format('SELECT * FROM chk.check_all(%L, true)', n || ' in savepoint, written: ' || ddl)),
	(8, 'ROLLBACK TO s'),
	(9, format('SELECT * FROM chk.check_all(%L, true)', n || ' after ROLLBACK TO: ' || ddl)),
	(10, ddl),
	(11, CASE n % 2 WHEN 0 THEN format('SELECT * FROM chk.check_all(%L, true)', n || ' in transaction: ' || ddl) END),
	(12, CASE n % 2 WHEN 0 THEN 'ROLLBACK;' ELSE undo END),
	(13, CASE n % 2 WHEN 1 THEN 'COMMIT;' END),
	(14, format('SELECT * FROM chk.check_all(%L, true)', n || ' done and undone: ' || ddl)),
	(15, ddl),
	-- all shapes of queries now and then, the few otherwise
	(16, format('SELECT * FROM chk.check_all(%L, %L)', n || ' for good: ' || ddl, n % 4 <> 0)),
	(17, format('CALL chk.touch(%s)', n + 2)),
	(18, format('SELECT * FROM chk.check_all(%L, true)', n || ' written: ' || ddl)),
	(19, undo),
	(20, CASE WHEN undo IS NOT NULL THEN format('SELECT * FROM chk.check_all(%L, true)', n || ' undone: ' || ddl) END)) l(i, line)
WHERE line IS NOT NULL
ORDER BY n, i
\gexec
\pset format aligned
\pset tuples_only off
\set ECHO all
RESET client_min_messages;
SELECT tview, problem FROM tview.status ORDER BY tview::text;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
-- a function that another one calls goes: the view cannot be computed then, and nor is the TVIEW served
-- (which statement computes the row depends on whether anything is stored)
\set SHOW_CONTEXT never
DROP FUNCTION app.inner_one(text);
SELECT name FROM app.v_user WHERE pk_user = 1;
SELECT name FROM app.tv_user WHERE pk_user = 1;
\set ECHO none
\i :end
