-- Lists that only grow, for append.c.  An even key's list is child rows, an odd
-- key's is an array; six keys make a shelf, which is one document.  Whoever
-- appends holds the row of the list until its transaction ends.
CREATE SCHEMA app;
CREATE SCHEMA tiny;
CREATE SCHEMA oracle;
SET search_path = app, public;
SET client_min_messages = error;

CREATE TABLE tb_shelf (pk_shelf int PRIMARY KEY, name text);
CREATE TABLE tb_list (pk_list int PRIMARY KEY, fk_shelf int, n int);
CREATE TABLE tb_entry (
	pk_entry bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	fk_list int, pos int, value bigint);
CREATE TABLE tb_array (pk_array int PRIMARY KEY, fk_shelf int, items bigint[]);
CREATE INDEX ON tb_list (fk_shelf);
CREATE INDEX ON tb_entry (fk_list);
CREATE INDEX ON tb_array (fk_shelf);
INSERT INTO tb_shelf SELECT i, 'shelf ' || i FROM generate_series(0, 3000) i;
ANALYZE tb_shelf;

CREATE VIEW v_list AS
SELECT l.pk_list, l.fk_shelf, jsonb_build_object('items',
	(SELECT jsonb_agg(e.value ORDER BY e.pos) FROM tb_entry e WHERE e.fk_list = l.pk_list)) AS data
FROM tb_list l;
CREATE VIEW v_array AS
SELECT a.pk_array, a.fk_shelf, jsonb_build_object('items', to_jsonb(a.items)) AS data
FROM tb_array a;

-- a shelf, by base tables alone
CREATE VIEW oracle.v_shelf AS
SELECT s.pk_shelf, jsonb_build_object('lists', COALESCE((
	SELECT jsonb_agg(jsonb_build_object('list', x.pk, 'items', x.items) ORDER BY x.pk) FROM (
		SELECT l.pk_list AS pk,
			(SELECT jsonb_agg(e.value ORDER BY e.pos) FROM tb_entry e WHERE e.fk_list = l.pk_list) AS items
		FROM tb_list l WHERE l.fk_shelf = s.pk_shelf
		UNION ALL
		SELECT a.pk_array, to_jsonb(a.items) FROM tb_array a WHERE a.fk_shelf = s.pk_shelf) x), '[]')) AS data
FROM tb_shelf s;

CREATE EXTENSION tview_fdw;
CREATE SERVER roomy FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '256MB');
CREATE SERVER tiny FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '1MB', mark_log_size '64kB');
IMPORT FOREIGN SCHEMA app FROM SERVER roomy INTO app;
IMPORT FOREIGN SCHEMA app FROM SERVER tiny INTO tiny;

-- the same out of TVIEWs: stored fragments of a stored document
CREATE VIEW v_shelf AS
SELECT s.pk_shelf, jsonb_build_object(
	'lists', COALESCE((SELECT jsonb_agg(jsonb_build_object('list', l.pk_list, 'items', l.data->'items') ORDER BY l.pk_list)
			  FROM tv_list l WHERE l.fk_shelf = s.pk_shelf), '[]'),
	'arrays', COALESCE((SELECT jsonb_agg(jsonb_build_object('list', a.pk_array, 'items', a.items) ORDER BY a.pk_array)
			   FROM tb_array a WHERE a.fk_shelf = s.pk_shelf), '[]')) AS data
FROM tb_shelf s;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_shelf) FROM SERVER roomy INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_shelf) FROM SERVER tiny INTO tiny;

-- What a shelf holds, one row for a list; and the same by base tables alone.
CREATE VIEW shelf AS SELECT pk_shelf, (x->>'list')::int AS k, x->>'items' AS items
FROM tv_shelf, jsonb_array_elements((data->'lists') || (data->'arrays')) x;
CREATE VIEW tiny.shelf AS SELECT pk_shelf, (x->>'list')::int AS k, x->>'items' AS items
FROM tiny.tv_shelf, jsonb_array_elements((data->'lists') || (data->'arrays')) x;
CREATE VIEW oracle.shelf AS SELECT pk_shelf, (x->>'list')::int AS k, x->>'items' AS items
FROM oracle.v_shelf, jsonb_array_elements(data->'lists') x;
