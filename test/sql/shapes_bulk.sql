-- proves that ON CONFLICT, MERGE, COPY, TRUNCATE, writable CTEs and UPDATE FROM show at once in every shape of view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
INSERT INTO chk.step (statement) VALUES
	($$INSERT INTO app.tb_user VALUES (1, app.uid(1), 'conflict') ON CONFLICT DO NOTHING$$),
	($$INSERT INTO app.tb_user AS u VALUES (1, app.uid(1), 'upsert', NULL, 2), (7, app.uid(7), 'new', NULL, 2)
		ON CONFLICT (pk_user) DO UPDATE SET name = EXCLUDED.name, fk_country = EXCLUDED.fk_country$$),
	($$INSERT INTO app.tb_post VALUES (3, app.uid(3), 2, 3, 'up3'), (9, app.uid(9), 2, 3, 'up9')
		ON CONFLICT (id) DO UPDATE SET fk_user = EXCLUDED.fk_user, title = EXCLUDED.title WHERE tb_post.score > 0$$),
	($$INSERT INTO app.tb_event VALUES (2, app.uid(2), 3, 'up'), (9, app.uid(9), 3, 'up')
		ON CONFLICT (pk_event) DO UPDATE SET what = EXCLUDED.what, fk_user = EXCLUDED.fk_user$$),
	($$MERGE INTO app.tb_post p USING (VALUES (1, 'm1'), (2, 'm2'), (10, 'm10')) m(pk, title) ON p.pk_post = m.pk
		WHEN MATCHED AND m.pk = 1 THEN UPDATE SET title = m.title, fk_editor = 3
		WHEN MATCHED THEN DELETE
		WHEN NOT MATCHED THEN INSERT (pk_post, id, fk_user, title) VALUES (m.pk, app.uid(m.pk), 1, m.title)$$),
	($$MERGE INTO app.tb_reading r USING app.tb_event e ON r.fk_event = e.pk_event AND r.kind = 'hot'
		WHEN MATCHED THEN UPDATE SET kind = 'cold', value = r.value * 2
		WHEN NOT MATCHED THEN INSERT VALUES (e.pk_event, 'hot', 1)$$),
	($$COPY app.tb_comment FROM PROGRAM 'printf "20\t00000000-0000-0000-0000-000000000020\t1\t2\tcopied\t\\N\n21\t00000000-0000-0000-0000-000000000021\t3\t\\N\tcopied\tx\n"'$$),
	($$COPY app.tb_event (pk_event, id, fk_user, what) FROM PROGRAM 'printf "10,00000000-0000-0000-0000-000000000010,1,copied\n0,00000000-0000-0000-0000-000000000000,2,copied\n"' (FORMAT csv)$$),
	($$COPY app.tb_reading FROM PROGRAM 'printf "0\thot\t1\n0\twet\t100\n1\tcold\t-3\n"'$$),
	($$WITH gone AS (DELETE FROM app.tb_comment WHERE fk_post = 3 RETURNING *)
		INSERT INTO app.tb_comment SELECT pk_comment + 100, id, 4, fk_user, 'moved ' || body FROM gone WHERE pk_comment < 20$$),
	($$WITH u AS (UPDATE app.tb_user SET name = 'cte' WHERE pk_user = 2 RETURNING pk_user),
		p AS (UPDATE app.tb_post SET title = 'cte' WHERE fk_user = 2 RETURNING pk_post),
		k AS (INSERT INTO app.tb_comment SELECT 200 + pk_post, md5('c' || pk_post)::uuid, pk_post, 1, 'cte' FROM p RETURNING 1)
		SELECT 1 FROM k LIMIT 0$$),
	($$WITH t AS (INSERT INTO app.tb_tag VALUES (6, app.uid(6), 'w3x') RETURNING pk_tag)
		UPDATE app.tb_tag SET word = 'six' WHERE pk_tag = 3$$),
	($$UPDATE app.tb_post p SET title = u.name, score = p.score + 1 FROM app.tb_user u WHERE u.pk_user = p.fk_user AND u.pk_user > 2$$),
	($$UPDATE app.tb_user u SET name = t.data ->> 'name' || '!' FROM app.tv_user t WHERE t.pk_user = u.fk_manager$$),
	($$DELETE FROM app.tb_comment k USING app.tv_post p WHERE p.pk_post = k.fk_post AND p.fk_user = 3$$),
	($$INSERT INTO app.tb_post SELECT p.pk_post + 10, app.uid(p.pk_post + 10), p.fk_user, NULL, p.data ->> 'title', 2 FROM app.tv_post p WHERE p.pk_post < 6$$),
	($$INSERT INTO app.tb_log SELECT u.pk_user, u.name FROM app.tv_user u$$),
	($$SET LOCAL tview.max_marks_per_transaction = 3; UPDATE app.tb_comment SET body = 'bulk ' || pk_comment$$),
	($$SET tview.max_marks_per_transaction = 3$$),
	($$UPDATE app.tb_comment SET body = 'many ' || pk_comment$$),
	($$UPDATE app.tb_post SET title = 'many ' || pk_post, id = md5('p' || pk_post)::uuid$$),
	($$INSERT INTO app.tb_user SELECT n, app.uid(n), 'many', NULL, NULL, 1 FROM generate_series(12, 17) n$$),
	($$DELETE FROM app.tb_user WHERE pk_user >= 12$$),
	($$RESET tview.max_marks_per_transaction$$),
	($$TRUNCATE app.tb_log$$),
	($$INSERT INTO app.tb_log VALUES (1, 'after')$$),
	($$TRUNCATE ONLY app.tb_log$$),
	($$TRUNCATE app.tb_reading_small$$),
	($$TRUNCATE app.tb_reading$$),
	($$TRUNCATE app.tb_event$$),
	($$INSERT INTO app.tb_event VALUES (1, app.uid(1), 1, 'after')$$),
	($$TRUNCATE app.tb_comment$$),
	($$INSERT INTO app.tb_comment VALUES (1, app.uid(1), 1, 1, 'after')$$),
	($$TRUNCATE app.tb_tag CASCADE$$),
	($$TRUNCATE app."tb_Odd Name"$$),
	($$TRUNCATE app.tb_country CASCADE$$),
	($$INSERT INTO app.tb_user VALUES (1, app.uid(1), 'after')$$);
\set ECHO none
\i :drive
\set ECHO all
SELECT * FROM chk.summary;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
