/*
 * estimate.c
 *		See estimate.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/estimate.h"
#include "cache/handle.h"
#include "cache/state.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "access/xlog.h"
#include "utils/syscache.h"

/* reltuples of a table, negative when it was never analysed. */
static double
table_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows = -1;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}

/* Entries of a complete TVIEW, negative when that is not known. */
static double
stored_rows(TviewDesc *desc)
{
	const char *failure;
	TviewHandle *handle;
	TviewTxn *txn;
	TviewState state;
	uint64 entries = 0;
	uint64 bytes = 0;
	double result = -1;

	if (RecoveryInProgress())
		return -1;
	handle = tview_handle_open(desc->serverid, &failure);
	if (handle == NULL ||
		tview_read_begin(handle->store, &txn) != TVIEW_STORE_OK)
		return -1;
	if (tview_state_get(txn, desc->relid, &state) == TVIEW_STORE_OK &&
		(state.flags & TVIEW_STATE_COMPLETE) &&
		tview_stat(txn, TVIEW_DB_ROWS, desc->relid, &entries, &bytes) ==
			TVIEW_STORE_OK)
		result = (double) entries;
	tview_read_end(txn);
	return result;
}

double
tview_estimate_rows(TviewDesc *desc, bool roughly)
{
	double rows = roughly ? -1 : stored_rows(desc);

	return rows >= 0 ? rows : table_rows(desc->rootid);
}
