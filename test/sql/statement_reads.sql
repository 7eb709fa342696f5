-- proves that functions that a statement calls, of whatever kind it is and however it comes to the table, read TVIEWs as they would read the views
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES app.tb_user ON DELETE CASCADE ON UPDATE CASCADE, title text);
CREATE TABLE app.tb_note (pk_note int PRIMARY KEY, fk_post int REFERENCES app.tb_post ON DELETE SET NULL, line text);
CREATE TABLE app.tb_event (pk_event int PRIMARY KEY, what text) PARTITION BY RANGE (pk_event);
CREATE TABLE app.tb_event_low PARTITION OF app.tb_event FOR VALUES FROM (0) TO (100);
CREATE TABLE app.tb_event_high PARTITION OF app.tb_event FOR VALUES FROM (100) TO (200);
CREATE TABLE app.tb_log (pk_log int PRIMARY KEY, line text);
CREATE TABLE app.tb_log_old (PRIMARY KEY (pk_log)) INHERITS (app.tb_log);
-- rows that an action of a foreign key moves to another partition
CREATE TABLE app.tb_part (pk_part int NOT NULL, fk_user int REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE CASCADE) PARTITION BY RANGE (fk_user);
CREATE TABLE app.tb_part_low PARTITION OF app.tb_part FOR VALUES FROM (0) TO (1000);
CREATE TABLE app.tb_part_high PARTITION OF app.tb_part FOR VALUES FROM (1000) TO (2000);
CREATE UNIQUE INDEX ON app.tb_part_high (pk_part);
CREATE TABLE app.tb_other (pk_other int PRIMARY KEY, what text);
INSERT INTO app.tb_user SELECT n, 'u' || n FROM generate_series(1, 6) n;
INSERT INTO app.tb_post SELECT n, (n + 1) / 2, 't' || n FROM generate_series(1, 12) n;
INSERT INTO app.tb_note SELECT n, n, 'n' || n FROM generate_series(1, 12) n;
INSERT INTO app.tb_event SELECT n * 20, 'e' || n FROM generate_series(1, 9) n;
INSERT INTO app.tb_log SELECT n, 'l' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_log_old SELECT n, 'o' || n FROM generate_series(5, 8) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, u.name FROM app.tb_user u;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.fk_user, p.title, ARRAY(SELECT n.line FROM app.tb_note n WHERE n.fk_post = p.pk_post ORDER BY 1) AS notes FROM app.tb_post p;
-- TVIEWs over the whole of what is partitioned or inherited from, and over one part
CREATE VIEW app.v_event AS SELECT e.pk_event, e.what FROM app.tb_event e;
CREATE VIEW app.v_low AS SELECT e.pk_event AS pk_low, e.what FROM app.tb_event_low e;
CREATE VIEW app.v_log AS SELECT l.pk_log, l.line FROM app.tb_log l;
CREATE VIEW app.v_old AS SELECT l.pk_log AS pk_old, l.line FROM app.tb_log_old l;
CREATE VIEW app.v_high AS SELECT p.pk_part AS pk_high, p.fk_user FROM app.tb_part_high p;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
-- compares all TVIEWs with their views, as a whole and by key
CREATE FUNCTION chk.differences() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	total int := 0;
	n int;
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['user', 'post', 'event', 'low', 'log', 'old', 'high'] LOOP
		EXECUTE format('SELECT count(*) FROM ((TABLE app.tv_%1$s EXCEPT ALL TABLE app.v_%1$s) UNION ALL (TABLE app.v_%1$s EXCEPT ALL TABLE app.tv_%1$s)) d', t) INTO n;
		total := total + n;
		EXECUTE format('SELECT count(*) FROM generate_series(0, 200) i'
			' WHERE (SELECT t::text FROM app.tv_%1$s t WHERE t.pk_%1$s = i) IS DISTINCT FROM (SELECT v::text FROM app.v_%1$s v WHERE v.pk_%1$s = i)', t) INTO n;
		total := total + n;
	END LOOP;
	RETURN total;
