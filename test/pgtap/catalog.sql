-- proves that the extension has the objects that docs/ promises, and no more rights than it should
SET client_min_messages = warning;
BEGIN;
SELECT no_plan();
CREATE EXTENSION tview_fdw;

-- ---- the extension ----
SELECT has_extension('tview_fdw', 'the extension is there');
SELECT is((SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'tview_fdw'), 'tview', 'its schema is tview');
SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'tview_fdw'), false, 'it cannot be moved to another schema');
SELECT is((SELECT extconfig FROM pg_extension WHERE extname = 'tview_fdw'), NULL, 'pg_dump takes none of its rows along');
SELECT is((SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'tview_fdw' AND fdwhandler = 'tview.fdw_handler'::regproc AND fdwvalidator = 'tview.fdw_validator'::regproc), 1::bigint, 'the wrapper has its handler and validator');
SELECT bag_eq(
	$$SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'tview'::regnamespace$$,
	ARRAY['tview.fdw_handler()', 'tview.fdw_validator(text[],oid)', 'tview.discard_row()',
		'tview.mark_row()', 'tview.mark_truncate()',
		'tview.definition(regclass)', 'tview.reset(text)', 'tview.refresh(regclass)', 'tview.verify(regclass)',
		'tview.store_stats()', 'tview.cache_statistics()', 'tview.build_progress()', 'tview.column_names(oid,smallint[])',
		'tview.event_command_start()', 'tview.event_command_end()', 'tview.event_sql_drop()', 'tview.event_table_rewrite()'],
	'these are its functions');
SELECT is(count(*), 0::bigint, 'each of them has a comment') FROM pg_proc p WHERE p.pronamespace = 'tview'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT is(count(*), 0::bigint, 'none of them is SECURITY DEFINER') FROM pg_proc p WHERE p.pronamespace = 'tview'::regnamespace AND p.prosecdef;
SELECT is(count(*), 0::bigint, 'none that is in C may run in a parallel worker') FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'tview'::regnamespace AND l.lanname = 'c' AND p.proparallel <> 'u';
SELECT tables_are('tview', ARRAY['tviews', 'sources']);
SELECT views_are('tview', ARRAY['store', 'cache_stats', 'progress', 'lineage', 'status']);
SELECT is(count(*), 0::bigint, 'each table and view has a comment') FROM pg_class c WHERE c.relnamespace = 'tview'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT bag_eq(
	$$SELECT evtname::text, evtevent::text, evtenabled::text, evtfoid::regproc::text FROM pg_event_trigger WHERE evtname LIKE 'tview%'$$,
	$$VALUES ('tview_ddl_start', 'ddl_command_start', 'A', 'tview.event_command_start'), ('tview_ddl_end', 'ddl_command_end', 'A', 'tview.event_command_end'),
		('tview_drop', 'sql_drop', 'A', 'tview.event_sql_drop'), ('tview_rewrite', 'table_rewrite', 'A', 'tview.event_table_rewrite')$$,
	'its event triggers fire always');

-- ---- functions that people call ----
SELECT function_returns('tview', 'definition', ARRAY['regclass'], 'text');
SELECT function_returns('tview', 'reset', ARRAY['text'], 'void');
SELECT function_returns('tview', 'refresh', ARRAY['regclass'], 'bigint');
SELECT function_returns('tview', 'verify', ARRAY['regclass'], 'setof record');
SELECT volatility_is('tview', 'definition', ARRAY['regclass'], 'stable');
SELECT volatility_is('tview', f, ARRAY[t], 'volatile') FROM (VALUES ('reset', 'text'), ('refresh', 'regclass'), ('verify', 'regclass')) x(f, t);
SELECT is(pg_get_function_result('tview.verify(regclass)'::regprocedure), 'SETOF record', 'verify returns rows');
SELECT is((SELECT proargnames FROM pg_proc WHERE oid = 'tview.verify(regclass)'::regprocedure), '{tview,key,problem,stored,expected}', 'with these columns');
SELECT is((SELECT proallargtypes::regtype[]::text FROM pg_proc WHERE oid = 'tview.verify(regclass)'::regprocedure), '{regclass,bigint,text,jsonb,jsonb}', 'of these types');

-- ---- views ----
SELECT columns_are('tview', 'store', ARRAY['server', 'path', 'epoch', 'map_size', 'map_used', 'file_size', 'readers', 'max_readers',
	'marks_pending', 'mark_log_capacity', 'floor', 'last_reset', 'reset_reason', 'state']);
SELECT columns_are('tview', 'cache_stats', ARRAY['tview', 'rows', 'absent', 'hollow', 'bytes', 'complete', 'served', 'recomputed', 'stored',
	'hollowed', 'mismatched', 'bypassed', 'bypass_reasons']);
SELECT columns_are('tview', 'progress', ARRAY['tview', 'name', 'pid', 'started', 'rows_done', 'rows_expected']);
SELECT columns_are('tview', 'lineage', ARRAY['tview', 'view', 'base_table', 'root', 'reached_by', 'columns', 'lookups', 'reads', 'children']);
SELECT columns_are('tview', 'status', ARRAY['tview', 'view', 'server', 'root', 'problem', 'warning', 'key_proven', 'restrictable', 'settings', 'defined_by']);
SELECT is_empty('SELECT * FROM tview.' || v, v || ' is empty while there is no server') FROM unnest(ARRAY['store', 'cache_stats', 'progress', 'lineage', 'status']) v;

