-- proves that a view over more than a thousand tables is served, and follows each of them
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
SET synchronous_commit = on; -- rows are stored once commits are on disk
CREATE TABLE app.tb_root (pk_root int PRIMARY KEY);
INSERT INTO app.tb_root VALUES (1), (2);
DO $$
BEGIN
	FOR i IN 1..1030 LOOP
		EXECUTE format('CREATE TABLE app.tb_%s (n int)', i);
		IF i % 200 = 0 THEN COMMIT; END IF;
	END LOOP;
	EXECUTE (SELECT 'CREATE VIEW app.v_root AS SELECT r.pk_root, ' ||
		string_agg(format('(SELECT count(*) FROM app.tb_%s)', i), ' + ' ORDER BY i) || ' AS n FROM app.tb_root r'
		FROM generate_series(1, 1030) i);
END $$;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
SELECT complete, rows FROM tview.cache_stats;
INSERT INTO app.tb_1 VALUES (1);
INSERT INTO app.tb_1030 VALUES (1), (2);
SELECT t.n, t.n = v.n AS equal FROM app.tv_root t JOIN app.v_root v USING (pk_root) ORDER BY pk_root;
SELECT complete, rows FROM tview.cache_stats;
SELECT tview.reset('app.tv_root');
SELECT t.n, t.n = v.n AS equal FROM app.tv_root t JOIN app.v_root v USING (pk_root) ORDER BY pk_root;
SELECT state, reset_reason FROM tview.store;
\set ECHO none
\i :end
