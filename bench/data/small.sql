-- :rows small rows in the schema :schema, for the curve over their number.
CREATE SCHEMA :schema;
SET search_path = :schema;
CREATE TABLE tb_small (
	pk_small int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	fk_author int NOT NULL,
	name text NOT NULL
);
INSERT INTO tb_small
SELECT i, md5('small' || i)::uuid, 1 + i % (1 + :rows / 100), 'name ' || i
FROM generate_series(1, :rows) i;
CREATE VIEW v_small AS
SELECT s.pk_small, s.id, s.fk_author, jsonb_build_object('id', s.id, 'name', s.name) AS data
FROM tb_small s;
VACUUM ANALYZE tb_small;
