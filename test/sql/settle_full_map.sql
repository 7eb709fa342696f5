-- proves that marks whose rows cannot be emptied, because the map is full, are not forgotten
\getenv srcdir PG_ABS_SRCDIR
\set begin :srcdir '/sql/include/begin.sql'
\set end :srcdir '/sql/include/end.sql'
\set ECHO none
\i :begin
\set ECHO all
SET synchronous_commit = on; -- rows are stored, and their marks settle, once commits are on disk
ALTER SERVER tviews OPTIONS (SET map_size '2MB');
CREATE TABLE app.tb_item (pk_item int PRIMARY KEY, word text);
INSERT INTO app.tb_item SELECT n, 'word ' || n FROM generate_series(1, 1000) n;
CREATE VIEW app.v_item AS SELECT pk_item, jsonb_build_object('word', word) AS data FROM app.tb_item;
ANALYZE app.tb_item;
SET client_min_messages = error;
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
RESET client_min_messages;
-- as many rows as there is room for, key by key
DO $$
BEGIN
	FOR i IN 10..299 LOOP
		INSERT INTO app.tb_item SELECT n, 'word ' || n FROM generate_series(i * 100 + 1, i * 100 + 100) n;
		COMMIT;
		PERFORM data FROM app.tv_item WHERE pk_item = ANY (ARRAY(SELECT generate_series(i * 100 + 1, i * 100 + 100)));
	END LOOP;
END $$;
SELECT rows BETWEEN 1000 AND 29999 AS some_rows FROM tview.cache_stats;
-- rows of every page change; whoever reads settles some marks
CREATE PROCEDURE chk.change() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..1500 LOOP
		UPDATE app.tb_item SET word = 'changed ' || i WHERE pk_item = i * 7;
		COMMIT;
	END LOOP;
	FOR i IN 1..40 LOOP
		PERFORM FROM app.tv_item WHERE pk_item = 30001;
		COMMIT;
		PERFORM pg_sleep(0.11);
	END LOOP;
END $$;
CALL chk.change();
-- by key: whatever is stored is served
CREATE VIEW chk.differences AS
	SELECT count(*) FROM generate_series(1, 30001) k
		LEFT JOIN LATERAL (SELECT t.data FROM app.tv_item t WHERE t.pk_item = k OFFSET 0) t ON true
		FULL JOIN app.v_item v ON v.pk_item = k
	WHERE t.data IS DISTINCT FROM v.data;
SELECT * FROM chk.differences;
CALL chk.change();
SELECT * FROM chk.differences;
SELECT count(*) FROM ((TABLE app.tv_item EXCEPT ALL TABLE app.v_item) UNION ALL (TABLE app.v_item EXCEPT ALL TABLE app.tv_item)) d;
\set ECHO none
\i :end