END $$;
CREATE TABLE chk.seen (label text, differences int);
CREATE FUNCTION chk.peek(x anyelement, label text) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO chk.seen VALUES (label, chk.differences());
	RETURN x;
END $$;
CREATE FUNCTION chk.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chk.peek(1, coalesce(current_setting('chk.label', true), '') || format(' %s %s %s', TG_TABLE_NAME, TG_WHEN, TG_LEVEL));
	IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
	RETURN NEW;
END $$;
CREATE VIEW chk.result AS
	SELECT label, count(*) AS reads, sum(differences) AS differences FROM chk.seen GROUP BY label ORDER BY label COLLATE "C";
SELECT chk.differences();

-- ---- functions in the statement itself ----
UPDATE app.tb_user SET name = chk.peek(name || '+', 'UPDATE SET');
UPDATE app.tb_user SET name = name || '+' WHERE chk.peek(pk_user, 'UPDATE WHERE') > 2;
UPDATE app.tb_user SET name = name || '+' RETURNING chk.peek(pk_user, 'UPDATE RETURNING');
INSERT INTO app.tb_user SELECT n, chk.peek('i' || n, 'INSERT') FROM generate_series(11, 13) n;
INSERT INTO app.tb_user SELECT n, 'i' || n FROM generate_series(14, 16) n RETURNING chk.peek(pk_user, 'INSERT RETURNING');
INSERT INTO app.tb_user SELECT n, 'c' FROM generate_series(13, 18) n
	ON CONFLICT (pk_user) DO UPDATE SET name = chk.peek('conflict'::text, 'ON CONFLICT');
DELETE FROM app.tb_user WHERE pk_user > 15 AND chk.peek(true, 'DELETE WHERE');
DELETE FROM app.tb_user WHERE pk_user > 12 RETURNING chk.peek(pk_user, 'DELETE RETURNING');
MERGE INTO app.tb_user u USING generate_series(10, 13) n ON n = u.pk_user
	WHEN MATCHED THEN UPDATE SET name = chk.peek('merged'::text, 'MERGE')
	WHEN NOT MATCHED THEN INSERT VALUES (n, chk.peek('merged'::text, 'MERGE'));
WITH w AS (UPDATE app.tb_user SET name = 'with' WHERE pk_user > 9 RETURNING pk_user)
	SELECT count(chk.peek(pk_user, 'WITH')) FROM w;
WITH a AS (UPDATE app.tb_user SET name = 'both' WHERE pk_user > 9 RETURNING pk_user),
	b AS (UPDATE app.tb_post SET title = 'both' WHERE pk_post > 9 RETURNING chk.peek(pk_post, 'WITH two'))
	SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
WITH w AS (DELETE FROM app.tb_user WHERE pk_user > 9 RETURNING pk_user)
	INSERT INTO app.tb_other SELECT chk.peek(pk_user, 'WITH INSERT'), 'moved' FROM w;
ALTER TABLE app.tb_user ALTER name SET DEFAULT chk.peek('d'::text, 'COPY default');
COPY app.tb_user (pk_user) FROM STDIN;
21
22
23
\.
ALTER TABLE app.tb_user ALTER name DROP DEFAULT;
COPY (INSERT INTO app.tb_user SELECT n, 'copied' FROM generate_series(24, 26) n RETURNING pk_user, chk.peek('x'::text, 'COPY TO')) TO STDOUT;
PREPARE change(text) AS UPDATE app.tb_user SET name = chk.peek($1, 'EXECUTE') WHERE pk_user > 20;
EXECUTE change('once');
EXECUTE change('twice');
EXPLAIN (COSTS OFF) UPDATE app.tb_user SET name = name;
DO $$ BEGIN EXECUTE 'EXPLAIN (ANALYZE) EXECUTE change(''explained'')'; END $$;
CREATE RULE also AS ON INSERT TO app.tb_other DO ALSO UPDATE app.tb_user SET name = chk.peek('rule'::text, 'rule') WHERE pk_user > 20;
INSERT INTO app.tb_other VALUES (100, 'with a rule');
DROP RULE also ON app.tb_other;
CREATE VIEW app.some AS SELECT * FROM app.tb_user WHERE pk_user > 20;
UPDATE app.some SET name = chk.peek('through a view'::text, 'updatable view');
SELECT * FROM chk.result;
SELECT chk.differences();

