/*
 * stats.c
 *		The functions behind tview.store, tview.cache_stats and tview.progress.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "cache/handle.h"
#include "cache/index.h"
#include "cache/reader.h"
#include "cache/state.h"
#include "cache/visibility.h"
#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "maintain/functions.h"
#include "meta/meta.h"
#include "meta/record.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/htup_details.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(tview_store_stats);
PG_FUNCTION_INFO_V1(tview_cache_statistics);
PG_FUNCTION_INFO_V1(tview_build_progress);

/* Oids of our servers in this database. */
static List *
list_servers(void)
{
	Relation relation = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan =
		systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	List *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid serverid = ((Form_pg_foreign_server) GETSTRUCT(tuple))->oid;

		if (tview_meta_server_is_ours(serverid))
			result = lappend_oid(result, serverid);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return result;
}

static TimestampTz
from_unix_seconds(int64 seconds)
{
	return (seconds -
			(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY) *
		USECS_PER_SEC;
}

/* True when some TVIEW of the server is still recorded for another cluster. */
static bool
is_from_elsewhere(Oid serverid)
{
	ListCell *lc;

	foreach(lc, tview_record_list())
	{
		TviewRecord *record = lfirst(lc);

		if (record->cluster != GetSystemIdentifier() &&
			tview_meta_table_server(record->relid) == serverid)
			return true;
	}
	return false;
}

/*
 * The figures of one store; values beyond the path stay NULL when it cannot
 * be opened.
 */
static void
show_store(ReturnSetInfo *result, Oid serverid)
{
	ForeignServer *server = GetForeignServer(serverid);
	TviewStoreOptions options;
	const char *failure = NULL;
	TviewHandle *handle =
		RecoveryInProgress() ? NULL : tview_handle_attach(serverid, &failure);
	TviewStoreStat stat;
	Datum values[14] = {0};
	bool nulls[14];
	int i = 2;

	memset(nulls, true, sizeof(nulls));
	/* the figures need the files; an empty store has none, and gets none */
	if (handle && tview_store_epoch(handle->store) != 0)
		handle = tview_handle_open(serverid, &failure);
	tview_option_store(serverid, &options);
	values[0] =
		DirectFunctionCall1(namein, CStringGetDatum(server->servername));
	values[1] = CStringGetTextDatum(
		tview_handle_directory(serverid, options.store_path));
	nulls[0] = nulls[1] = nulls[13] = false;
	if (RecoveryInProgress())
		failure = "the server is in recovery";
	values[13] = CStringGetTextDatum(failure ? failure : "ok");
	if (handle && tview_store_stat(handle->store, &stat) == TVIEW_STORE_OK)
	{
		memset(nulls, false, sizeof(nulls));
		values[i++] = Int64GetDatum((int64) stat.epoch);
		values[i++] = Int64GetDatum((int64) stat.map_size);
		values[i++] = Int64GetDatum((int64) stat.map_used);
		values[i++] = Int64GetDatum((int64) stat.file_size);
		values[i++] = Int32GetDatum((int32) stat.readers);
		values[i++] = Int32GetDatum((int32) stat.max_readers);
		values[i++] = Int64GetDatum((int64) (stat.log_tail - stat.log_head));
		values[i++] = Int64GetDatum((int64) stat.log_capacity);
		nulls[i] = stat.epoch == 0 || stat.floor == PG_UINT64_MAX;
		values[i++] = UInt64GetDatum(stat.floor);
		nulls[i] = stat.reset_time == 0;
		values[i++] = TimestampTzGetDatum(from_unix_seconds(stat.reset_time));
		nulls[i] = stat.reset_reason[0] == '\0';
		values[i++] = CStringGetTextDatum(stat.reset_reason);
		if (is_from_elsewhere(serverid))
			values[i] = CStringGetTextDatum(TVIEW_RECORD_FROM_ELSEWHERE);
		else
			values[i] = CStringGetTextDatum(stat.epoch == 0 ? "empty" : "ok");
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
tview_store_stats(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, list_servers())
		show_store((ReturnSetInfo *) fcinfo->resultinfo, lfirst_oid(lc));
	PG_RETURN_VOID();
}

/* What the store holds of one TVIEW. */
typedef struct Contents
{
	uint64 rows;
	uint64 absent;
	uint64 hollow;
	uint64 bytes;
	bool complete;
} Contents;

/* Counts entries by kind. */
static void
count_entries(TviewTxn *txn, Oid relid, uint64 entries, Contents *contents)
{
	uint64 others;

	(void) tview_index_count(txn, relid, TVIEW_INDEX_HOLLOW,
							 &contents->hollow);
	(void) tview_index_count(txn, relid, TVIEW_INDEX_ABSENTEES,
							 &contents->absent);
	others = contents->hollow + contents->absent;
	contents->rows = entries - Min(entries, others);
}

static void
load_contents(TviewHandle *handle, Oid relid, Contents *contents)
{
	TviewTxn *txn;
	TviewState state;
	uint64 entries;
	uint64 index_entries;
	uint64 index_bytes = 0;

	if (handle->epoch == 0 ||
		tview_read_begin(handle->store, &txn) != TVIEW_STORE_OK)
		return;
	if (tview_state_get(txn, relid, &state) == TVIEW_STORE_OK)
	{
		contents->complete = (state.flags & TVIEW_STATE_COMPLETE) != 0;
		(void) tview_stat(txn, TVIEW_DB_ROWS, relid, &entries,
						  &contents->bytes);
		(void) tview_stat(txn, TVIEW_DB_INDEX, relid, &index_entries,
						  &index_bytes);
		contents->bytes += index_bytes;
		count_entries(txn, relid, entries, contents);
	}
	tview_read_end(txn);
}

/* {"reason": count, ...} of the scans that ran the view. */
static Datum
bypass_reasons(const TviewCounters *counters, uint64 *total)
{
	StringInfoData json;

	*total = 0;
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 1; counters && i < TVIEW_BYPASS_COUNT; i++)
	{
		if (counters->bypassed[i] == 0)
			continue;
		appendStringInfo(&json, "%s\"%s\": " UINT64_FORMAT,
						 *total > 0 ? ", " : "", tview_reader_bypass_name(i),
						 counters->bypassed[i]);
		*total += counters->bypassed[i];
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static void
show_contents(ReturnSetInfo *result, Oid relid, TviewHandle *handle)
{
	Contents contents = {0};
	const TviewCounters *counters = NULL;
	Datum values[13];
	bool nulls[13] = {false};
	uint64 bypassed;
	int i = 0;

	if (handle)
	{
		load_contents(handle, relid, &contents);
		counters = tview_store_counters(handle->store, relid);
	}
	values[12] = bypass_reasons(counters, &bypassed);
	values[i++] = ObjectIdGetDatum(relid);
	values[i++] = Int64GetDatum((int64) contents.rows);
	values[i++] = Int64GetDatum((int64) contents.absent);
	values[i++] = Int64GetDatum((int64) contents.hollow);
	values[i++] = Int64GetDatum((int64) contents.bytes);
	values[i++] = BoolGetDatum(contents.complete);
	values[i++] = Int64GetDatum(counters ? (int64) counters->served : 0);
	values[i++] = Int64GetDatum(counters ? (int64) counters->recomputed : 0);
	values[i++] = Int64GetDatum(counters ? (int64) counters->stored : 0);
	values[i++] = Int64GetDatum(counters ? (int64) counters->hollowed : 0);
	values[i++] = Int64GetDatum(counters ? (int64) counters->mismatched : 0);
	values[i++] = Int64GetDatum((int64) bypassed);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
tview_cache_statistics(PG_FUNCTION_ARGS)
{
	ListCell *server;
	ListCell *tview;

	InitMaterializedSRF(fcinfo, 0);
	foreach(server, list_servers())
	{
		const char *failure;
		TviewHandle *handle = RecoveryInProgress()
			? NULL
			: tview_handle_open(lfirst_oid(server), &failure);

		foreach(tview, tview_meta_list(lfirst_oid(server)))
			show_contents((ReturnSetInfo *) fcinfo->resultinfo,
						  lfirst_oid(tview), handle);
	}
	PG_RETURN_VOID();
}

static void
show_progress(ReturnSetInfo *result, const TviewProgress *progress)
{
	bool nulls[6] = {false};
	Datum values[6] = {
		ObjectIdGetDatum(progress->rel),
		CStringGetTextDatum(progress->name),
		Int32GetDatum(progress->pid),
		TimestampTzGetDatum(
			from_unix_seconds(progress->started / USECS_PER_SEC) +
			progress->started % USECS_PER_SEC),
		Int64GetDatum((int64) progress->rows_done),
		Int64GetDatum((int64) progress->rows_expected),
	};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
tview_build_progress(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (RecoveryInProgress())
		PG_RETURN_VOID();
	foreach(lc, list_servers())
	{
		const char *failure;
		TviewHandle *handle = tview_handle_attach(lfirst_oid(lc), &failure);
		TviewProgress slots[TVIEW_PROGRESS_SLOTS];
		int n = handle ? tview_store_progress_list(handle->store, slots) : 0;

		for (int i = 0; i < n; i++)
			show_progress((ReturnSetInfo *) fcinfo->resultinfo, &slots[i]);
	}
	PG_RETURN_VOID();
}
