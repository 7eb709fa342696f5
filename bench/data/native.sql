-- A native table with the rows of a view and the same indexes, in key order.
CREATE TABLE :schema.:native AS SELECT * FROM :schema.:view ORDER BY :key;
ALTER TABLE :schema.:native ADD PRIMARY KEY (:key);
CREATE UNIQUE INDEX ON :schema.:native (id);
CREATE INDEX ON :schema.:native (fk_author);
VACUUM ANALYZE :schema.:native;
