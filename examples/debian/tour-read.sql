-- Reading: one document by its id, from the store and from the view.
\pset footer off
\pset null '-'
SELECT id AS package FROM app.tb_package
ORDER BY identifier = 'make' DESC, identifier LIMIT 1 \gset

\echo
\echo '--- A document as a client asks for it: SELECT data FROM app.tv_package WHERE id = ...'
SELECT jsonb_pretty(data) AS data FROM app.tv_package WHERE id = :'package';

\echo '--- How the store answers'
EXPLAIN (ANALYZE, COSTS OFF)
SELECT data FROM app.tv_package WHERE id = :'package';

\echo '--- What the same read costs in the view'
EXPLAIN (ANALYZE, COSTS OFF)
SELECT data FROM app.v_package WHERE id = :'package';
