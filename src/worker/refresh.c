/*
 * refresh.c
 *		See refresh.h.
 *
 * Keys to be computed are known from marks (ahead.h), and from the worker's own
 * settling.  Rows that others have emptied are found by a walk through the
 * store, whenever the TVIEW's counter says that there are some.
 *
 * While many rows are being emptied their keys are gathered for some rounds:
 * rows that are neighbours in the store are best computed together.  Then the
 * smallest keys come first, in batches.  A batch is as long as can be
 * computed in BATCH_MS.  Its keys are asked for
 *
 *		by range	where they lie close together (cache/stale.h): the view is
 *					run between the first and the last of them
 *		by list		elsewhere
 *
 * and where a batch costs the same however short it is, because the view has
 * parts that a condition on the key does not restrict, and at least half of
 * the TVIEW is stale,
 *
 *		whole		the view is run once, and what is stale is stored
 *
 * A batch in which the view raises an error is halved until the rows that
 * raise it are alone; the others are stored.
 */
#include "postgres.h"

#include "cache/contents.h"
#include "cache/estimate.h"
#include "cache/reader.h"
#include "cache/stale.h"
#include "cache/state.h"
#include "cache/writer.h"
#include "compute/compute.h"
#include "maintain/fill.h"
#include "meta/meta.h"
#include "meta/option.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/keylist.h"
#include "worker/refresh.h"

#define BATCH_KEYS 500 /* at least, where that takes as long as it may */
#define BATCH_KEYS_MAX 8192
#define BATCH_MS 50
#define BATCH_BYTES (4 * 1024 * 1024)
#define BATCH_KEYS_LARGE 16 /* at least, of rows that are large */
#define BATCH_ERRORS 8		/* so many rows may fail, then the rest waits */
#define WALK_KEYS 8192
#define GATHER_ROUNDS 16
#define FIRST_PAUSE_MS 1000 /* after a failure, doubled by each further */
#define LONGEST_PAUSE_MS 300000

/* What makes a batch dear. */
typedef enum BatchCost
{
	COST_LOW,	/* or not known */
	COST_TRIED, /* a full batch was dear, a shorter one comes next */
	COST_OF_ROWS,
	COST_OF_BATCHES
} BatchCost;

/* What there is to do for one TVIEW. */
typedef struct Work
{
	Oid relid; /* hash key */
	TviewKeyList keys;
	int limit; /* keys in the next batch */
	int taken; /* keys of the batch under way */
	BatchCost cost;
	long dear_ms;		 /* what the full batch took */
	int gathered;		 /* rounds in which keys were waited for */
	bool due;			 /* to walk for empty rows, from the first on */
	TviewIndexWalk walk; /* the one that was begun last */
	uint64 counted;		 /* rows emptied, of which we know */
	uint64 entry;		 /* of the store's epoch that all this is of */
	int pause_ms;
	TimestampTz not_before;
	/* rows that could not be stored are looked for again then; 0: none */
	int retry_ms;
	TimestampTz retry_at;
} Work;

static HTAB *works = NULL;
static MemoryContext context = NULL;
static TviewHollowed *hollowed = NULL;
static Oid current = InvalidOid; /* the TVIEW at hand, for errors */
static bool postponed = false;	 /* something is left for later */

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
		work->limit = BATCH_KEYS;
	}
	return work;
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
		tview_keylist_add(&work->keys, context, hollowed->rows[i].key);
	}
}

/* When a pause ends that is twice as long as the last one. */
static TimestampTz
end_of_pause(int *pause_ms)
{
	*pause_ms = *pause_ms == 0 ? FIRST_PAUSE_MS
							   : Min(*pause_ms * 2, LONGEST_PAUSE_MS);
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), *pause_ms);
}

/* Postpones the work on a TVIEW. */
static void
pause_work(Work *work)
{
	work->not_before = end_of_pause(&work->pause_ms);
}

