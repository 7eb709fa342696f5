-- The blog that the benchmark reads and writes: :posts posts by :authors authors.
CREATE EXTENSION IF NOT EXISTS tview_fdw;
CREATE SCHEMA bench;
CREATE TABLE bench.tb_author (pk_author int PRIMARY KEY, id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE bench.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	fk_author int NOT NULL REFERENCES bench.tb_author, title text NOT NULL, body text NOT NULL);
CREATE INDEX ON bench.tb_post (fk_author);
CREATE TABLE bench.tb_plain (pk_author int PRIMARY KEY, id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(), name text NOT NULL);
INSERT INTO bench.tb_author SELECT i, gen_random_uuid(), 'author ' || i FROM generate_series(1, :authors) i;
INSERT INTO bench.tb_plain SELECT * FROM bench.tb_author;
INSERT INTO bench.tb_post SELECT i, gen_random_uuid(), 1 + i % :authors, 'title ' || i, repeat(md5(i::text), 4)
FROM generate_series(1, :posts) i;
CREATE VIEW bench.v_post AS
SELECT p.pk_post, p.id, p.fk_author,
	jsonb_build_object('id', p.id, 'title', p.title, 'body', p.body,
		'author', jsonb_build_object('id', a.id, 'name', a.name)) AS data
FROM bench.tb_post p JOIN bench.tb_author a ON a.pk_author = p.fk_author;
VACUUM ANALYZE bench.tb_author, bench.tb_post, bench.tb_plain;
\timing on
CREATE TABLE bench.native AS SELECT * FROM bench.v_post;
ALTER TABLE bench.native ADD PRIMARY KEY (pk_post);
CREATE UNIQUE INDEX ON bench.native (id);
CREATE INDEX ON bench.native (fk_author);
CREATE SERVER bench FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '4GB');
IMPORT FOREIGN SCHEMA bench FROM SERVER bench INTO bench;
\timing off
VACUUM ANALYZE bench.native;
