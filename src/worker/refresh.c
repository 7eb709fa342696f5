/*
 * refresh.c
 *		See refresh.h.
 *
 * Keys to be computed are known from the worker's own settling.  Rows that
 * others have emptied are found by a walk through the store, whenever the
 * TVIEW's counter says that there are some.
 */
#include "postgres.h"

#include "cache/contents.h"
#include "cache/reader.h"
#include "cache/state.h"
#include "cache/writer.h"
#include "compute/compute.h"
#include "maintain/fill.h"
#include "meta/meta.h"
#include "meta/option.h"
#include "meta/order.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/refresh.h"

#define KEYS_PER_BATCH 500
#define FIRST_PAUSE_MS 1000 /* after a failure, doubled by each further */
#define LONGEST_PAUSE_MS 300000

/* What there is to do for one TVIEW. */
typedef struct Work
{
	Oid relid; /* hash key */
	int64 *keys;
	int nkeys;
	int allocated;
	bool due;			 /* to walk for empty rows, from the first on */
	TviewIndexWalk walk; /* the one that was begun last */
	uint64 counted;		 /* rows emptied, of which we know */
	uint64 entry;		 /* of the store's epoch that all this is of */
	int pause_ms;
	TimestampTz not_before;
} Work;

static HTAB *works = NULL;
static MemoryContext context = NULL;
static TviewHollowed *hollowed = NULL;
static Oid current = InvalidOid; /* the TVIEW at hand, for errors */

static Work *
find_work(Oid relid)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Work)};
	Work *work;
	bool found;

	if (works == NULL)
	{
		context = AllocSetContextCreate(TopMemoryContext, "tview refresh",
										ALLOCSET_DEFAULT_SIZES);
		ctl.hcxt = context;
		works = hash_create("tview refresh", 64, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	work = hash_search(works, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(work, 0, sizeof(Work));
		work->relid = relid;
		work->due = true;
	}
	return work;
}

static void
add_key(Work *work, int64 key)
{
	if (work->nkeys == work->allocated)
	{
		int wanted = Max(work->allocated * 2, 256);

		work->keys = work->keys
			? repalloc_huge(work->keys, wanted * sizeof(int64))
			: MemoryContextAlloc(context, wanted * sizeof(int64));
		work->allocated = wanted;
	}
	work->keys[work->nkeys++] = key;
}

TviewHollowed *
tview_refresh_hollowed(void)
{
	if (hollowed == NULL)
		hollowed = MemoryContextAlloc(TopMemoryContext, sizeof(TviewHollowed));
	hollowed->n = 0;
	hollowed->overflow = false;
	return hollowed;
}

void
tview_refresh_take_hollowed(void)
{
	for (int i = 0; i < hollowed->n; i++)
	{
		Work *work = find_work(hollowed->rows[i].relid);

		work->counted++;
		add_key(work, hollowed->rows[i].key);
	}
}

/* Postpones the work on a TVIEW. */
static void
pause_work(Work *work)
{
	work->pause_ms = work->pause_ms == 0
		? FIRST_PAUSE_MS
		: Min(work->pause_ms * 2, LONGEST_PAUSE_MS);
	work->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   work->pause_ms);
}

void
tview_refresh_note_error(void)
{
	if (OidIsValid(current))
		pause_work(find_work(current));
	current = InvalidOid;
}

/*
 * Locks the bases as a reader of the view does, without waiting; the
 * descriptor as it is under these locks, or NULL.
 */
static TviewDesc *
lock_tview(Oid relid)
{
	TviewDesc *desc = tview_meta_get(relid, true);

	if (desc == NULL || desc->bypass ||
		!ConditionalLockRelationOid(desc->viewid, AccessShareLock))
		return NULL;
	for (int i = 0; i < desc->nbases; i++)
		if (!ConditionalLockRelationOid(desc->bases[i], AccessShareLock))
			return NULL;
	if (tview_meta_get(relid, true) != desc ||
		tview_compute_foreign_setting(desc) != NULL ||
		!tview_writer_is_allowed(desc, GetActiveSnapshot()))
		return NULL;
	return desc;
}

/* Notes that others have emptied rows, or the store is another one. */
static void
notice_changes(TviewHandle *handle, Work *work)
{
	const TviewCounters *counters =
		tview_store_counters(handle->store, work->relid);
	uint64 emptied =
		counters ? __atomic_load_n(&counters->hollowed, __ATOMIC_RELAXED) : 0;

	if (work->entry != handle->entry)
	{
		work->entry = handle->entry;
		work->nkeys = 0;
		work->due = true;
	}
	if (emptied != work->counted)
	{
		work->counted = emptied;
		work->due = true;
	}
}