-- ---- partitions and children, through the whole and directly ----
TRUNCATE chk.seen;
INSERT INTO app.tb_event SELECT n, chk.peek('i' || n, 'INSERT whole') FROM generate_series(11, 191, 30) n;
INSERT INTO app.tb_event_low SELECT n, chk.peek('i' || n, 'INSERT part') FROM generate_series(12, 15) n;
UPDATE app.tb_event SET what = chk.peek(what || '+', 'UPDATE whole');
UPDATE app.tb_event SET what = chk.peek(what || '+', 'UPDATE whole, one part') WHERE pk_event < 50;
UPDATE app.tb_event_low SET what = chk.peek(what || '+', 'UPDATE part');
UPDATE app.tb_event SET pk_event = chk.peek(pk_event + 95, 'UPDATE moves') WHERE pk_event < 30;
UPDATE app.tb_event SET pk_event = chk.peek(pk_event - 100, 'UPDATE moves back') WHERE pk_event BETWEEN 106 AND 115;
DELETE FROM app.tb_event WHERE pk_event % 3 = 1 AND chk.peek(true, 'DELETE whole');
MERGE INTO app.tb_event e USING generate_series(40, 140, 5) n ON n = e.pk_event
	WHEN MATCHED THEN UPDATE SET what = chk.peek('merged'::text, 'MERGE whole')
	WHEN NOT MATCHED THEN INSERT VALUES (n, chk.peek('merged'::text, 'MERGE whole'));
ALTER TABLE app.tb_event ALTER what SET DEFAULT chk.peek('d'::text, 'COPY whole');
COPY app.tb_event (pk_event) FROM STDIN;
1
2
199
198
\.
ALTER TABLE app.tb_event ALTER what DROP DEFAULT;
INSERT INTO app.tb_log SELECT n, chk.peek('i' || n, 'INSERT parent') FROM generate_series(11, 13) n;
INSERT INTO app.tb_log_old SELECT n, chk.peek('i' || n, 'INSERT child') FROM generate_series(14, 16) n;
UPDATE app.tb_log SET line = chk.peek(line || '+', 'UPDATE parent');
UPDATE ONLY app.tb_log SET line = chk.peek(line || '+', 'UPDATE ONLY parent');
UPDATE app.tb_log_old SET line = chk.peek(line || '+', 'UPDATE child');
DELETE FROM app.tb_log WHERE pk_log > 9 AND chk.peek(true, 'DELETE parent');
SELECT * FROM chk.result;
SELECT chk.differences();

-- ---- triggers; those with names before ours, too ----
TRUNCATE chk.seen;
DO $$
DECLARE
	t text;
	moment text;
BEGIN
	FOREACH t IN ARRAY ARRAY['tb_user', 'tb_post', 'tb_note', 'tb_event_low', 'tb_log_old'] LOOP
		FOREACH moment IN ARRAY ARRAY['BEFORE', 'AFTER'] LOOP
			EXECUTE format('CREATE TRIGGER "!%1$s_row" %1$s INSERT OR UPDATE OR DELETE ON app.%2$s FOR EACH ROW EXECUTE FUNCTION chk.look()', moment, t);
			EXECUTE format('CREATE TRIGGER "~%1$s_row" %1$s INSERT OR UPDATE OR DELETE ON app.%2$s FOR EACH ROW EXECUTE FUNCTION chk.look()', moment, t);
			EXECUTE format('CREATE TRIGGER "~%1$s" %1$s INSERT OR UPDATE OR DELETE ON app.%2$s EXECUTE FUNCTION chk.look()', moment, t);
		END LOOP;
	END LOOP;
