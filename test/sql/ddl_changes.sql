-- proves that after DDL on tables, views, functions and types every TVIEW still equals its view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set check :srcdir '/sql/include/check.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\i :check
\set ECHO all
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN app.label AS text CHECK (VALUE <> '');
CREATE TYPE app.pair AS (a int, b text);
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL UNIQUE, name text, mood app.mood DEFAULT 'glad', label app.label, pair app.pair DEFAULT (1, 'x'));
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user int REFERENCES app.tb_user, title text, score int DEFAULT 1);
CREATE TABLE app.tb_event (pk_event int NOT NULL, kind text NOT NULL, fk_user int) PARTITION BY LIST (kind);
CREATE TABLE app.tb_event_a PARTITION OF app.tb_event FOR VALUES IN ('a');
INSERT INTO app.tb_user SELECT n, md5('u' || n)::uuid, 'u' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_post SELECT n, md5('p' || n)::uuid, 1 + n % 4, 't' || n FROM generate_series(1, 8) n;
INSERT INTO app.tb_event SELECT n, 'a', 1 + n % 4 FROM generate_series(1, 4) n;
CREATE FUNCTION app.decorate(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '<' || x || '>' $$;
CREATE FUNCTION app.plain(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.decorate(x); END $$;
CREATE VIEW app.vw_author AS SELECT u.pk_user, u.name AS who FROM app.tb_user u;
CREATE VIEW app.v_user AS SELECT u.pk_user, u.id, u.mood, u.label, u.pair, app.decorate(u.name) AS name,
	(SELECT jsonb_agg(p.title ORDER BY p.pk_post) FROM app.tb_post p WHERE p.fk_user = u.pk_user) AS data FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, jsonb_build_object('title', app.plain(p.title), 'by', a.who) AS data
	FROM app.tb_post p JOIN app.vw_author a ON a.pk_user = p.fk_user;
CREATE VIEW app.v_whole AS SELECT p.pk_post AS pk_whole, to_jsonb(p) AS data, (SELECT jsonb_agg(u ORDER BY u.id) FROM app.tb_user u WHERE u.pk_user = p.fk_user) AS author FROM app.tb_post p;
CREATE VIEW app.v_events AS SELECT u.pk_user AS pk_events, (SELECT jsonb_agg(e.pk_event ORDER BY e.pk_event) FROM app.tb_event e WHERE e.fk_user = u.pk_user) AS data FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE FUNCTION chk.check_anew(label text) RETURNS TABLE (moment text, tview text, what text, differences text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chk.prepare();
	RETURN QUERY SELECT * FROM chk.check_all(label);
END $$;
CREATE TABLE chk.step (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO chk.step (statement) VALUES
	('ALTER TABLE app.tb_user RENAME COLUMN name TO nom'),
	($$UPDATE app.tb_user SET nom = 'renamed column' WHERE pk_user = 1$$),
	($$ALTER TABLE app.tb_post ADD COLUMN extra int DEFAULT 7$$),
	($$ALTER TABLE app.tb_post ADD COLUMN serial bigserial$$),
	($$UPDATE app.tb_post SET extra = 8 WHERE pk_post = 2$$),
	($$ALTER TABLE app.tb_post ALTER COLUMN extra SET DEFAULT 9$$),
	($$INSERT INTO app.tb_post (pk_post, id, fk_user, title) VALUES (9, md5('p9')::uuid, 2, 't9')$$),
	($$ALTER TABLE app.tb_post DROP COLUMN extra$$),
	($$ALTER TABLE app.tb_post ALTER COLUMN serial TYPE int$$),
	($$ALTER TABLE app.tb_post ALTER COLUMN serial TYPE text USING 'n' || serial$$),
	($$UPDATE app.tb_post SET serial = 'x' WHERE pk_post = 3$$),
	($$ALTER TABLE app.tb_post DROP COLUMN serial, ADD COLUMN serial int DEFAULT 3$$),
	($$CREATE OR REPLACE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, jsonb_build_object('Title', p.title) AS data FROM app.tb_post p WHERE p.score > 0$$),
	($$UPDATE app.tb_post SET score = 0 WHERE pk_post = 4$$),
	($$UPDATE app.tb_post SET score = 1 WHERE pk_post = 4$$),
	($$CREATE OR REPLACE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, jsonb_build_object('title', app.plain(p.title), 'by', a.who, 'n', (SELECT count(*) FROM app.tb_event)) AS data
		FROM app.tb_post p JOIN app.vw_author a ON a.pk_user = p.fk_user$$),
	($$INSERT INTO app.tb_event VALUES (5, 'a', 1)$$),
	($$CREATE OR REPLACE VIEW app.vw_author AS SELECT u.pk_user, upper(u.nom) AS who FROM app.tb_user u$$),
	($$UPDATE app.tb_user SET nom = 'after replace' WHERE pk_user = 2$$),
	($$ALTER VIEW app.vw_author RENAME COLUMN who TO whom$$),
	($$ALTER VIEW app.vw_author RENAME TO vw_writer$$),
	($$UPDATE app.tb_user SET nom = 'after rename' WHERE pk_user = 3$$),
	($$ALTER TABLE app.tb_user RENAME TO tb_person$$),
	($$UPDATE app.tb_person SET nom = 'renamed table' WHERE pk_user = 4$$),
	($$ALTER TABLE app.tb_person RENAME COLUMN pk_user TO pk_person$$),
	($$UPDATE app.tb_person SET nom = 'renamed key' WHERE pk_person = 4$$),
	($$ALTER TABLE app.tb_person RENAME TO "tb_User"$$),
	($$ALTER TABLE app."tb_User" RENAME TO tb_user$$),
	($$ALTER VIEW app.v_events RENAME TO v_happening$$),
	($$ALTER FOREIGN TABLE app.tv_events RENAME TO tv_happening$$),
	($$UPDATE app.tb_event SET fk_user = 2 WHERE pk_event = 1$$),
	($$CREATE SCHEMA far$$),
	($$ALTER VIEW app.v_happening SET SCHEMA far$$),
	($$ALTER FOREIGN TABLE app.tv_happening SET SCHEMA far$$),
	($$ALTER TABLE app.tb_event SET SCHEMA far$$),
	($$UPDATE far.tb_event SET fk_user = 3 WHERE pk_event = 1$$),
	($$ALTER SCHEMA far RENAME TO near$$),
	($$UPDATE near.tb_event SET fk_user = 4 WHERE pk_event = 1$$),
	($$CREATE TABLE near.tb_event_b PARTITION OF near.tb_event FOR VALUES IN ('b')$$),
	($$INSERT INTO near.tb_event_b VALUES (10, 'b', 1)$$),
	($$CREATE TABLE near.tb_event_c (fk_user int, kind text NOT NULL, pk_event int NOT NULL)$$),
	($$INSERT INTO near.tb_event_c VALUES (1, 'c', 11)$$),
	($$ALTER TABLE near.tb_event ATTACH PARTITION near.tb_event_c FOR VALUES IN ('c')$$),
	($$UPDATE near.tb_event_c SET fk_user = 2$$),
	($$ALTER TABLE near.tb_event DETACH PARTITION near.tb_event_b$$),
	($$INSERT INTO near.tb_event_b VALUES (12, 'b', 1)$$),
	($$ALTER TABLE near.tb_event ATTACH PARTITION near.tb_event_b FOR VALUES IN ('b')$$),
	($$DROP TABLE near.tb_event_c$$),
	($$CREATE OR REPLACE FUNCTION app.decorate(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT '[' || x || ']' $f$ $$),
	($$DO $d$ BEGIN
		ALTER FUNCTION app.decorate(text) RENAME TO adorn;
		CREATE FUNCTION app.decorate(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT '{' || x || '}' $f$;
	END $d$ $$),
	($$CREATE OR REPLACE FUNCTION app.plain(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN x; END $f$ $$),
	($$ALTER TYPE app.mood RENAME VALUE 'glad' TO 'happy'$$),
	($$ALTER TYPE app.mood ADD VALUE 'calm'$$),
	($$UPDATE app.tb_user SET mood = 'calm' WHERE pk_person = 1$$),
	($$ALTER TYPE app.mood RENAME TO temper$$),
	($$ALTER TYPE app.pair RENAME ATTRIBUTE b TO bb CASCADE$$),
	($$ALTER TYPE app.pair ADD ATTRIBUTE c int CASCADE$$),
	($$UPDATE app.tb_user SET pair = (2, 'y', 3) WHERE pk_person = 1$$),
	($$ALTER DOMAIN app.label DROP CONSTRAINT label_check$$),
	($$UPDATE app.tb_user SET label = '' WHERE pk_person = 1$$),
	($$ALTER TABLE app.tb_post DISABLE TRIGGER ALL$$),
	($$UPDATE app.tb_post SET title = 'unseen' WHERE pk_post = 1$$),
	($$ALTER TABLE app.tb_post ENABLE TRIGGER ALL$$),
	($$UPDATE app.tb_post SET title = 'seen' WHERE pk_post = 1$$),
	($$ALTER TABLE app.tb_post DISABLE TRIGGER USER$$),
	($$DELETE FROM app.tb_post WHERE pk_post = 2$$),
	($$ALTER TABLE app.tb_post ENABLE TRIGGER USER$$),
	($$SET session_replication_role = replica$$),
	($$UPDATE app.tb_post SET title = 'as a replica' WHERE pk_post = 3$$),
	($$RESET session_replication_role$$),
	($$ALTER TABLE app.tb_post ALTER COLUMN score TYPE bigint$$),
	($$UPDATE app.tb_post SET score = 5000000000 WHERE pk_post = 5$$),
	($$ALTER TABLE app.tb_post DROP CONSTRAINT tb_post_fk_user_fkey$$),
	($$ALTER TABLE app.tb_user DROP CONSTRAINT tb_user_pkey CASCADE$$),
	($$INSERT INTO app.tb_user SELECT pk_person, md5('double')::uuid, 'double' FROM app.tb_user WHERE pk_person = 1$$),
	($$DELETE FROM app.tb_user WHERE nom = 'double'$$),
	($$ALTER TABLE app.tb_user ADD PRIMARY KEY (pk_person)$$),
	($$UPDATE app.tb_user SET nom = 'unique again' WHERE pk_person = 1$$),
	($$ALTER TABLE app.tb_post ENABLE ROW LEVEL SECURITY$$),
	($$UPDATE app.tb_post SET title = 'rls' WHERE pk_post = 6$$),
	($$ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY$$),
	($$SET client_min_messages = error$$),
	($$ALTER TABLE app.tb_post SET UNLOGGED$$),
	($$RESET client_min_messages$$),
	($$UPDATE app.tb_post SET title = 'unlogged' WHERE pk_post = 6$$),
	($$ALTER TABLE app.tb_post SET LOGGED$$),
	($$UPDATE app.tb_post SET title = 'logged' WHERE pk_post = 6$$),
	($$CLUSTER app.tb_post USING tb_post_pkey$$),
	($$VACUUM FULL app.tb_user$$),
	($$UPDATE app.tb_post SET title = 'clustered' WHERE pk_post = 6$$),
	($$REINDEX TABLE app.tb_post$$),
	($$CREATE TABLE app.tb_copy (LIKE app.tb_post INCLUDING ALL)$$),
	($$CREATE RULE r AS ON UPDATE TO app.tb_post WHERE NEW.title = 'rule' DO INSTEAD UPDATE app.tb_user SET nom = 'by rule' WHERE pk_person = NEW.fk_user$$),
	($$UPDATE app.tb_post SET title = 'rule' WHERE pk_post = 6$$),
	($$DROP RULE r ON app.tb_post$$),
	($$CREATE TABLE app.tb_child () INHERITS (app.tb_post)$$),
	($$INSERT INTO app.tb_child (pk_post, id, fk_user, title) VALUES (20, md5('child')::uuid, 1, 'child')$$),
	($$UPDATE app.tb_child SET title = 'child!'$$),
	($$DROP TABLE app.tb_child$$),
	($$ALTER VIEW app.v_user OWNER TO CURRENT_USER$$),
	($$ALTER VIEW app.v_user SET (security_barrier)$$),
	($$ALTER VIEW app.v_user SET (security_invoker)$$),
	($$UPDATE app.tb_user SET nom = 'invoker' WHERE pk_person = 1$$),
	($$ALTER VIEW app.v_user RESET (security_invoker)$$),
	($$CREATE OR REPLACE VIEW app.v_whole AS SELECT p.pk_post AS pk_whole, to_jsonb(p) AS data, to_jsonb(now()) AS author FROM app.tb_post p$$),
	($$CREATE OR REPLACE VIEW app.v_whole AS SELECT p.pk_post AS pk_whole, to_jsonb(p) AS data, to_jsonb(p.title) AS author FROM app.tb_post p$$),
	($$UPDATE app.tb_user SET nom = 'end', mood = 'sad'$$),
	($$UPDATE app.tb_post SET title = title || '.'$$);
\pset format unaligned
\pset tuples_only on
SELECT line FROM chk.step, LATERAL (VALUES
	(2, statement),
	(4, format('SELECT * FROM chk.check_anew(%L)', 'after ' || n)),
	(5, format('SELECT * FROM chk.check_anew(%L)', 'again ' || n))) l(i, line)
ORDER BY n, i
\gexec
\pset format aligned
\pset tuples_only off
SELECT tview, view, problem FROM tview.status ORDER BY tview::text;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
SELECT t.tview, count(*) AS rows FROM tview.status t GROUP BY 1 ORDER BY t.tview::text;
-- the same in a transaction that is rolled back, with reads on the way
BEGIN;
ALTER TABLE app.tb_user RENAME COLUMN nom TO label2;
SELECT * FROM chk.check_anew('in transaction: rename');
ALTER TABLE app.tb_post ADD COLUMN late int DEFAULT 4;
SELECT * FROM chk.check_all('in transaction: add');
CREATE OR REPLACE VIEW app.v_post AS SELECT p.pk_post, p.id, p.fk_user, jsonb_build_object('late', p.late) AS data FROM app.tb_post p;
SELECT * FROM chk.check_all('in transaction: replace');
UPDATE app.tb_post SET late = 5;
SELECT * FROM chk.check_all('in transaction: update');
ROLLBACK;
SELECT * FROM chk.check_anew('rolled back');
SELECT * FROM chk.check_all('rolled back, again');
SELECT * FROM chk.plan($$SELECT * FROM app.tv_post WHERE pk_post = 5$$);
SET client_min_messages = warning;
DROP SCHEMA near CASCADE;
\set ECHO none
\i :end
