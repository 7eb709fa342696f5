-- proves that plain INSERT, UPDATE and DELETE of every table show at once in every shape of view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
INSERT INTO chk.step (statement) VALUES
	-- root and joined rows come
	($$INSERT INTO app.tb_user VALUES (7, app.uid(7), 'u7', NULL, 2, 1)$$),
	($$INSERT INTO app.tb_user VALUES (8, app.uid(8), 'u8', NULL, NULL, NULL), (9, app.uid(9), 'ghost', NULL, 1, 8)$$),
	($$INSERT INTO app.tb_post VALUES (9, app.uid(9), 9, 7, 'p9', 3), (10, app.uid(10), 7, NULL, 'p10', NULL)$$),
	($$INSERT INTO app.tb_post SELECT n, app.uid(n), 1, 8, 'many', 1 FROM generate_series(11, 13) n$$),
	($$INSERT INTO app.tb_comment VALUES (13, app.uid(13), 9, 7, 'c13'), (14, app.uid(14), 10, NULL, NULL)$$),
	($$INSERT INTO app.tb_country VALUES (4, app.uid(4), 'ZZ', NULL)$$),
	($$INSERT INTO app.tb_tag VALUES (5, app.uid(5), 'w0')$$),
	($$INSERT INTO app.tb_post_tag VALUES (9, 5, 7), (1, 5, 1)$$),
	($$INSERT INTO app.tb_event VALUES (-1, app.uid(0), NULL, 'e-1'), (7, app.uid(7), 9, 'e7')$$),
	($$INSERT INTO app.tb_reading VALUES (7, 'hot', 70), (7, 'cold', 7), (-1, 'cold', 71), (NULL, 'hot', 1)$$),
	($$INSERT INTO app.tb_log VALUES (9, 'l9'), (NULL, 'nobody')$$),
	($$INSERT INTO app.tb_log_old VALUES (1, 'o1', 1)$$),
	($$INSERT INTO app."tb_Odd Name" VALUES (5, app.uid(5), 9, 's1', NULL), (6, NULL, NULL, NULL, NULL)$$),
	-- columns that are used
	($$UPDATE app.tb_user SET name = 'Ada' WHERE pk_user = 1$$),
	($$UPDATE app.tb_user SET name = 'ghost' WHERE pk_user IN (2, 3)$$),
	($$UPDATE app.tb_user SET name = 'u' || pk_user$$),
	($$UPDATE app.tb_post SET title = 'new' WHERE pk_post = 1$$),
	($$UPDATE app.tb_post SET published = NOT published WHERE pk_post % 2 = 0$$),
	($$UPDATE app.tb_post SET score = coalesce(score, 0) + 1$$),
	($$UPDATE app.tb_post SET score = NULL WHERE pk_post = 3$$),
	($$UPDATE app.tb_comment SET body = NULL WHERE pk_comment = 2$$),
	($$UPDATE app.tb_comment SET body = '' WHERE fk_user = 3$$),
	($$UPDATE app.tb_country SET code = 'AA' WHERE pk_country = 1$$),
	($$UPDATE app.tb_country SET code = CASE pk_country WHEN 4 THEN 'YY' WHEN 1 THEN 'ZZ' ELSE code END$$),
	($$UPDATE app.tb_tag SET word = 'v' || pk_tag WHERE pk_tag < 3$$),
	($$UPDATE app.tb_post_tag SET weight = -weight WHERE fk_tag = 1$$),
	($$UPDATE app.tb_event SET what = 'new' WHERE pk_event IN (1, 6)$$),
	($$UPDATE app.tb_reading SET value = value + 1 WHERE fk_event = 2$$),
	($$UPDATE app.tb_log SET line = 'new ' || line WHERE fk_user IN (2, 4)$$),
	($$UPDATE ONLY app.tb_log SET line = 'only' WHERE fk_user = 1$$),
	($$UPDATE app."tb_Odd Name" SET "select" = 's4', "data""" = 'x' WHERE "pk_Odd Name" = 1$$),
	-- columns that few or no views use
	($$UPDATE app.tb_post SET unused = 'y'$$),
	($$UPDATE app.tb_comment SET unused = 'y'$$),
	($$UPDATE app.tb_user SET bio = 'y'$$),
	($$UPDATE app.tb_event SET unused = 'y'$$),
	($$UPDATE app.tb_country SET note = 'y', code = code$$),
	-- rows go elsewhere
	($$UPDATE app.tb_post SET fk_user = 5 WHERE pk_post = 1$$),
	($$UPDATE app.tb_post SET fk_user = fk_user % 6 + 1, fk_editor = fk_user$$),
	($$UPDATE app.tb_post SET fk_editor = NULL WHERE fk_editor = 2$$),
	($$UPDATE app.tb_user SET fk_manager = 7 WHERE pk_user = 1$$),
	($$UPDATE app.tb_user SET fk_manager = 8 WHERE fk_manager = 1$$),
	($$UPDATE app.tb_user SET fk_country = NULL WHERE pk_user = 2$$),
	($$UPDATE app.tb_user SET fk_country = 3 WHERE fk_country IS NULL OR fk_country = 1$$),
	($$UPDATE app.tb_comment SET fk_post = 8 WHERE pk_comment IN (1, 2)$$),
	($$UPDATE app.tb_comment SET fk_user = NULL WHERE pk_comment = 3$$),
	($$UPDATE app.tb_comment SET fk_user = 9, fk_post = 1 WHERE fk_user IS NULL$$),
	($$UPDATE app.tb_post_tag SET fk_post = 2 WHERE fk_post = 9$$),
	($$UPDATE app.tb_post_tag SET fk_tag = 3 WHERE fk_tag = 5$$),
	($$UPDATE app.tb_event SET fk_user = 2 WHERE pk_event IN (3, 4)$$),
	($$UPDATE app.tb_reading SET fk_event = fk_event + 1 WHERE value < 12$$),
	($$UPDATE app.tb_log SET fk_user = 6 WHERE fk_user = 2$$),
	($$UPDATE app."tb_Odd Name" SET "fk_Owner's" = 4 WHERE "pk_Odd Name" < 3$$),
	-- ids
	($$UPDATE app.tb_post SET id = app.uid(20) WHERE pk_post = 1$$),
	($$UPDATE app.tb_post SET id = app.uid(1) WHERE pk_post = 2$$),
	($$UPDATE app.tb_user SET id = app.uid(21 + pk_user % 2) WHERE pk_user IN (3, 4)$$),
	($$UPDATE app.tb_country SET id = app.uid(24) WHERE pk_country = 2$$),
	($$UPDATE app.tb_comment SET id = app.uid(23) WHERE pk_comment = 1$$),
	($$UPDATE app.tb_event SET id = app.uid(2)$$),
	($$UPDATE app."tb_Odd Name" SET "Id" = NULL WHERE "pk_Odd Name" = 3$$),
	-- keys that nobody refers to
	($$UPDATE app.tb_comment SET pk_comment = 3000000000 WHERE pk_comment = 4$$),
	($$UPDATE app.tb_comment SET pk_comment = pk_comment + 1000 WHERE pk_comment BETWEEN 5 AND 8$$),
	($$UPDATE app."tb_Odd Name" SET "pk_Odd Name" = 1000 WHERE "pk_Odd Name" = 2$$),
	($$UPDATE app.tb_event SET pk_event = 8 WHERE pk_event = 6$$),
	-- rows go
	($$DELETE FROM app.tb_comment WHERE pk_comment = 1$$),
	($$DELETE FROM app.tb_comment WHERE fk_post = 9$$),
	($$DELETE FROM app.tb_post_tag WHERE fk_tag = 3$$),
	($$DELETE FROM app.tb_reading WHERE fk_event IN (3, 7)$$),
	($$DELETE FROM app.tb_event WHERE pk_event IN (1, 5)$$),
	($$DELETE FROM app.tb_log WHERE fk_user > 4$$),
	($$DELETE FROM app."tb_Odd Name" WHERE "select" = 's4'$$),
	($$DELETE FROM app.tb_tag WHERE pk_tag = 1$$),
	($$DELETE FROM app.tb_post WHERE pk_post = 2$$),
	($$DELETE FROM app.tb_comment$$),
	-- and come back as others
	($$INSERT INTO app.tb_post VALUES (2, app.uid(2), 1, 1, 'p2 again', 9)$$),
	($$INSERT INTO app.tb_comment VALUES (1, app.uid(1), 2, 2, 'c1 again')$$);
\set ECHO none
\i :drive
\set ECHO all
SELECT * FROM chk.summary;
SELECT tview, problem FROM tview.status WHERE problem IS NOT NULL;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
SELECT tview FROM tview.cache_stats WHERE served = 0 OR recomputed + bypassed = 0 OR mismatched > 0;
\set ECHO none
\i :end