-- ---- rights ----
CREATE ROLE regress_tview_nobody;
SELECT schema_privs_are('tview', 'regress_tview_nobody', ARRAY['USAGE']);
SELECT table_privs_are('tview', v, 'regress_tview_nobody', ARRAY['SELECT']) FROM unnest(ARRAY['store', 'cache_stats', 'progress', 'lineage', 'status']) v;
SELECT table_privs_are('tview', t, 'regress_tview_nobody', ARRAY[]::text[]) FROM unnest(ARRAY['tviews', 'sources']) t;
SELECT is(has_function_privilege('regress_tview_nobody', f, 'EXECUTE'), false, f || ' is for nobody else')
FROM unnest(ARRAY['tview.mark_row()', 'tview.mark_truncate()', 'tview.discard_row()',
	'tview.event_command_start()', 'tview.event_command_end()', 'tview.event_sql_drop()', 'tview.event_table_rewrite()']) f;
SELECT is(has_function_privilege('regress_tview_nobody', f, 'EXECUTE'), true, f || ' may be called')
FROM unnest(ARRAY['tview.definition(regclass)', 'tview.reset(text)', 'tview.refresh(regclass)', 'tview.verify(regclass)']) f;
SELECT fdw_privs_are('tview_fdw', 'regress_tview_nobody', ARRAY[]::text[]);
SET ROLE regress_tview_nobody;
SELECT lives_ok('SELECT * FROM tview.' || v, 'anybody reads ' || v) FROM unnest(ARRAY['store', 'cache_stats', 'progress', 'lineage', 'status']) v;
SELECT throws_ok('CREATE SERVER s FOREIGN DATA WRAPPER tview_fdw', '42501', NULL, 'a server needs USAGE on the wrapper');
SELECT throws_ok('SELECT tview.mark_row()', '42501', NULL, 'a trigger function cannot be called by others');
RESET ROLE;
SELECT throws_ok('SELECT tview.mark_row()', '39P01', NULL, 'nor as a function');
SELECT lives_ok($$INSERT INTO tview.tviews SELECT (json_populate_record(NULL::tview.tviews, '{"relid": 1}')).*$$, 'rows that come from elsewhere are no error');
SELECT is_empty('SELECT * FROM tview.tviews', 'and are discarded');

-- ---- a table of the wrapper ----
CREATE SERVER s FOREIGN DATA WRAPPER tview_fdw;
CREATE SCHEMA app;
CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, id uuid, name text);
CREATE VIEW app.v_x AS SELECT pk_x, id, name FROM app.tb_x;
IMPORT FOREIGN SCHEMA app FROM SERVER s INTO app;
SELECT foreign_tables_are('app', ARRAY['tv_x']);
SELECT columns_are('app', 'tv_x', ARRAY['pk_x', 'id', 'name']);
SELECT is((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'app.tv_x'::regclass), '{view=app.v_x,key=pk_x}', 'its options name the view and the key');
SELECT is(count(*), 1::bigint, 'it depends on its view') FROM pg_depend WHERE objid = 'app.tv_x'::regclass AND refobjid = 'app.v_x'::regclass AND deptype = 'n';
SELECT bag_eq($$SELECT tgfoid::regproc::text, tgenabled::text, tgisinternal FROM pg_trigger WHERE tgrelid = 'app.tb_x'::regclass$$,
	$$VALUES ('tview.mark_row', 'A', true), ('tview.mark_truncate', 'A', true)$$,
	'its base has triggers that fire always and that pg_dump passes over');
SELECT is((SELECT count(*) FROM tview.status), 1::bigint, 'status has it');
SELECT is((SELECT count(*) FROM tview.lineage), 1::bigint, 'lineage has it');
SELECT is((SELECT array_agg(server::text) FROM tview.store), '{s}', 'store has its server');

-- ---- settings ----
SELECT bag_eq($$SELECT name, context, vartype FROM pg_settings WHERE name LIKE 'tview.%'$$,
	$$VALUES ('tview.checksum_interval', 'sighup', 'integer'), ('tview.max_marks_per_transaction', 'user', 'integer'), ('tview.plan_lookups', 'user', 'bool'), ('tview.refresh_delay', 'sighup', 'integer'), ('tview.refresh_workers', 'sighup', 'integer'),
		('tview.verify', 'user', 'enum'), ('tview.verify_sample_rate', 'user', 'real')$$, 'these are its settings');
SELECT throws_ok('SET tview.max_marks_per_transaction = 0', '22023', NULL, 'which has a range');
SELECT throws_ok('SET tview.no_such_setting = 0', '42602', NULL, 'other names of its prefix are refused');

DROP EXTENSION tview_fdw CASCADE;
SELECT hasnt_foreign_table('app', 'tv_x', 'dropping the extension drops the table');
SELECT is(count(*), 0::bigint, 'and the triggers') FROM pg_trigger WHERE tgrelid = 'app.tb_x'::regclass;
SELECT has_view('app', 'v_x', 'and leaves the view');
SELECT * FROM finish();
ROLLBACK;
