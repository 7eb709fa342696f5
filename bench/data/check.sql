-- What bench/check counts: loops over one statement, in the server itself.  A
-- path's functions differ in the relation only: tv, native (or a table that
-- nothing follows), view.  What a loop costs beside its statement is the same.
CREATE SCHEMA loops;
CREATE TABLE loops.ids AS SELECT array_agg(id ORDER BY pk_post) AS ids FROM app.tb_post;

CREATE FUNCTION loops.make(name text, body text) RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
	target text[];
BEGIN
	FOREACH target SLICE 1 IN ARRAY
		'{{tv,app.tv_post,app},{native,app.native,plain},{view,plain.v_post,plain}}'::text[] LOOP
		EXECUTE format('CREATE PROCEDURE loops.%s_%s(n int) LANGUAGE plpgsql AS $$%s$$', target[1], name,
			replace(replace(body, '@relation', target[2]), '@schema', target[3]));
	END LOOP;
END $make$;

SELECT loops.make('pk', 'BEGIN FOR i IN 1..n LOOP PERFORM data FROM @relation WHERE pk_post = i; END LOOP; END');
SELECT loops.make('id', 'DECLARE k uuid[] := (SELECT ids FROM loops.ids); v uuid;
	BEGIN FOREACH v IN ARRAY k[1:n] LOOP PERFORM data FROM @relation WHERE id = v; END LOOP; END');
SELECT loops.make('fk', 'BEGIN FOR i IN 1..n LOOP PERFORM data FROM @relation WHERE fk_author = 12 + i % 8;
	END LOOP; END');
SELECT loops.make('scan', 'BEGIN FOR i IN 1..n LOOP PERFORM count(data) FROM @relation; END LOOP; END');
SELECT loops.make('plan', 'BEGIN FOR i IN 1..n LOOP
	EXECUTE ''EXPLAIN SELECT data FROM @relation WHERE pk_post = '' || i; END LOOP; END');
SELECT loops.make('simple', 'DECLARE r record; BEGIN FOR i IN 1..n LOOP
	EXECUTE ''SELECT data FROM @relation WHERE pk_post = '' || i INTO r; END LOOP; END');
SELECT loops.make('write', 'BEGIN FOR i IN 1..n LOOP
	UPDATE @schema.tb_post SET title = title || ''.'' WHERE pk_post = i; COMMIT; END LOOP; END');
-- every row changed at once, and read again
SELECT loops.make('batch', 'DECLARE k int[] := (SELECT array_agg(i) FROM generate_series(1, 1000) i);
	BEGIN FOR i IN 1..n LOOP
	UPDATE @schema.tb_post SET title = left(title, 8) || i % 10 WHERE pk_post = ANY (k); COMMIT;
	PERFORM data FROM @relation WHERE pk_post = ANY (k); END LOOP; END');
VACUUM ANALYZE loops.ids;
