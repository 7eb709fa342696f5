/*
 * later.c
 *		See later.h.
 *
 * Covers are computed while a row's snapshot is registered, and the snapshot
 * is given up then.  So a mark that the row neither has seen nor covers may
 * settle before the row is stored, and nothing would tell any more that the
 * row is old.  Therefore rows are stored under the settle lock, and only if
 * the head is where it was when their covers were computed: every mark that
 * has gone since had gone before.  A settler who comes next finds the rows.
 * Floor, epoch and definition are checked in the write transaction, as for
 * every row; and that the TVIEW was not emptied meanwhile, for who does that
 * wants what was computed before to be gone, and rows may wait for hours.
 *
 * All rows that wait have covers of the same head, of one epoch of one store:
 * when one comes with another head, those before it are dropped.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "cache/later.h"
#include "cache/recent.h"
#include "cache/stop.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#define ROWS_ENOUGH 16 /* to be stored */
#define ROWS_MAX 32	   /* where somebody else is at work, so many wait */
#define ROW_BYTES_MAX (16 * 1024)
#define BYTES_MAX (128 * 1024)

#define ROWS_REMEMBERED 1024

static struct
{
	MemoryContext context;
	Oid serverid;
	uint64 attachment; /* of the handle, and */
	uint64 entry;	   /* likewise */
	Size bytes;
	int n;
	TviewReadyRow rows[ROWS_MAX];
} waiting;

static void
drop_all(void)
{
	waiting.n = 0;
	waiting.bytes = 0;
	if (waiting.context)
		MemoryContextReset(waiting.context);
}

/* True when the rows that wait are of the handle's present epoch. */
static bool
is_of(const TviewHandle *handle)
{
	return handle && handle->serverid == waiting.serverid &&
		handle->attachment == waiting.attachment &&
		handle->entry == waiting.entry;
}

/*
 * A session that ends in order stores what waits: where each request has a
 * session of its own, no row would ever be stored otherwise.
 */
static void
store_at_exit(int code, Datum arg)
{
	if (code == 0)
		tview_later_store();
}

/* Copies what a row points to. */
static void
keep(const TviewReadyRow *ready, Size bytes)
{
	MemoryContext old;
	TviewReadyRow kept = *ready;
	TviewRow *row = &kept.row;
	MinimalTuple tuple;

	if (waiting.context == NULL)
	{
		waiting.context = AllocSetContextCreate(
			TopMemoryContext, "tview waiting rows", ALLOCSET_DEFAULT_SIZES);
		before_shmem_exit(store_at_exit, (Datum) 0);
	}
	old = MemoryContextSwitchTo(waiting.context);
	row->tags = tview_row_copy_words(row->tags, row->ntags);
	row->covers = tview_row_copy_words(row->covers, row->ncovers);
	row->lookups = tview_row_copy_words(row->lookups, row->nlookups);
	tuple = palloc(row->size);
	memcpy(tuple, row->tuple, row->size);
	row->tuple = tuple;
	MemoryContextSwitchTo(old);
	waiting.serverid = ready->handle->serverid;
	waiting.attachment = ready->handle->attachment;
	waiting.entry = ready->handle->entry;
	waiting.bytes += bytes;
	waiting.rows[waiting.n++] = kept;
}

/* True when no more rows may wait. */
static bool
is_full(void)
{
	return waiting.n == ROWS_MAX ||
		waiting.bytes > BYTES_MAX - ROW_BYTES_MAX;
}

bool
tview_later_take(TviewDesc *desc, Snapshot snapshot, uint32 clears,
				 TviewFillItem *item)
{
	TviewReadyRow ready;
	Size bytes;
	static TviewRecentRow waited[ROWS_REMEMBERED];

	if (tview_recent_note(waited, ROWS_REMEMBERED, desc->relid,
						  item->key) ||
		!tview_writer_make_ready(desc, snapshot, item, &ready))
		return false;
	ready.clears = clears;
	bytes = ready.row.size +
		((Size) ready.row.ntags + ready.row.ncovers + ready.row.nlookups) *
			sizeof(uint64);
	if (bytes > ROW_BYTES_MAX)
		return false;
	if (waiting.n > 0 &&
		(!is_of(ready.handle) || waiting.rows[0].head != ready.head))
		drop_all();
	tview_later_forget(desc->relid, item->key);
	keep(&ready, bytes);
	if (waiting.n >= ROWS_ENOUGH || is_full())
		tview_later_store();
	return true;
}