/* Some rows stay stale: they shall be found again. */
static void
retry_later(Work *work)
{
	if (work->retry_at == 0)
		work->retry_at = end_of_pause(&work->retry_ms);
}

void
tview_refresh_note_error(void)
{
	if (OidIsValid(current))
	{
		Work *work = find_work(current);

		/* others first */
		if (work->taken > 0)
		{
			tview_keylist_take(&work->keys, work->taken);
			retry_later(work);
		}
		work->taken = 0;
		pause_work(work);
	}
	current = InvalidOid;
}

/* Locks views and bases as a reader of the view does, without waiting. */
static bool
lock_all(const TviewDesc *desc)
{
	for (int i = 0; i < desc->nviews; i++)
		if (!ConditionalLockRelationOid(desc->views[i], AccessShareLock))
			return false;
	for (int i = 0; i < desc->nbases; i++)
		if (!ConditionalLockRelationOid(desc->bases[i], AccessShareLock))
			return false;
	return true;
}

/*
 * The descriptor as it is under the locks, or NULL.  What is in the way now
 * may be gone soon: who commits wakes us before it gives its locks up.
 */
static TviewDesc *
lock_tview(Oid relid)
{
	TviewDesc *desc = tview_meta_get(relid, true);

	if (desc == NULL || desc->bypass)
		return NULL;
	if (!lock_all(desc) || tview_meta_get(relid, true) != desc ||
		tview_compute_foreign_setting(desc) != NULL ||
		!tview_writer_is_allowed(desc, GetActiveSnapshot()))
	{
		postponed = true;
		return NULL;
	}
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
		tview_keylist_clear(&work->keys);
		work->due = true;
	}
	if (emptied != work->counted)
	{
		work->counted = emptied;
		work->due = true;
	}
	if (work->retry_at != 0 && work->retry_at <= GetCurrentTimestamp())
	{
		work->retry_at = 0;
		work->due = true;
	}
}

void
tview_refresh_add(TviewHandle *handle, Oid relid, const int64 *keys, int n)
{
	Work *work = find_work(relid);

	notice_changes(handle, work);
	for (int i = 0; i < n; i++)
		tview_keylist_add(&work->keys, context, keys[i]);
}

/* Goes on with the walk for empty rows. */
static void
walk(TviewHandle *handle, Work *work)
{
	int64 *keys = palloc(WALK_KEYS * sizeof(int64));
	int n;

	if (work->due)
	{
		work->due = false;
		work->walk = tview_index_walk_hollow(work->relid, PG_INT64_MIN);
	}
	n = tview_contents_find_hollow(handle, &work->walk, keys, WALK_KEYS);
	for (int i = 0; i < n; i++)
		tview_keylist_add(&work->keys, context, keys[i]);
	pfree(keys);
}

/* A batch under way. */
typedef struct Batch
{
	TviewDesc *desc;
	Work *work;
	Snapshot snapshot;
	TimestampTz begun;
	Size bytes;
	bool stored; /* the store has taken what there was */
	int nfailed;
	int64 failed[BATCH_ERRORS]; /* keys whose rows raise an error */
} Batch;

/* Stores what n keys came to. */
static void
store(Batch *batch, TviewComputed *computed, int n)
{
	TviewFillBatch fill = {.flags = TVIEW_WRITER_WAIT, .n = n};

	fill.items = palloc(n * sizeof(TviewFillItem));
	for (int i = 0; i < n; i++)
	{
		fill.items[i] = tview_compute_lend_item(&computed[i]);
		if (fill.items[i].tuple)
			batch->bytes += fill.items[i].tuple->t_len;
	}
	batch->stored = tview_writer_store(batch->desc, batch->snapshot, &fill) ==
		TVIEW_WRITTEN;
	if (batch->stored && fill.skipped > 0)
		retry_later(batch->work);
}

/*
 * Computes a list of keys and stores it, halving it where the view raises an
 * error; returns with how many keys it is done.
 */
