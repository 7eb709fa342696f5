/*
 * refresh.c
 *		See refresh.h.
 *
 * Keys to be computed are known from marks (ahead.h), and from the worker's own
 * settling.  Rows that others have emptied are found by a walk through the
 * store, whenever the TVIEW's counter says that there are some.
 *
 * While many rows are being emptied their keys are gathered for some rounds:
 * rows that are neighbours in the store are best computed together.  Then they
 * are computed in batches (batch.h), with helpers where there are many of them
 * (share.h).  Where a batch costs the same however short it is, because the
 * view has parts that a condition on the key does not restrict, and at least
 * half of the TVIEW is stale, the view is run once as a whole, and what is
 * stale is stored.
 */
#include "postgres.h"

#include "cache/contents.h"
#include "cache/estimate.h"
#include "cache/reader.h"
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
#include "worker/batch.h"
#include "worker/refresh.h"
#include "worker/share.h"

#define WALK_KEYS 8192
#define GATHER_ROUNDS 16
#define FIRST_PAUSE_MS 1000 /* after a failure, doubled by each further */
#define LONGEST_PAUSE_MS 300000

/* What there is to do for one TVIEW. */
typedef struct Work
{
	Oid relid; /* hash key */
	TviewBacklog backlog;
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
		tview_batch_reset(&work->backlog);
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
		tview_keylist_add(&work->backlog.keys, context, hollowed->rows[i].key);
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

/* Some rows of the last batch may have stayed stale. */
static void
notice_left(Work *work)
{
	if (work->backlog.left)
		retry_later(work);
	work->backlog.left = false;
}

void
tview_refresh_note_error(void)
{
	if (OidIsValid(current))
	{
		Work *work = find_work(current);

		/* the others of its batch were stored */
		if (work->backlog.left)
			work->pause_ms = 0;
		/* others first */
		tview_batch_skip(&work->backlog);
		notice_left(work);
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
TviewDesc *
tview_refresh_lock(Oid relid)
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
		tview_share_forget(work->relid);
		tview_keylist_clear(&work->backlog.keys);
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
		tview_keylist_add(&work->backlog.keys, context, keys[i]);
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
		tview_keylist_add(&work->backlog.keys, context, keys[i]);
	pfree(keys);
}

/* Runs the whole view and stores what is stale; false when it fails. */
static bool
compute_whole(TviewDesc *desc, Work *work)
{
	int n;
	const int64 *keys = tview_keylist_get(&work->backlog.keys, &n);
	TviewFilled filled;

	elog(DEBUG1, "refreshing %d rows of %s with the whole view", n, desc->name);
	filled = tview_fill_keys(desc, GetActiveSnapshot(), keys, n);
	if (filled == TVIEW_FILLED || filled == TVIEW_FILLED_PARTLY)
	{
		tview_keylist_take(&work->backlog.keys, n);
		work->pause_ms = 0;
	}
	if (filled == TVIEW_FILLED_PARTLY)
		retry_later(work);
	if (filled == TVIEW_FILLED_REFUSED)
	{
		work->backlog.cost = TVIEW_BATCH_OF_ROWS;
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
	tview_keylist_clear(&work->backlog.keys);
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

	if (work->backlog.cost != TVIEW_BATCH_DEAR)
		return false;
	(void) tview_keylist_get(&work->backlog.keys, &n);
	return n > TVIEW_BATCH_KEYS && n >= tview_estimate_rows(desc, true) / 2;
}

/* Refreshes stale rows of a TVIEW that is complete; there are some. */
static void
refresh_rows(TviewDesc *desc, Work *work)
{
	bool stored;

	if (is_whole_better(desc, work))
	{
		if (compute_whole(desc, work))
			return;
		/* an error, which a batch will tell from the rows without */
		work->backlog.cost = TVIEW_BATCH_OF_ROWS;
	}
	if (tview_share_begin(desc, &work->backlog))
		return;
	stored = tview_batch_compute(desc, &work->backlog);
	notice_left(work);
	if (stored)
		work->pause_ms = 0;
	else
		pause_work(work);
}

/*
 * Does a share of what there is to do for one TVIEW; false for nothing.
 * settling: more stale rows may become known in the next round.
 */
static bool
refresh_one(TviewHandle *handle, Oid relid, bool settling)
{
	Work *work = find_work(relid);
	bool by_batches = work->backlog.cost == TVIEW_BATCH_DEAR;
	TviewDesc *desc;
	bool complete;

	notice_changes(handle, work);
	if (work->not_before > GetCurrentTimestamp())
	{
		postponed = true;
		return false;
	}
	desc = tview_refresh_lock(relid);
	if (desc == NULL)
		return false;
	complete = is_complete(handle, desc);
	if (complete && tview_share_is_of(relid) &&
		tview_keylist_is_empty(&work->backlog.keys))
	{
		tview_share_take(&work->backlog.keys, context);
		if (tview_keylist_is_empty(&work->backlog.keys))
			return true;
	}
	if (complete && (work->due || !work->walk.ended) &&
		(by_batches || tview_keylist_is_empty(&work->backlog.keys)))
	{
		walk(handle, work);
		settling |= !work->walk.ended;
	}
	if (complete && tview_keylist_is_empty(&work->backlog.keys))
	{
		tview_batch_reset(&work->backlog);
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
		refresh_rows(desc, work);
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
