-- Base rows that are joined to random posts.
CREATE TABLE app.tb_pick (pk_pick int PRIMARY KEY, fk_post int NOT NULL);
INSERT INTO app.tb_pick
SELECT i, 1 + abs(hashint4(i)::bigint) % :posts FROM generate_series(1, 100000) i;
VACUUM ANALYZE app.tb_pick;