static int
compute_list(Batch *batch, const int64 *keys, int n)
{
	TviewComputed *computed;
	int done;

	CHECK_FOR_INTERRUPTS();
	computed =
		tview_compute_try(batch->desc, batch->snapshot, keys, n, true);
	if (computed)
	{
		store(batch, computed, n);
		return batch->stored ? n : 0;
	}
	if (n == 1)
	{
		batch->failed[batch->nfailed++] = keys[0];
		return 1;
	}
	done = compute_list(batch, keys, n / 2);
	if (batch->stored && batch->nfailed < BATCH_ERRORS)
		done += compute_list(batch, &keys[n / 2], n - n / 2);
	return done;
}

/* Says how long the next batch may be, after one of n keys. */
static void
set_limit(Batch *batch, int n)
{
	Work *work = batch->work;
	long ms = TimestampDifferenceMilliseconds(batch->begun,
											  GetCurrentTimestamp());
	int largest = Max(BATCH_BYTES / (batch->bytes / n + 1), BATCH_KEYS_LARGE);

	if (work->cost == COST_TRIED)
	{
		work->cost =
			ms >= work->dear_ms / 2 ? COST_OF_BATCHES : COST_OF_ROWS;
		work->limit = BATCH_KEYS;
	}
	else if (work->cost == COST_LOW && n == BATCH_KEYS && ms > 2 * BATCH_MS)
	{
		work->cost = COST_TRIED;
		work->dear_ms = ms;
		work->limit = BATCH_KEYS / 4;
	}
	else if (n >= work->limit)
		work->limit = Min(n * Min(BATCH_MS / (double) Max(ms, 1), 4),
						  BATCH_KEYS_MAX);
	if (work->cost == COST_OF_BATCHES && ms > 4 * work->dear_ms)
		work->cost = COST_OF_ROWS;
	if (work->cost == COST_OF_BATCHES)
		work->limit = BATCH_KEYS_MAX;
	else if (work->cost != COST_TRIED)
		work->limit = Max(work->limit, BATCH_KEYS);
	work->limit = Min(work->limit, largest);
}

/* Computes a batch of keys and stores what they come to. */
static void
compute_some(TviewHandle *handle, TviewDesc *desc, Work *work)
{
	Batch batch = {.desc = desc,
				   .work = work,
				   .snapshot = GetActiveSnapshot(),
				   .begun = GetCurrentTimestamp(),
				   .stored = true};
	TviewComputed *computed = NULL;
	TviewStale stale;
	int n;
	const int64 *keys = tview_keylist_get(&work->keys, &n);
	int done;

	tview_stale_find(desc, batch.snapshot, keys, Min(n, work->limit), &stale);
	done = stale.n;
	work->taken = stale.seen;
	elog(DEBUG1, "refreshing %d rows of %s by %s", stale.n, desc->name,
		 stale.is_dense ? "range" : "list");
	if (stale.is_dense)
		computed =
			tview_compute_range_try(desc, batch.snapshot, stale.keys, stale.n,
									stale.holes, stale.nholes);
	if (computed)
		store(&batch, computed, stale.n);
	else if (stale.n > 0)
		done = compute_list(&batch, stale.keys, stale.n);
	work->taken = 0;
	if (!batch.stored)
	{
		pause_work(work);
		return;
	}
	n = stale.seen;
	while (done < stale.n && keys[n - 1] >= stale.keys[done])
		n--;
	tview_keylist_take(&work->keys, n);
	work->pause_ms = 0;
	if (batch.nfailed > 0)
		retry_later(work);
	if (batch.nfailed > 0)
		(void) tview_compute_keys(desc, batch.snapshot, batch.failed, 1, true);
	else if (stale.n > 0)
		set_limit(&batch, stale.n);
}