END $$;
SET chk.label = 'UPDATE';
UPDATE app.tb_user SET name = name || '#' WHERE pk_user < 4;
SET chk.label = 'cascading UPDATE';
UPDATE app.tb_user SET pk_user = pk_user + 30 WHERE pk_user < 3;
SET chk.label = 'cascading DELETE';
DELETE FROM app.tb_user WHERE pk_user IN (4, 5);
SET chk.label = 'COPY';
COPY app.tb_user FROM STDIN;
51	copied
52	copied
53	copied
\.
SET chk.label = 'whole';
UPDATE app.tb_event SET what = what || '#';
UPDATE app.tb_log SET line = line || '#';
COPY app.tb_event FROM STDIN;
3	copied
4	copied
197	copied
\.
SET chk.label = 'moved by a cascade';
CREATE TRIGGER "!AFTER_row" AFTER INSERT OR UPDATE OR DELETE ON app.tb_part_high FOR EACH ROW EXECUTE FUNCTION chk.look();
INSERT INTO app.tb_user SELECT n, 'moves' FROM generate_series(61, 63) n;
INSERT INTO app.tb_part SELECT n, n FROM generate_series(61, 63) n;
ALTER TABLE app.tb_user DISABLE TRIGGER USER;
UPDATE app.tb_user SET pk_user = pk_user + 1000 WHERE pk_user BETWEEN 61 AND 63;
ALTER TABLE app.tb_user ENABLE TRIGGER USER;
DELETE FROM app.tb_user WHERE pk_user > 1000;
-- two statements that do not know of each other
SET chk.label = 'nested';
CREATE FUNCTION chk.nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE app.tb_note SET line = line || '!' WHERE pk_note < 4;
	DELETE FROM app.tb_user WHERE pk_user = NEW.pk_other;
	PERFORM chk.peek(1, 'after the nested ones');
	RETURN NEW;
END $$;
CREATE TRIGGER nest BEFORE INSERT ON app.tb_other FOR EACH ROW EXECUTE FUNCTION chk.nest();
INSERT INTO app.tb_other VALUES (51, 'x'), (52, 'y');
-- errors that are caught in the middle of a statement, in a cascade as well
SET chk.label = 'caught';
CREATE FUNCTION chk.try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		DELETE FROM app.tb_user WHERE pk_user = 6;
		UPDATE app.tb_user SET name = (1 / (pk_user - 53))::text WHERE pk_user > 50;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM chk.peek(1, 'caught in the middle');
	END;
	PERFORM chk.peek(1, 'caught, after');
	RETURN NULL;
END $$;
CREATE TRIGGER "!try" AFTER UPDATE ON app.tb_post FOR EACH ROW EXECUTE FUNCTION chk.try();
UPDATE app.tb_post SET title = title || '#' WHERE pk_post IN (11, 12);
DROP TRIGGER "!try" ON app.tb_post;
-- the actions of a foreign key that fail, caught, and what comes after them
SET chk.label = 'failing cascade';
CREATE FUNCTION chk.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
CREATE TRIGGER "~refuse" AFTER DELETE ON app.tb_post FOR EACH ROW WHEN (OLD.pk_post = 12) EXECUTE FUNCTION chk.refuse();
DO $$
BEGIN
	DELETE FROM app.tb_user WHERE pk_user = 6;
EXCEPTION WHEN division_by_zero THEN
	PERFORM chk.peek(1, 'cascade failed');
END $$;
DROP TRIGGER "~refuse" ON app.tb_post;
-- triggers that fire at the end, and whose statements fire others
SET chk.label = 'deferred';
CREATE FUNCTION chk.late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chk.peek(1, 'deferred');
	UPDATE app.tb_note SET line = chk.peek(line || '?', 'in a deferred trigger') WHERE pk_note < 3;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON app.tb_post DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chk.late();