/* Goes on with the walk for empty rows. */
static void
walk(TviewHandle *handle, Work *work)
{
	int64 keys[KEYS_PER_BATCH];
	int n;

	if (work->due)
	{
		work->due = false;
		work->walk = tview_index_walk(work->relid, TVIEW_INDEX_HOLLOW,
									  PG_INT64_MIN);
		work->nkeys = 0;
	}
	n = tview_contents_find_hollow(handle, &work->walk, keys, lengthof(keys));
	for (int i = 0; i < n; i++)
		add_key(work, keys[i]);
}

/* Takes some keys off the list: ascending and distinct. */
static int
take_keys(Work *work, int64 *keys)
{
	int n = Min(work->nkeys, KEYS_PER_BATCH);

	memcpy(keys, &work->keys[work->nkeys - n], n * sizeof(int64));
	work->nkeys -= n;
	return tview_order_keys(keys, n);
}

/* Leaves out the keys whose rows somebody else has stored meanwhile. */
static int
drop_stored(TviewHandle *handle, Oid relid, int64 *keys, int n)
{
	TviewTxn *txn;
	int kept = 0;

	if (tview_read_begin(handle->store, &txn) != TVIEW_STORE_OK)
		return n;
	for (int i = 0; i < n; i++)
	{
		TviewRow row;

		if (tview_row_get(txn, relid, keys[i], &row) != TVIEW_STORE_OK ||
			(row.flags & TVIEW_ROW_HOLLOW))
			keys[kept++] = keys[i];
	}
	tview_read_end(txn);
	return kept;
}

/* Computes a batch of keys and stores what they come to. */
static void
compute_some(TviewHandle *handle, TviewDesc *desc, Work *work)
{
	int64 keys[KEYS_PER_BATCH];
	int n = take_keys(work, keys);
	Snapshot snapshot = GetActiveSnapshot();
	TviewFillBatch fill = {.flags = TVIEW_WRITER_WAIT};
	TviewComputed *computed;

	n = drop_stored(handle, desc->relid, keys, n);
	if (n == 0)
		return;
	computed = tview_compute_keys(desc, snapshot, keys, n, true);
	fill.items = palloc(n * sizeof(TviewFillItem));
	fill.n = n;
	for (int i = 0; i < n; i++)
		tview_compute_item(&computed[i], &fill.items[i]);
	if (tview_writer_store(desc, snapshot, &fill) != TVIEW_WRITTEN)
		pause_work(work);
	else
		work->pause_ms = 0;
}

/* Runs the whole view and stores all of it. */
static void
fill_whole(TviewDesc *desc, Work *work)
{
	bool complete;

	(void) tview_fill_build(desc, GetActiveSnapshot(), 0, false, &complete);
	work->nkeys = 0;
	if (complete)
		work->pause_ms = 0;
	else
		pause_work(work);
}

static bool
is_complete(TviewHandle *handle, const TviewDesc *desc)
{
	TviewState state;
	TviewTxn *txn;
	TviewStoreStatus status = tview_read_begin(handle->store, &txn);

	if (status != TVIEW_STORE_OK)
		return true;
	status = tview_state_get(txn, desc->relid, &state);
	tview_read_end(txn);
	if (status == TVIEW_STORE_NOTFOUND)
		return false;
	return status != TVIEW_STORE_OK || (state.flags & TVIEW_STATE_COMPLETE);
}

/* Does a share of what there is to do for one TVIEW; false for nothing. */
static bool
refresh_one(TviewHandle *handle, Oid relid)
{
	Work *work = find_work(relid);
	TviewDesc *desc;
	bool complete;

	notice_changes(handle, work);
	if (work->not_before > GetCurrentTimestamp())
		return false;
	desc = lock_tview(relid);
	if (desc == NULL)
		return false;
	complete = is_complete(handle, desc);
	if (complete && (work->due || !work->walk.ended) && work->nkeys == 0)
	{
		walk(handle, work);
		if (work->nkeys == 0)
			return !work->walk.ended;
	}
	if (complete && work->nkeys == 0)
		return false;
	if (complete && desc->restrictable)
		compute_some(handle, desc, work);
	else
		fill_whole(desc, work);
	return true;
}

bool
tview_refresh_some(TviewHandle *handle)
{
	bool done = false;
	ListCell *lc;

	foreach(lc, tview_meta_list(handle->serverid))
	{
		/* work on the one before may have come to another store, or to none */
		if (tview_handle_opened(handle->serverid) == NULL)
			break;
		current = lfirst_oid(lc);
		if (tview_option_is_background(current) && refresh_one(handle, current))
			done = true;
		current = InvalidOid;
	}
	return done;
}
