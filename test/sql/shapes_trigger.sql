-- proves that trigger functions, and functions called in the middle of a statement, read TVIEWs as they would read the views
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\pset format aligned
\pset tuples_only off
\set ECHO all
-- compares within one trigger call and notes what differs
CREATE TABLE chk.seen (label text, calls int, differences int);
CREATE FUNCTION chk.differences() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	total int := 0;
	n int;
	c record;
BEGIN
	FOR c IN SELECT s.tview::text AS t, s.view::text AS v FROM tview.status s
		WHERE s.tview::text ~ 'tv_(post|user|stat|country|window|share|fragment|fragments|tagged|event)$' LOOP
		EXECUTE format('SELECT count(*) FROM ((SELECT * FROM %1$s EXCEPT ALL SELECT * FROM %2$s) UNION ALL (SELECT * FROM %2$s EXCEPT ALL SELECT * FROM %1$s)) d', c.t, c.v) INTO n;
		total := total + n;
	END LOOP;
	SELECT total + count(*) INTO total FROM generate_series(1, 8) i
	WHERE (SELECT data FROM app.tv_post WHERE pk_post = i) IS DISTINCT FROM (SELECT data FROM app.v_post WHERE pk_post = i)
		OR (SELECT count(*) FROM app.tv_post WHERE fk_user = i) <> (SELECT count(*) FROM app.v_post WHERE fk_user = i)
		OR (SELECT pk_user FROM app.tv_user WHERE id = app.uid(i)) IS DISTINCT FROM (SELECT pk_user FROM app.v_user WHERE id = app.uid(i));
	RETURN total;
END $$;
CREATE FUNCTION chk.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO chk.seen VALUES (format('%s %s %s %s', TG_TABLE_NAME, TG_WHEN, TG_LEVEL, TG_OP), 1, chk.differences());
	IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
	RETURN NEW;
END $$;
-- names that sort before and after those of tview_fdw's triggers
DO $$
DECLARE
	t text;
	name text;
BEGIN
	FOREACH t IN ARRAY ARRAY['tb_user', 'tb_post', 'tb_comment', 'tb_event'] LOOP
		FOREACH name IN ARRAY ARRAY['aaa', 'zzz'] LOOP
			EXECUTE format('CREATE TRIGGER %s_before_row BEFORE INSERT OR UPDATE OR DELETE ON app.%s FOR EACH ROW EXECUTE FUNCTION chk.look()', name, t);
			EXECUTE format('CREATE TRIGGER %s_after_row AFTER INSERT OR UPDATE OR DELETE ON app.%s FOR EACH ROW EXECUTE FUNCTION chk.look()', name, t);
			EXECUTE format('CREATE TRIGGER %s_before BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON app.%s FOR EACH STATEMENT EXECUTE FUNCTION chk.look()', name, t);
			EXECUTE format('CREATE TRIGGER %s_after AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON app.%s FOR EACH STATEMENT EXECUTE FUNCTION chk.look()', name, t);
		END LOOP;
	END LOOP;
END $$;
CREATE CONSTRAINT TRIGGER zzz_deferred AFTER INSERT OR UPDATE OR DELETE ON app.tb_post DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chk.look();
INSERT INTO app.tb_user VALUES (7, app.uid(7), 'u7', NULL, 2, 1), (8, app.uid(8), 'u8', NULL, NULL, 7);
UPDATE app.tb_user SET name = name || '+' WHERE pk_user < 4;
UPDATE app.tb_post SET fk_user = 7, title = title || '+' WHERE pk_post < 4;
INSERT INTO app.tb_post VALUES (9, app.uid(9), 7, 8, 'p9', 3) ON CONFLICT (pk_post) DO UPDATE SET title = 'no';
INSERT INTO app.tb_post VALUES (9, app.uid(9), 7, 8, 'p9', 3) ON CONFLICT (pk_post) DO UPDATE SET title = 'conflict';
MERGE INTO app.tb_comment k USING generate_series(11, 14) n ON n = k.pk_comment
	WHEN MATCHED THEN UPDATE SET body = 'merged'
	WHEN NOT MATCHED THEN INSERT VALUES (n, app.uid(n), 1, 1, 'merged');
UPDATE app.tb_event SET pk_event = pk_event + 5 WHERE pk_event IN (2, 6);
WITH a AS (UPDATE app.tb_user SET name = 'cte' WHERE pk_user = 1 RETURNING pk_user),
	b AS (DELETE FROM app.tb_comment WHERE fk_post = 1 RETURNING fk_post)
INSERT INTO app.tb_post SELECT 10, app.uid(10), pk_user, NULL, 'cte' FROM a;
DELETE FROM app.tb_user WHERE pk_user = 7;
BEGIN;
UPDATE app.tb_post SET title = 'deferred' WHERE pk_post = 4;
DELETE FROM app.tb_post WHERE pk_post = 5;
COMMIT;
TRUNCATE app.tb_comment;
SELECT label, sum(calls) AS calls, sum(differences) AS differences FROM chk.seen GROUP BY label ORDER BY label COLLATE "C";
SELECT * FROM chk.check_all('after all');

-- a volatile function that reads while its own statement is writing
TRUNCATE chk.seen;
CREATE FUNCTION chk.peek(x text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO chk.seen VALUES ('peek', 1, chk.differences());
	RETURN x || '*';
END $$;
CREATE FUNCTION chk.peek_stable(x text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN x || ' ' || chk.differences(); END $$;
UPDATE app.tb_user SET name = chk.peek(name) WHERE pk_user < 5;
WITH r AS (UPDATE app.tb_user SET name = 's', bio = chk.peek_stable(bio) WHERE pk_user < 5 RETURNING pk_user, bio)
SELECT * FROM r ORDER BY 1;
INSERT INTO app.tb_comment SELECT n, app.uid(n), 4, 1, chk.peek('k') FROM generate_series(1, 3) n;
WITH r AS (
	UPDATE app.tb_post SET title = 'r' WHERE pk_post < 7 RETURNING pk_post, title,
		(SELECT data ->> 'title' FROM app.tv_post t WHERE t.pk_post = tb_post.pk_post) AS stored, chk.differences())
SELECT * FROM r ORDER BY 1;
WITH w AS (UPDATE app.tb_post SET score = 9 WHERE pk_post = 4 RETURNING *) SELECT w.score, t.data ->> 'score' AS before, chk.differences() FROM w JOIN app.tv_post t USING (pk_post);
DELETE FROM app.tb_comment WHERE chk.peek(body) IS NOT NULL;
SELECT label, sum(calls) AS calls, sum(differences) AS differences FROM chk.seen GROUP BY label ORDER BY label COLLATE "C";

-- a statement that fails in the middle leaves no flag behind: reads are served again
BEGIN;
SAVEPOINT s;
UPDATE app.tb_post SET score = 1 / (pk_post - 4);
ROLLBACK TO s;
SELECT count(*), chk.differences() FROM app.tv_post;
COMMIT;
UPDATE app.tb_post SET score = 1 / (pk_post - 4);
DO $$
BEGIN
	UPDATE app.tb_post SET score = 1 / (pk_post - 4);
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE 'caught: % differences', chk.differences();
END $$;
SELECT * FROM chk.check_all('after errors');
SELECT * FROM chk.plan($$SELECT * FROM app.tv_post WHERE pk_post = 4$$);
\set ECHO none
\i :end
