-- :docs documents of 12 KB in the schema :schema, :kind 'random' (which
-- compresses to nothing less) or 'text' (sentences that come again).
CREATE SCHEMA :schema;
SET search_path = :schema;
CREATE TABLE tb_doc (
	pk_doc int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	fk_author int NOT NULL,
	title text NOT NULL,
	body jsonb NOT NULL
);
INSERT INTO tb_doc
SELECT i, md5('doc' || i)::uuid, 1 + i % (1 + :docs / 100), 'title ' || i,
	(SELECT jsonb_agg(
		(SELECT string_agg(CASE :'kind' WHEN 'random' THEN md5(i || '/' || p || '/' || s)
			ELSE 'Sentence ' || abs(hashint4(i * 384 + p * 16 + s)) % 64 || ' of this text.' END,
			CASE :'kind' WHEN 'random' THEN '' ELSE '  ' END ORDER BY s)
		 FROM generate_series(1, 16) s) ORDER BY p)
	 FROM generate_series(1, CASE :'kind' WHEN 'random' THEN 24 ELSE 29 END) p)
FROM generate_series(1, :docs) i;
CREATE INDEX ON tb_doc (fk_author);
CREATE VIEW v_doc AS
SELECT d.pk_doc, d.id, d.fk_author,
	jsonb_build_object('id', d.id, 'title', d.title, 'author', d.fk_author, 'body', d.body) AS data
FROM tb_doc d;
VACUUM ANALYZE tb_doc;