/* Runs the whole view and stores what is stale; false when it fails. */
static bool
compute_whole(TviewDesc *desc, Work *work)
{
	int n;
	const int64 *keys = tview_keylist_get(&work->keys, &n);
	TviewFilled filled;

	elog(DEBUG1, "refreshing %d rows of %s with the whole view", n, desc->name);
	filled = tview_fill_keys(desc, GetActiveSnapshot(), keys, n);
	if (filled == TVIEW_FILLED || filled == TVIEW_FILLED_PARTLY)
	{
		tview_keylist_take(&work->keys, n);
		work->pause_ms = 0;
	}
	if (filled == TVIEW_FILLED_PARTLY)
		retry_later(work);
	if (filled == TVIEW_FILLED_REFUSED)
	{
		work->cost = COST_OF_ROWS;
		pause_work(work);
	}
	return filled != TVIEW_FILLED_ERROR;
}

/* Runs the whole view and stores all of it. */
static void
fill_whole(TviewDesc *desc, Work *work)
{
	bool complete;

	(void) tview_fill_build(desc, GetActiveSnapshot(), 0, false, &complete);
	tview_keylist_clear(&work->keys);
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

/*
 * True when the whole view shall be run: a short batch would cost as much, and
 * most of the TVIEW is stale.
 */
static bool
is_whole_better(TviewDesc *desc, Work *work)
{
	int n;

	if (work->cost != COST_OF_BATCHES)
		return false;
	(void) tview_keylist_get(&work->keys, &n);
	return n > BATCH_KEYS && n >= tview_estimate_rows(desc, true) / 2;
}

/* Refreshes stale rows of a TVIEW that is complete; there are some. */
static void
refresh_rows(TviewHandle *handle, TviewDesc *desc, Work *work)
{
	if (is_whole_better(desc, work))
	{
		if (compute_whole(desc, work))
			return;
		/* an error, which a batch will tell from the rows without */
		work->cost = COST_OF_ROWS;
	}
	compute_some(handle, desc, work);
}

/*
 * Does a share of what there is to do for one TVIEW; false for nothing.
 * settling: more stale rows may become known in the next round.
 */
static bool
refresh_one(TviewHandle *handle, Oid relid, bool settling)
{
	Work *work = find_work(relid);
	bool by_batches = work->cost == COST_OF_BATCHES;
	TviewDesc *desc;
	bool complete;

	notice_changes(handle, work);
	if (work->not_before > GetCurrentTimestamp())
	{
		postponed = true;
		return false;
	}
	desc = lock_tview(relid);
	if (desc == NULL)
		return false;
	complete = is_complete(handle, desc);
	if (complete && (work->due || !work->walk.ended) &&
		(by_batches || tview_keylist_is_empty(&work->keys)))
	{
		walk(handle, work);
		settling |= !work->walk.ended;
	}
	if (complete && tview_keylist_is_empty(&work->keys))
	{
		if (work->cost != COST_LOW)
			work->limit = BATCH_KEYS;
		work->cost = COST_LOW;
		if (work->retry_at != 0)
			postponed = true;
		else if (work->walk.ended)
			work->retry_ms = 0;
		return !work->walk.ended;
	}
	if (settling && work->gathered++ < GATHER_ROUNDS)
		return true;
	work->gathered = 0;
	if (complete && desc->restrictable)
		refresh_rows(handle, desc, work);
	else
		fill_whole(desc, work);
	return true;
}

bool
tview_refresh_some(TviewHandle *handle, bool settling)
{
	bool done = false;
	ListCell *lc;

	postponed = false;
	foreach(lc, tview_meta_list(handle->serverid))
	{
		/* work on the one before may have come to another store, or to none */
		if (tview_handle_opened(handle->serverid) == NULL)
			break;
		current = lfirst_oid(lc);
		if (tview_option_is_background(current) &&
			refresh_one(handle, current, settling))
			done = true;
		current = InvalidOid;
	}
	return done;
}

bool
tview_refresh_is_postponed(void)
{
	return postponed;
}
