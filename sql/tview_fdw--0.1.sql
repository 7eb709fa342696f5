/* Install script of tview_fdw 0.1: run by CREATE EXTENSION, in schema tview. */

-- complain if the script is sourced in psql
\echo Use "CREATE EXTENSION tview_fdw" to load this file. \quit

-- ---- what the library records about TVIEWs (src/meta/record.h) ----
-- Written by DDL only.  Not dumped: restoring the foreign tables makes it anew.

CREATE TABLE tview.tviews (
	relid oid PRIMARY KEY,
	viewid oid NOT NULL,
	serverid oid NOT NULL,
	rootid oid NOT NULL,
	key_root int2 NOT NULL,
	key int2 NOT NULL,
	generation_xid xid8 NOT NULL,
	generation_nonce int8 NOT NULL,
	fingerprint int8 NOT NULL,
	restrictable bool NOT NULL,
	single_row bool NOT NULL,
	setting_mask int4 NOT NULL,
	setting_values text[] NOT NULL,
	tag_query text,
	tag_rel oid[] NOT NULL,
	tag_att int2[] NOT NULL,
	tag_family oid[] NOT NULL,
	tag_type oid[] NOT NULL,
	tag_multiple bool[] NOT NULL,
	lookup_att int2[] NOT NULL,
	lookup_root int2[] NOT NULL,
	lookup_family oid[] NOT NULL,
	relation_tags oid[] NOT NULL,
	sources oid[] NOT NULL,
	bases oid[] NOT NULL,
	views oid[] NOT NULL,
	functions oid[] NOT NULL,
	types oid[] NOT NULL,
	problem text,
	warning text,
	cluster int8 NOT NULL
);
COMMENT ON TABLE tview.tviews IS 'one row for each TVIEW: how it was analysed; read tview.status instead';

CREATE TABLE tview.sources (
	relid oid NOT NULL,
	baseid oid NOT NULL,
	sourceid oid NOT NULL,
	serverid oid NOT NULL,
	by_row bool NOT NULL,
	by_relation bool NOT NULL,
	used int2[],
	tracked_att int2[] NOT NULL,
	tracked_family oid[] NOT NULL,
	tracked_reaches bool[] NOT NULL,
	key_att int2 NOT NULL,
	PRIMARY KEY (relid, baseid, sourceid)
);
CREATE INDEX sources_baseid_idx ON tview.sources (baseid);
COMMENT ON TABLE tview.sources IS 'one row for each table (or partition) that a TVIEW reads; read tview.lineage instead';

REVOKE ALL ON tview.tviews, tview.sources FROM PUBLIC;

-- oids mean nothing elsewhere: keep them out of publications FOR ALL TABLES (src/meta/insert.c)
CREATE FUNCTION tview.discard_row() RETURNS trigger
	AS 'MODULE_PATHNAME', 'tview_discard_row' LANGUAGE C;
COMMENT ON FUNCTION tview.discard_row() IS 'internal: keeps rows of other databases out of the tables of this schema';
REVOKE EXECUTE ON FUNCTION tview.discard_row() FROM PUBLIC;

CREATE TRIGGER discard_row BEFORE INSERT OR UPDATE ON tview.tviews
	FOR EACH ROW EXECUTE FUNCTION tview.discard_row();
CREATE TRIGGER discard_row BEFORE INSERT OR UPDATE ON tview.sources
	FOR EACH ROW EXECUTE FUNCTION tview.discard_row();
ALTER TABLE tview.tviews ENABLE ALWAYS TRIGGER discard_row, REPLICA IDENTITY NOTHING;
ALTER TABLE tview.sources ENABLE ALWAYS TRIGGER discard_row, REPLICA IDENTITY NOTHING;

-- ---- the foreign data wrapper ----

CREATE FUNCTION tview.fdw_handler() RETURNS fdw_handler
	AS 'MODULE_PATHNAME', 'tview_fdw_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION tview.fdw_handler() IS 'handler of the foreign data wrapper tview_fdw';

CREATE FUNCTION tview.fdw_validator(options text[], catalog oid) RETURNS void
	AS 'MODULE_PATHNAME', 'tview_fdw_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION tview.fdw_validator(text[], oid) IS 'checks the options of servers and foreign tables of tview_fdw';

CREATE FOREIGN DATA WRAPPER tview_fdw
	HANDLER tview.fdw_handler VALIDATOR tview.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER tview_fdw IS 'foreign tables that serve views from a store, exact under every snapshot';

-- ---- triggers on base tables, made by CREATE FOREIGN TABLE (src/maintain/trigger.c) ----

CREATE FUNCTION tview.mark_row() RETURNS trigger
	AS 'MODULE_PATHNAME', 'tview_mark_row' LANGUAGE C;
COMMENT ON FUNCTION tview.mark_row() IS 'internal: marks the tags of a changed row';

