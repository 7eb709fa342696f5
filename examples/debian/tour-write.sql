-- Writing: a maintainer of thousands of packages takes another name.
\pset footer off
\pset null '-'
SELECT fk_maintainer AS maintainer FROM app.tb_package
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1 \gset
SELECT min(id::text) AS one, max(id::text) AS another FROM app.tb_package
WHERE fk_maintainer = :maintainer \gset

\echo
\echo '--- The maintainer with the most packages, whose name stands in each of their documents'
SELECT m.name, count(*) AS documents
FROM app.tb_maintainer m JOIN app.tb_package p ON p.fk_maintainer = m.pk_maintainer
WHERE m.pk_maintainer = :maintainer GROUP BY m.name;

\echo '--- Renamed in a transaction that takes it back: its own read sees the new name, and the old one after'
BEGIN;
UPDATE app.tb_maintainer SET name = 'Nobody' WHERE pk_maintainer = :maintainer;
SELECT data->'maintainer'->>'name' AS inside FROM app.tv_package WHERE id = :'one';
ROLLBACK;
SELECT data->'maintainer'->>'name' AS after_rollback FROM app.tv_package WHERE id = :'one';

\echo '--- Renamed for good: the time does not depend on the number of documents'
\timing on
UPDATE app.tb_maintainer SET name = name || ' (renamed)' WHERE pk_maintainer = :maintainer;
\timing off

\echo
\echo '--- The very next read'
\timing on
SELECT data->'maintainer'->>'name' AS maintainer FROM app.tv_package WHERE id = :'one';
\timing off

\echo
\echo '--- Another of these documents: it is recomputed once, when somebody reads it'
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)
SELECT data FROM app.tv_package WHERE id = :'another';

\echo '--- All of them at once: what nobody has read yet is recomputed in batches'
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)
SELECT data FROM app.tv_package WHERE fk_maintainer = :maintainer;

\echo '--- The same again'
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)
SELECT data FROM app.tv_package WHERE fk_maintainer = :maintainer;
