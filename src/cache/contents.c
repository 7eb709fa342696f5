/*
 * contents.c
 *		See contents.h.
 */
#include "postgres.h"

#include "cache/contents.h"
#include "cache/handle.h"
#include "cache/index.h"
#include "cache/state.h"
#include "cache/stop.h"
#include "cache/visibility.h"
#include "miscadmin.h"

/* Replaces or creates the record where it is not the descriptor's. */
static TviewStoreStatus
prepare_state(TviewTxn *txn, TviewDesc *desc, uint64 horizon, bool *usable,
			  uint32 *clears)
{
	TviewState state = {0};
	TviewStoreStatus status = tview_state_get(txn, desc->relid, &state);

	*usable = true;
	*clears = state.clears;
	if (status == TVIEW_STORE_OK)
	{
		if (tview_state_generation_equals(state.generation, desc->generation))
			return TVIEW_STORE_OK;

		/*
		 * A later definition is another transaction's, not committed yet or
		 * not known here yet.  Where that transaction has ended for everybody
		 * it was rolled back, or lost in a crash.
		 */
		if (tview_state_generation_is_later(state.generation,
											desc->generation) &&
			state.generation.xid >= horizon)
		{
			*usable = false;
			return TVIEW_STORE_OK;
		}
		status = tview_state_drop(txn, desc->relid);
		*clears = 0;
	}
	if (status != TVIEW_STORE_OK && status != TVIEW_STORE_NOTFOUND)
		return status;
	return tview_state_create(txn, desc, tview_visibility_next_xid(), 0);
}

/* True when the record is there already, which costs no flush and no lock. */
static bool
state_is_prepared(TviewHandle *handle, const TviewDesc *desc, uint32 *clears)
{
	TviewState state = {0};
	TviewTxn *txn;
	TviewStoreStatus status = tview_read_begin(handle->store, &txn);

	if (status != TVIEW_STORE_OK)
		return false;
	status = tview_state_get(txn, desc->relid, &state);
	tview_read_end(txn);
	*clears = state.clears;
	return status == TVIEW_STORE_OK &&
		tview_state_generation_equals(state.generation, desc->generation);
}

bool
tview_contents_prepare(TviewDesc *desc, bool wait, uint32 *clears)
{
	const char *failure;
	uint32 ignored;
	TviewHandle *handle = tview_handle_open(desc->serverid, &failure);
	TviewTxn *txn;
	TviewStoreStatus status;
	bool usable = false;
	uint64 horizon;

	if (handle == NULL)
		return false;
	if (state_is_prepared(handle, desc, clears ? clears : &ignored))
		return true;
	horizon = tview_visibility_horizon();

	/*
	 * a later crash must not bring back an older definition than the store
	 * knows
	 */
	tview_visibility_flush();
	HOLD_INTERRUPTS();
	status = tview_write_begin(handle->store, wait, &txn);
	if (status == TVIEW_STORE_OK)
	{
		status = prepare_state(txn, desc, horizon, &usable,
							   clears ? clears : &ignored);
		TVIEW_STOP("contents.write");
		if (status == TVIEW_STORE_OK && usable)
			status = tview_write_commit(txn);
		else
			tview_write_abort(txn);
	}
	RESUME_INTERRUPTS();
	if (status == TVIEW_STORE_BUSY && !wait)
		return false;
	if (status != TVIEW_STORE_OK)
	{
		tview_handle_note(handle, status, "preparing a TVIEW");
		return false;
	}
	return usable;
}

int
tview_contents_find_hollow(TviewHandle *handle, TviewIndexWalk *walk,
						   int64 *keys, int limit)
{
	TviewTxn *txn;
	TviewStoreStatus status;
	int n = 0;

	walk->ended = true;
	if (tview_read_begin(handle->store, &txn) != TVIEW_STORE_OK)
		return 0;
	status = tview_index_next(txn, walk, keys, NULL, limit, &n);
	tview_read_end(txn);
	if (status != TVIEW_STORE_OK)
	{
		tview_handle_note(handle, status, "looking for rows to compute");
		return 0;
	}
	return n;
}

/* Empties or drops in a transaction of its own. */
static TviewStoreStatus
clear_rows(TviewHandle *handle, Oid relid, bool drop)
{
	TviewTxn *txn;
	TviewStoreStatus status;

	HOLD_INTERRUPTS();
	status = tview_write_begin(handle->store, true, &txn);
	if (status == TVIEW_STORE_OK)
	{
		status =
			drop ? tview_state_drop(txn, relid) : tview_state_clear(txn, relid);
		TVIEW_STOP("contents.write");
		if (status == TVIEW_STORE_OK)
			status = tview_write_commit(txn);
		else
			tview_write_abort(txn);
	}
	RESUME_INTERRUPTS();
	if (status != TVIEW_STORE_OK)
		tview_handle_note(handle, status, "emptying a TVIEW");
	return status;
}

bool
tview_contents_clear(Oid serverid, Oid relid, bool drop)
{
	const char *failure;
	TviewHandle *handle = tview_handle_open(serverid, &failure);
	TviewStoreStatus status;

	if (handle == NULL)
		return false;
	status = clear_rows(handle, relid, drop);

	/* a store that was reset meanwhile, or for this failure, is empty too */
	return status == TVIEW_STORE_OK || status == TVIEW_STORE_RESET ||
		tview_store_epoch(handle->store) != handle->epoch;
}

void
tview_contents_drop_if_open(Oid serverid, Oid relid)
{
	TviewHandle *handle = tview_handle_opened(serverid);

	if (handle == NULL)
		return;
	tview_store_free_counters(handle->store, relid);
	(void) clear_rows(handle, relid, true);
}