CREATE FUNCTION tview.mark_truncate() RETURNS trigger
	AS 'MODULE_PATHNAME', 'tview_mark_truncate' LANGUAGE C;
COMMENT ON FUNCTION tview.mark_truncate() IS 'internal: marks all of a table that is truncated';

REVOKE EXECUTE ON FUNCTION
	tview.mark_row(), tview.mark_truncate() FROM PUBLIC;

-- ---- what people call ----

CREATE FUNCTION tview.definition(tview regclass) RETURNS text
	AS 'MODULE_PATHNAME', 'tview_definition' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION tview.definition(regclass) IS 'the query that finds the tags of a TVIEW''s rows';

CREATE FUNCTION tview.reset(target text) RETURNS void
	AS 'MODULE_PATHNAME', 'tview_reset' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.reset(text) IS 'empties the store of a TVIEW, or of a whole server';

CREATE FUNCTION tview.refresh(tview regclass) RETURNS bigint
	AS 'MODULE_PATHNAME', 'tview_refresh' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.refresh(regclass) IS 'rebuilds the stored rows of a TVIEW and returns how many there are';

CREATE FUNCTION tview.verify(tview regclass,
							 OUT key bigint, OUT problem text,
							 OUT stored jsonb, OUT expected jsonb)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'tview_verify' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.verify(regclass) IS 'compares every valid stored row of a TVIEW with the view and returns the differences';

-- ---- what people look at ----