BEGIN;
UPDATE app.tb_post SET title = 'late' WHERE pk_post = 11;
SELECT chk.differences();
COMMIT;
BEGIN;
UPDATE app.tb_post SET title = 'later' WHERE pk_post = 11;
UPDATE app.tb_user SET name = chk.peek('constraints'::text, 'SET CONSTRAINTS') WHERE pk_user = 31;
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
DROP TRIGGER late ON app.tb_post;
-- users' triggers off: ours fire
SET chk.label = 'replica';
SET session_replication_role = replica;
UPDATE app.tb_user SET name = chk.peek(name || '-', 'replica');
RESET session_replication_role;
SET chk.label = 'disabled';
ALTER TABLE app.tb_user DISABLE TRIGGER USER;
UPDATE app.tb_user SET name = chk.peek(name || '-', 'disabled');
ALTER TABLE app.tb_user ENABLE TRIGGER USER;
SELECT * FROM chk.result;
SELECT chk.differences();

-- ---- cursors ----
TRUNCATE chk.seen;
BEGIN;
DECLARE c CURSOR FOR SELECT pk_user, name FROM app.tv_user ORDER BY pk_user;
FETCH 1 FROM c;
DECLARE d CURSOR FOR SELECT chk.peek(1, 'cursor'), (SELECT count(*) FROM app.tv_user t, app.v_user v WHERE t.* = v.*) = (SELECT count(*) FROM app.v_user) AS same FROM generate_series(1, 4);
CREATE FUNCTION chk.fetch() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'd';
	r record;
BEGIN
	FETCH c INTO r;
	RETURN r.same;
END $$;
UPDATE app.tb_user SET name = chk.fetch() WHERE pk_user IN (3, 6);
FETCH 1 FROM c;
FETCH ALL FROM d;
SELECT chk.differences();
ROLLBACK;
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN UPDATE app.tb_user SET name = chk.peek('loop'::text, 'FOR ... UPDATE') WHERE pk_user < 10 RETURNING pk_user LOOP
		PERFORM chk.peek(1, 'in the loop');
	END LOOP;
END $$;
CREATE FUNCTION chk.rename() RETURNS SETOF int LANGUAGE sql VOLATILE AS $$
	UPDATE app.tb_user SET name = chk.peek('sql'::text, 'SQL function') WHERE pk_user < 10 RETURNING pk_user $$;
SELECT chk.rename(), chk.peek(1, 'beside an SQL function') LIMIT 1;
CREATE PROCEDURE chk.commit_between() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		UPDATE app.tb_user SET name = chk.peek('p' || i, 'procedure') WHERE pk_user < 10;
		PERFORM chk.peek(1, 'in the procedure');
		COMMIT;
		PERFORM chk.peek(1, 'after its commit');
	END LOOP;
END $$;
CALL chk.commit_between();
SELECT * FROM chk.result;

-- ---- statements on other tables do not matter; after the statement the store serves ----
CREATE FUNCTION chk.plans(query text) RETURNS TABLE (served int, recomputed int, bypass text) LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, SUMMARY OFF) ' || query INTO doc;
	RETURN QUERY SELECT (n ->> 'Served')::int, (n ->> 'Recomputed')::int, n ->> 'Bypass'
	FROM jsonb_path_query(doc, 'strict $.** ? (@."Node Type" == "Foreign Scan")') n;
END $$;
DROP TRIGGER nest ON app.tb_other;
SELECT chk.differences();
BEGIN;
UPDATE app.tb_user SET name = 'mine' WHERE pk_user = 3;
SELECT * FROM chk.plans('SELECT * FROM app.tv_user');
SELECT * FROM chk.plans('INSERT INTO app.tb_other SELECT pk_user + 1000, name FROM app.tv_user');
SELECT * FROM chk.plans('UPDATE app.tb_user u SET name = t.name FROM app.tv_user t WHERE t.pk_user = u.pk_user');
SAVEPOINT s;
UPDATE app.tb_user SET name = (1 / (pk_user - 6))::text;
ROLLBACK TO s;
DELETE FROM app.tb_user WHERE pk_user = 31;
SELECT * FROM chk.plans('SELECT * FROM app.tv_user');
ROLLBACK;
SELECT * FROM chk.plans('SELECT * FROM app.tv_user');

