-- The same as a materialized view.
CREATE MATERIALIZED VIEW :schema.:matview AS SELECT * FROM :schema.:view ORDER BY :key;
CREATE UNIQUE INDEX ON :schema.:matview (:key);
CREATE UNIQUE INDEX ON :schema.:matview (id);
CREATE INDEX ON :schema.:matview (fk_author);
VACUUM ANALYZE :schema.:matview;