CREATE FUNCTION tview.store_stats(OUT server name, OUT path text, OUT epoch bigint,
								  OUT map_size bigint, OUT map_used bigint, OUT file_size bigint,
								  OUT readers int, OUT max_readers int,
								  OUT marks_pending bigint, OUT mark_log_capacity bigint,
								  OUT floor xid8, OUT last_reset timestamptz,
								  OUT reset_reason text, OUT state text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'tview_store_stats' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.store_stats() IS 'figures of the stores, one row for each server; see the view tview.store';

CREATE VIEW tview.store AS SELECT * FROM tview.store_stats();
COMMENT ON VIEW tview.store IS 'the stores of this database, one row for each server';

CREATE FUNCTION tview.cache_statistics(OUT tview regclass, OUT rows bigint, OUT absent bigint,
									   OUT hollow bigint, OUT bytes bigint, OUT complete bool,
									   OUT served bigint, OUT recomputed bigint, OUT stored bigint,
									   OUT hollowed bigint, OUT mismatched bigint, OUT bypassed bigint,
									   OUT bypass_reasons jsonb)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'tview_cache_statistics' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.cache_statistics() IS 'contents and use of the TVIEWs; see the view tview.cache_stats';

CREATE VIEW tview.cache_stats AS SELECT * FROM tview.cache_statistics();
COMMENT ON VIEW tview.cache_stats IS 'contents and use of each TVIEW, counted over all sessions';

CREATE FUNCTION tview.build_progress(OUT tview regclass, OUT name text, OUT pid int,
									 OUT started timestamptz, OUT rows_done bigint,
									 OUT rows_expected bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'tview_build_progress' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION tview.build_progress() IS 'builds under way; see the view tview.progress';

CREATE VIEW tview.progress AS SELECT * FROM tview.build_progress();
COMMENT ON VIEW tview.progress IS 'TVIEWs that are being built, also those not yet committed';

CREATE FUNCTION tview.column_names(relid oid, attnums int2[]) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum)
		FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = $1 AND a.attnum = ANY ($2)
	$$;
COMMENT ON FUNCTION tview.column_names(oid, int2[]) IS 'internal: names of columns, for the views of this schema';

CREATE VIEW tview.lineage AS
	SELECT t.relid::regclass AS tview,
		t.viewid::regclass AS view,
		s.sourceid::regclass AS base_table,
		s.sourceid = t.rootid AS root,
		CASE WHEN s.by_row AND s.by_relation THEN 'row and relation'
			 WHEN s.by_relation THEN 'relation'
			 ELSE 'row' END AS reached_by,
		COALESCE(tview.column_names(s.sourceid, ARRAY(
			SELECT k.attnum FROM unnest(s.tracked_att, s.tracked_reaches) k(attnum, reaches)
			WHERE k.reaches)), '{}') AS columns,
		CASE WHEN s.sourceid = t.rootid
			THEN COALESCE(tview.column_names(s.sourceid, t.lookup_root || t.key_root), '{}')
			ELSE '{}' END AS lookups,
		tview.column_names(s.sourceid, s.used) AS reads,
		(SELECT count(*) FROM tview.sources p
		 WHERE p.relid = s.relid AND p.sourceid = s.sourceid AND p.baseid <> s.baseid) AS children
	FROM tview.tviews t JOIN tview.sources s ON s.relid = t.relid
	WHERE s.baseid = s.sourceid;
COMMENT ON VIEW tview.lineage IS 'for each TVIEW the tables it reads, and how a change of them reaches its rows';
COMMENT ON COLUMN tview.lineage.tview IS 'the foreign table';
COMMENT ON COLUMN tview.lineage.view IS 'its backing view';
COMMENT ON COLUMN tview.lineage.base_table IS 'a table that the view reads, directly or through other views';
COMMENT ON COLUMN tview.lineage.root IS 'whether the key is a column of this table';
COMMENT ON COLUMN tview.lineage.reached_by IS 'row: a change touches only the rows that have read it; relation: any change touches every row';
COMMENT ON COLUMN tview.lineage.columns IS 'the columns whose values lead from a changed row to the rows of the TVIEW';
COMMENT ON COLUMN tview.lineage.lookups IS 'the columns of the root by which rows are found in the store';
COMMENT ON COLUMN tview.lineage.reads IS 'the columns whose change matters; NULL: all of them';
COMMENT ON COLUMN tview.lineage.children IS 'partitions and inheritance children that are watched as well';

CREATE VIEW tview.status AS
	SELECT t.relid::regclass AS tview,
		t.viewid::regclass AS view,
		f.srvname AS server,
		t.rootid::regclass AS root,
		CASE WHEN t.cluster = (SELECT system_identifier FROM pg_catalog.pg_control_system())
			 THEN t.problem ELSE 'recorded before pg_upgrade' END AS problem,
		t.warning,
		t.single_row AS key_proven,
		t.restrictable,
		t.setting_values AS settings,
		t.generation_xid AS defined_by
	FROM tview.tviews t CROSS JOIN pg_catalog.pg_foreign_server f
	JOIN pg_catalog.pg_foreign_table o ON o.ftrelid = t.relid AND o.ftserver = f.oid;
COMMENT ON VIEW tview.status IS 'what is known about each TVIEW, and why one of them may not be served';
COMMENT ON COLUMN tview.status.problem IS 'why the view is run instead of the store; NULL when all is well';
COMMENT ON COLUMN tview.status.warning IS 'what was said at creation';
COMMENT ON COLUMN tview.status.key_proven IS 'whether unique indexes prove that a key has one row at the most';
COMMENT ON COLUMN tview.status.restrictable IS 'whether the view is cheap to run for single keys';
COMMENT ON COLUMN tview.status.settings IS 'settings that the output depends on, as recorded at creation';
COMMENT ON COLUMN tview.status.defined_by IS 'the transaction that last changed what the view means';

GRANT USAGE ON SCHEMA tview TO PUBLIC;
GRANT SELECT ON tview.store, tview.cache_stats, tview.progress, tview.lineage, tview.status TO PUBLIC;

-- ---- event triggers, last: they watch DDL from here on (src/maintain/event.c) ----

CREATE FUNCTION tview.event_command_start() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'tview_event_command_start' LANGUAGE C;
COMMENT ON FUNCTION tview.event_command_start() IS 'internal: loads the library before a DDL command';

CREATE FUNCTION tview.event_command_end() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'tview_event_command_end' LANGUAGE C;
COMMENT ON FUNCTION tview.event_command_end() IS 'internal: defines new TVIEWs and follows changes of what they read';

CREATE FUNCTION tview.event_sql_drop() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'tview_event_sql_drop' LANGUAGE C;
COMMENT ON FUNCTION tview.event_sql_drop() IS 'internal: cleans up after dropped objects';

CREATE FUNCTION tview.event_table_rewrite() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'tview_event_table_rewrite' LANGUAGE C;
COMMENT ON FUNCTION tview.event_table_rewrite() IS 'internal: marks all of a table that is rewritten';

REVOKE EXECUTE ON FUNCTION
	tview.event_command_start(), tview.event_command_end(),
	tview.event_sql_drop(), tview.event_table_rewrite() FROM PUBLIC;

CREATE EVENT TRIGGER tview_ddl_start ON ddl_command_start EXECUTE FUNCTION tview.event_command_start();
CREATE EVENT TRIGGER tview_ddl_end ON ddl_command_end EXECUTE FUNCTION tview.event_command_end();
CREATE EVENT TRIGGER tview_drop ON sql_drop EXECUTE FUNCTION tview.event_sql_drop();
CREATE EVENT TRIGGER tview_rewrite ON table_rewrite EXECUTE FUNCTION tview.event_table_rewrite();
ALTER EVENT TRIGGER tview_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER tview_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER tview_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER tview_rewrite ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER tview_ddl_start IS 'loads the library of tview_fdw before a DDL command';
COMMENT ON EVENT TRIGGER tview_ddl_end IS 'defines new TVIEWs and follows changes of what they read';
COMMENT ON EVENT TRIGGER tview_drop IS 'cleans up after dropped TVIEWs';
COMMENT ON EVENT TRIGGER tview_rewrite IS 'marks all of a table that is rewritten';
