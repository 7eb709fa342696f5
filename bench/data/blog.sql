-- Base tables of the blog in the schema :schema: :posts posts.  Author 1 has a
-- tenth of them, authors 2 to 11 a hundredth each, the others 100 each.
CREATE SCHEMA :schema;
SET search_path = :schema;
CREATE TABLE tb_author (
	pk_author int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	name text NOT NULL
);
CREATE TABLE tb_post (
	pk_post int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	fk_author int NOT NULL REFERENCES tb_author,
	title text NOT NULL,
	body text NOT NULL
);
INSERT INTO tb_author
SELECT i, md5('author' || i)::uuid, 'author ' || i
FROM generate_series(1, greatest(:posts / 100, 11 + :posts / 125)) i;
INSERT INTO tb_post
SELECT i, md5('post' || i)::uuid,
	CASE i % 10 WHEN 0 THEN 1 WHEN 1 THEN 2 + i / 10 % 10
	ELSE 12 + (i / 10 * 8 + i % 10 - 2) % (:posts / 125) END,
	'title ' || i, repeat(md5(i::text), 4)
FROM generate_series(1, :posts) i;
CREATE INDEX ON tb_post (fk_author);
CREATE VIEW v_post AS
SELECT p.pk_post, p.id, p.fk_author,
	jsonb_build_object('id', p.id, 'title', p.title, 'body', p.body,
		'author', jsonb_build_object('id', a.id, 'name', a.name)) AS data
FROM tb_post p JOIN tb_author a ON a.pk_author = p.fk_author;
VACUUM ANALYZE tb_author, tb_post;