/* The row of a key among those that wait, or -1. */
static int
find(Oid relid, int64 key)
{
	for (int i = 0; i < waiting.n; i++)
		if (waiting.rows[i].key == key &&
			waiting.rows[i].origin.relid == relid)
			return i;
	return -1;
}

bool
tview_later_is_fresh(const TviewHandle *handle, Oid relid, int64 key)
{
	int i = find(relid, key);
	const TviewReadyRow *row;

	if (i < 0 || !is_of(handle) || handle->epoch == 0)
		return false;
	row = &waiting.rows[i];
	if (tview_log_head(handle->store) != row->head)
		return false;
	for (uint32 t = 0; t < row->row.ntags; t++)
		if (tview_markset_first(handle->marks, row->row.tags[t], row->tail))
			return false;
	return true;
}

/* The write transaction: no palloc, no ereport. */
static TviewStoreStatus
write_rows(TviewHandle *handle, bool *stored)
{
	TviewTxn *txn;
	TviewStoreStatus status = tview_write_begin(handle->store, false, &txn);
	bool some = false;

	if (status != TVIEW_STORE_OK)
		return status;
	for (int i = 0; i < waiting.n && status == TVIEW_STORE_OK; i++)
	{
		const TviewReadyRow *row = &waiting.rows[i];
		TviewState state;
		bool allowed;

		status = tview_writer_check_state(handle, &row->origin, 0, txn, &state,
										  &allowed);
		if (status != TVIEW_STORE_OK || !allowed ||
			state.clears != row->clears ||
			!(state.flags & TVIEW_STATE_FLUSHED))
			continue;
		status = tview_row_put(txn, row->origin.relid, row->key, &row->row);
		stored[i] = status == TVIEW_STORE_OK;
		some = some || stored[i];
	}
	if (status != TVIEW_STORE_OK || !some)
	{
		tview_write_abort(txn);
		return status;
	}
	TVIEW_STOP("store.write");
	return tview_write_commit(txn);
}

/*
 * The same under the settle lock; BUSY where somebody else is at work, and
 * where the rows are of no use any more: *late.
 */
static TviewStoreStatus
write_unsettled(TviewHandle *handle, bool *stored, bool *late)
{
	TviewStore *store = handle->store;
	TviewStoreStatus status = tview_log_trylock_settle(store);

	if (status != TVIEW_STORE_OK)
		return TVIEW_STORE_BUSY;
	if (tview_log_head(store) != waiting.rows[0].head ||
		!tview_store_floor_is_flushed(store))
	{
		status = TVIEW_STORE_BUSY;
		*late = true;
	}
	else
		status = write_rows(handle, stored);
	tview_log_unlock_settle(store);
	return status;
}

/* Counts what was stored. */
static void
count_stored(const TviewHandle *handle, const bool *stored)
{
	for (int i = 0; i < waiting.n; i++)
	{
		TviewCounters *counters = stored[i]
			? tview_store_counters(handle->store, waiting.rows[i].origin.relid)
			: NULL;

		if (counters)
			__atomic_fetch_add(&counters->stored, 1, __ATOMIC_RELAXED);
	}
}

void
tview_later_store(void)
{
	TviewHandle *handle =
		waiting.n > 0 ? tview_handle_opened(waiting.serverid) : NULL;
	bool stored[ROWS_MAX] = {false};
	bool late = false;
	TviewStoreStatus status;

	if (!is_of(handle))
	{
		drop_all();
		return;
	}
	TVIEW_STOP("store.waiting");
	HOLD_INTERRUPTS();
	status = write_unsettled(handle, stored, &late);
	RESUME_INTERRUPTS();
	/* nothing was written: the next row tries again */
	if (status == TVIEW_STORE_BUSY && !late && !is_full())
		return;
	if (status == TVIEW_STORE_OK)
	{
		TVIEW_STOP("store.commit");
		tview_store_note_wal(handle->store, GetFlushRecPtr(NULL));
		count_stored(handle, stored);
	}
	drop_all();
	if (status == TVIEW_STORE_MAP_FULL)
		tview_handle_note_full(handle);
	else if (status != TVIEW_STORE_OK && status != TVIEW_STORE_BUSY)
		tview_handle_note(handle, status, "storing rows");
}

void
tview_later_forget(Oid relid, int64 key)
{
	int i = find(relid, key);

	/* its memory is given back with that of the others */
	if (i >= 0)
		waiting.rows[i] = waiting.rows[--waiting.n];
}
