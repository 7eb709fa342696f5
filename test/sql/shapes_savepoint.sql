-- proves that savepoints, exception blocks and rollbacks leave every shape of view right, whatever was read and stored meanwhile
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\pset format aligned
\pset tuples_only off
\set ECHO all
BEGIN;
UPDATE app.tb_user SET name = 'one' WHERE pk_user = 1;
SELECT * FROM chk.check_all('one', true);
SAVEPOINT a;
UPDATE app.tb_user SET name = 'two' WHERE pk_user = 1;
INSERT INTO app.tb_user VALUES (7, app.uid(7), 'seven', NULL, 1, 1);
INSERT INTO app.tb_post VALUES (9, app.uid(9), 7, 1, 'nine', 9);
SELECT * FROM chk.check_all('two', true);
SAVEPOINT b;
DELETE FROM app.tb_user WHERE pk_user = 2;
UPDATE app.tb_post SET pk_post = 20, id = app.uid(20) WHERE pk_post = 9;
SELECT * FROM chk.check_all('three', true);
ROLLBACK TO b;
SELECT * FROM chk.check_all('two again', true);
RELEASE b;
SELECT data ->> 'name' AS name FROM app.tv_user WHERE pk_user = 1;
ROLLBACK TO a;
SELECT * FROM chk.check_all('one again', true);
SELECT data ->> 'name' AS name FROM app.tv_user WHERE pk_user = 1;
UPDATE app.tb_comment SET body = 'after the savepoint' WHERE pk_comment = 1;
SELECT * FROM chk.check_all('four', true);
RELEASE a;
COMMIT;
SELECT * FROM chk.check_all('committed');

-- a TRUNCATE that is rolled back, in a savepoint and altogether
BEGIN;
SAVEPOINT a;
TRUNCATE app.tb_comment, app.tb_log;
SELECT * FROM chk.check_all('truncated', true);
ROLLBACK TO a;
SELECT * FROM chk.check_all('not truncated', true);
COMMIT;
SELECT * FROM chk.check_all('truncated and back', true);
BEGIN;
TRUNCATE app.tb_user CASCADE;
SELECT * FROM chk.check_all('all truncated', true);
ROLLBACK;
SELECT * FROM chk.check_all('all back');

-- subtransactions of plpgsql, some of which fail
DO $$
DECLARE
	n int;
BEGIN
	FOR i IN 1..12 LOOP
		BEGIN
			UPDATE app.tb_post SET title = 'loop ' || i WHERE pk_post = 1 + i % 8;
			DELETE FROM app.tb_comment WHERE pk_comment = i AND i % 4 = 0;
			SELECT count(*) INTO n FROM chk.check_all('in block ' || i, true);
			IF n > 0 THEN RAISE WARNING 'block %: % differences', i, n; END IF;
			IF i % 2 = 0 THEN RAISE EXCEPTION 'undo'; END IF;
		EXCEPTION WHEN raise_exception THEN
			SELECT count(*) INTO n FROM chk.check_all('after block ' || i, true);
			IF n > 0 THEN RAISE WARNING 'after block %: % differences', i, n; END IF;
		END;
	END LOOP;
END $$;
SELECT * FROM chk.check_all('blocks');

-- procedures that commit and roll back
CREATE PROCEDURE chk.steps() LANGUAGE plpgsql AS $$
DECLARE
	n int;
BEGIN
	FOR i IN 1..6 LOOP
		UPDATE app.tb_user SET fk_manager = 1 + i % 6, name = 'step ' || i WHERE pk_user = 1 + i * 2 % 6;
		SELECT count(*) INTO n FROM chk.check_all('step', true);
		IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
		SELECT n + count(*) INTO n FROM chk.check_all('after step', true);
		RAISE NOTICE 'step %: % differences', i, n;
	END LOOP;
END $$;
CALL chk.steps();

-- a deferred foreign key: nothing holds between statements
ALTER TABLE app.tb_post ALTER CONSTRAINT tb_post_fk_user_fkey DEFERRABLE;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE app.tb_post SET fk_user = 77 WHERE pk_post = 1;
SELECT * FROM chk.check_all('dangling', true);
INSERT INTO app.tb_user VALUES (77, app.uid(23), 'late');
SELECT * FROM chk.check_all('held', true);
COMMIT;
SELECT * FROM chk.check_all('held and committed');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE app.tb_post SET fk_user = 78 WHERE pk_post = 1;
SELECT * FROM chk.check_all('dangling', true);
COMMIT;
SELECT * FROM chk.check_all('commit failed');

-- AND CHAIN, and an error that ends the transaction
BEGIN;
UPDATE app.tb_tag SET word = 'chain' WHERE pk_tag = 1;
COMMIT AND CHAIN;
UPDATE app.tb_tag SET word = 'chained' WHERE pk_tag = 2;
SELECT * FROM chk.check_all('chained', true);
ROLLBACK AND CHAIN;
SELECT * FROM chk.check_all('rolled back', true);
UPDATE app.tb_tag SET word = 'chain' WHERE pk_tag = 3;
COMMIT;
SELECT * FROM chk.check_all('failed');
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;

-- isolation levels
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE app.tb_user SET name = 'rr' WHERE pk_user = 4;
SELECT * FROM chk.check_all('repeatable read', true);
SAVEPOINT a;
DELETE FROM app.tb_post WHERE fk_user = 4;
SELECT * FROM chk.check_all('repeatable read, deleted', true);
ROLLBACK TO a;
SELECT * FROM chk.check_all('repeatable read, back', true);
COMMIT;
SELECT * FROM chk.check_all('after repeatable read', true);
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE app.tb_user SET name = 'sr' WHERE pk_user = 4;
SELECT * FROM chk.check_all('serializable', true);
COMMIT;
BEGIN READ ONLY;
SELECT * FROM chk.check_all('read only', true);
COMMIT;
\set ECHO none
\i :end