-- values that stay as they are are not marked, though a new value is not in its stored form yet
SELECT marks_pending AS before FROM tview.store \gset
UPDATE app.tb_user SET name = name || '', pk_user = pk_user + 0;
SELECT marks_pending - :before AS marks FROM tview.store;
UPDATE app.tb_user SET name = upper(name) WHERE pk_user = 3;
SELECT marks_pending - :before AS marks FROM tview.store;
SELECT chk.differences();

-- ---- sessions whose first use of the library is such a read ----
TRUNCATE chk.seen;
\c
UPDATE app.tb_note SET line = chk.peek(line || '1', 'first: UPDATE');
\c
INSERT INTO app.tb_user SELECT n, 'first' FROM generate_series(71, 73) n RETURNING chk.peek(pk_user, 'first: INSERT RETURNING');
\c
DELETE FROM app.tb_user WHERE pk_user > 70 AND chk.peek(true, 'first: DELETE');
\c
SET chk.label = 'first: COPY';
COPY app.tb_user FROM STDIN;
74	first
75	first
76	first
\.
\c
SET chk.label = 'first: cascade';
DELETE FROM app.tb_user WHERE pk_user IN (3, 6);
\c
SET chk.label = 'first: cascade, and after it';
BEGIN;
UPDATE app.tb_user SET pk_user = 81 WHERE pk_user = 31;
SELECT chk.differences();
UPDATE app.tb_user SET name = chk.peek(name || '2', 'first: the next statement');
COMMIT;
\c
UPDATE app.tb_event SET what = chk.peek(what || '1', 'first: UPDATE whole');
\c
BEGIN\; UPDATE app.tb_event SET what = what || '2'\; UPDATE app.tb_event SET what = chk.peek(what || '3', 'first: one message')\; SELECT chk.differences()\; COMMIT;
\c
DO $$
BEGIN
	BEGIN
		UPDATE app.tb_note SET line = (chk.peek(1, 'first: fails') / (pk_note - 5))::text;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM chk.peek(1, 'first: caught');
	END;
	UPDATE app.tb_note SET line = chk.peek(line || '4', 'first: after the failure');
	PERFORM chk.peek(1, 'first: at the end');
END $$;
SELECT * FROM chk.result;
-- in doubt is only the command that has loaded the library
\c
BEGIN;
UPDATE app.tb_note SET line = 'same';
UPDATE app.tb_user SET name = 'same';
SELECT bypass FROM chk.plans('SELECT * FROM app.tv_user');
COMMIT;
\c
CREATE TABLE app.tb_new (pk_new int PRIMARY KEY)\; INSERT INTO app.tb_new VALUES (1), (2)\; CREATE VIEW app.v_new AS SELECT n.pk_new FROM app.tb_new n\; IMPORT FOREIGN SCHEMA app LIMIT TO (tv_new) FROM SERVER tviews INTO app;
SELECT * FROM chk.plans('SELECT * FROM app.tv_new');

-- ---- parallel workers know neither the leader's statements nor its marks ----
SELECT set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'on', false) AS parallel;
CREATE FUNCTION chk.differ(pk int) RETURNS bool LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	RETURN (SELECT t.name FROM app.tv_user t WHERE t.pk_user = pk) IS DISTINCT FROM (SELECT v.name FROM app.v_user v WHERE v.pk_user = pk);
END $$;
SELECT chk.differences();
BEGIN;
UPDATE app.tb_user SET name = 'before the workers';
SELECT count(*) FROM app.tb_user WHERE chk.differ(pk_user);
COMMIT;
SELECT chk.differences();
CREATE FUNCTION chk.count_in_workers() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM app.tb_user WHERE chk.differ(pk_user));
END $$;
UPDATE app.tb_user SET name = chk.count_in_workers() WHERE pk_user > 70;
SELECT DISTINCT name FROM app.tb_user WHERE pk_user > 70;
SELECT chk.differences();
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
