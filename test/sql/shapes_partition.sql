-- proves that writes to partitions, and rows that move between them, show at once in every shape of view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
INSERT INTO chk.step (statement) VALUES
	($$INSERT INTO app.tb_event_low VALUES (0, app.uid(0), 1, 'direct')$$),
	($$INSERT INTO app.tb_event_high VALUES ('direct', 2, NULL, app.uid(8), 8)$$),
	($$UPDATE app.tb_event_high SET what = 'direct', fk_user = 5 WHERE pk_event = 4$$),
	($$UPDATE app.tb_event_high SET unused = 'z'$$),
	($$INSERT INTO app.tb_reading_hot VALUES (1, 'hot', 50)$$),
	($$INSERT INTO app.tb_reading_rest VALUES (1, 'cold', 51)$$),
	($$INSERT INTO app.tb_reading_small VALUES (1, 'wet', 2)$$),
	($$UPDATE app.tb_reading_rest SET value = value + 3$$),
	($$UPDATE app.tb_reading SET kind = 'hot' WHERE kind = 'wet'$$),
	($$UPDATE app.tb_reading SET kind = 'cold', fk_event = 4 WHERE kind = 'hot' AND value > 9$$),
	($$UPDATE app.tb_reading_large SET fk_event = 2 WHERE fk_event = 4$$),
	($$UPDATE app.tb_event SET pk_event = 20 WHERE pk_event = 2$$),
	($$UPDATE app.tb_event SET pk_event = pk_event - 18, what = 'moved' WHERE pk_event = 20$$),
	($$COPY app.tb_event_low (pk_event, id) FROM PROGRAM 'echo "-5,00000000-0000-0000-0000-000000000005"' (FORMAT csv)$$),
	($$DELETE FROM app.tb_reading_small WHERE fk_event = 1$$),
	($$DELETE FROM app.tb_event_low WHERE pk_event < 2$$),
	($$DELETE FROM app.tb_user WHERE pk_user = 2$$),
	($$CREATE TABLE app.tb_reading_ice PARTITION OF app.tb_reading FOR VALUES IN ('ice')$$),
	($$INSERT INTO app.tb_reading_ice VALUES (3, 'ice', 77)$$),
	($$INSERT INTO app.tb_reading VALUES (4, 'ice', 78)$$),
	($$CREATE TABLE app.tb_reading_fog (kind text NOT NULL, value int, fk_event int)$$),
	($$INSERT INTO app.tb_reading_fog VALUES ('fog', 90, 3)$$),
	($$ALTER TABLE app.tb_reading ATTACH PARTITION app.tb_reading_fog FOR VALUES IN ('fog')$$),
	($$INSERT INTO app.tb_reading_fog VALUES ('fog', 91, 4)$$),
	($$UPDATE app.tb_reading SET kind = 'fog' WHERE kind = 'ice'$$),
	($$ALTER TABLE app.tb_reading DETACH PARTITION app.tb_reading_fog$$),
	($$UPDATE app.tb_reading_fog SET value = 92$$),
	($$DROP TABLE app.tb_reading_ice$$),
	($$ALTER TABLE app.tb_event DETACH PARTITION app.tb_event_high$$),
	($$INSERT INTO app.tb_event_high VALUES ('alone', 1, NULL, app.uid(11), 11)$$),
	($$ALTER TABLE app.tb_event ATTACH PARTITION app.tb_event_high FOR VALUES FROM (4) TO (1000)$$),
	($$UPDATE app.tb_event_high SET what = 'together'$$),
	($$CREATE TABLE app.tb_log_new () INHERITS (app.tb_log)$$),
	($$INSERT INTO app.tb_log_new VALUES (3, 'new child')$$),
	($$ALTER TABLE app.tb_log_old NO INHERIT app.tb_log$$),
	($$UPDATE app.tb_log_old SET line = 'not a child'$$),
	($$ALTER TABLE app.tb_log_old INHERIT app.tb_log$$),
	($$DROP TABLE app.tb_log_new$$),
	($$TRUNCATE app.tb_event_high$$);
\set ECHO none
\i :drive
\set ECHO all
SELECT * FROM chk.summary;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
