-- proves that changes of referenced keys, with their cascades, show at once in every shape of view
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/shapes_begin.sql'
\set drive :srcdir '/sql/include/drive.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
INSERT INTO chk.step (statement) VALUES
	($$UPDATE app.tb_user SET pk_user = 1000 WHERE pk_user = 1$$),
	($$UPDATE app.tb_user SET pk_user = 1, name = 'back' WHERE pk_user = 1000$$),
	($$UPDATE app.tb_post SET pk_post = 24 WHERE pk_post = 3$$),
	($$UPDATE app.tb_post SET pk_post = pk_post + 8 WHERE pk_post < 3$$),
	($$UPDATE app.tb_country SET pk_country = 9 WHERE pk_country = 1$$),
	($$UPDATE app.tb_tag SET pk_tag = -1 WHERE pk_tag = 1$$),
	($$UPDATE app.tb_tag SET pk_tag = 1000, word = 'w9' WHERE pk_tag = 2$$),
	($$UPDATE app.tb_post SET pk_post = 1, id = app.uid(11) WHERE pk_post = 9$$),
	($$DELETE FROM app.tb_country WHERE pk_country = 9$$),
	($$DELETE FROM app.tb_user WHERE pk_user = 3$$),
	($$DELETE FROM app.tb_tag WHERE pk_tag = 1000$$),
	($$DELETE FROM app.tb_post WHERE pk_post = 1$$),
	($$UPDATE app.tb_user SET fk_manager = pk_user WHERE pk_user = 2$$),
	($$UPDATE app.tb_user SET pk_user = 3 WHERE pk_user = 2$$),
	($$UPDATE app.tb_user SET pk_user = -pk_user$$),
	($$UPDATE app.tb_post SET pk_post = 2147483647 WHERE pk_post = 4$$),
	($$UPDATE app.tb_tag SET pk_tag = -32768 WHERE pk_tag = 4$$),
	($$DELETE FROM app.tb_user WHERE pk_user < -3$$),
	($$DELETE FROM app.tb_country$$),
	($$DELETE FROM app.tb_user$$);
\set ECHO none
\i :drive
\set ECHO all
SELECT * FROM chk.summary;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
