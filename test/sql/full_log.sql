-- proves that no mark is lost where the log is too small, for one transaction or for many prepared ones
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
ALTER SERVER tviews OPTIONS (ADD mark_log_size '64kB');
CREATE TABLE app.tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO app.tb_user SELECT n, 'u' || n FROM generate_series(1, 4000) n;
CREATE VIEW app.v_user AS SELECT u.pk_user, jsonb_build_object('name', u.name) AS data FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SELECT rows, complete FROM tview.cache_stats;
CREATE VIEW chk.differences AS
	SELECT count(*) FROM ((TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user)) d;
-- marks of prepared transactions stay until these have ended
SELECT format('BEGIN; UPDATE app.tb_user SET name = name || %1$L WHERE pk_user BETWEEN %2$s AND %3$s; PREPARE TRANSACTION %1$L', 'p' || n, n * 200, n * 200 + 199)
	FROM generate_series(1, 14) n \gexec
SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database();
SELECT * FROM chk.differences;
SELECT reset_reason FROM tview.store;
SELECT format('COMMIT PREPARED %L', gid) FROM pg_prepared_xacts WHERE database = current_database() AND gid <> 'p3' ORDER BY gid \gexec
SELECT * FROM chk.differences;
ROLLBACK PREPARED 'p3';
SELECT * FROM chk.differences;
SELECT count(*) FROM app.tv_user WHERE data ->> 'name' LIKE '%p%';
-- one transaction that is too large for the log
SELECT tview.refresh('app.tv_user');
INSERT INTO app.tb_user SELECT n, 'u' || n FROM generate_series(4001, 8000) n;
SELECT * FROM chk.differences;
SELECT tview.refresh('app.tv_user');
UPDATE app.tb_user SET name = name || 'x';
SELECT * FROM chk.differences;
SELECT tview.refresh('app.tv_user');
DELETE FROM app.tb_user WHERE pk_user % 3 = 0;
SELECT * FROM chk.differences;
SELECT s.tview, v.* FROM tview.status s, tview.verify(s.tview) v;
\set ECHO none
\i :end
