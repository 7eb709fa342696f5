-- proves that stored rows keep large values themselves: the table's TOAST table may be made anew
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, body text, note text);
ALTER TABLE app.tb_post ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO app.tb_post SELECT n, (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 400) i) FROM generate_series(1, 5) n;
CREATE VIEW app.v_post AS SELECT p.pk_post, p.body FROM app.tb_post p;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE VIEW chk.differences AS
	SELECT count(*) FROM ((TABLE app.tv_post EXCEPT ALL TABLE app.v_post) UNION ALL (TABLE app.v_post EXCEPT ALL TABLE app.tv_post)) d;
SELECT rows, complete, bytes > 5 * 12800 AS large FROM tview.cache_stats;
SELECT * FROM chk.differences;
-- one is stored by a look-up
UPDATE app.tb_post SET body = body || 'x' WHERE pk_post = 2;
SELECT length(body) FROM app.tv_post WHERE pk_post = 2;
VACUUM FULL app.tb_post;
SELECT * FROM chk.differences;
SELECT length(body) FROM app.tv_post WHERE pk_post IN (1, 2);
SELECT served >= 12 AS served, bypassed FROM tview.cache_stats;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
