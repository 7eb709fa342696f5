/*
 * batch.c
 *		See batch.h.
 *
 * The smallest keys come first.  A batch is as long as can be computed in
 * BATCH_MS.  Its keys are asked for
 *
 *		by range	where they lie close together (cache/stale.h): the view is
 *					run between the first and the last of them
 *		by list		elsewhere
 *
 * A batch in which the view raises an error is halved until the rows that
 * raise it are alone; the others are stored.
 */
#include "postgres.h"

#include "cache/stale.h"
#include "cache/writer.h"
#include "compute/compute.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/batch.h"

#define BATCH_KEYS_MAX 8192
#define BATCH_MS 50
#define BATCH_BYTES (4 * 1024 * 1024)
#define BATCH_KEYS_LARGE 16 /* at least, of rows that are large */
#define BATCH_ERRORS 8		/* so many rows may fail, then the rest waits */

void
tview_batch_reset(TviewBacklog *backlog)
{
	if (backlog->cost != TVIEW_BATCH_LOW || backlog->limit == 0)
		backlog->limit = TVIEW_BATCH_KEYS;
	backlog->cost = TVIEW_BATCH_LOW;
	backlog->key_us = 0;
	backlog->fits = 0;
}

void
tview_batch_skip(TviewBacklog *backlog)
{
	if (backlog->taken == 0)
		return;
	tview_keylist_take(&backlog->keys, backlog->taken);
	backlog->taken = 0;
	backlog->left = true;
}

/* A batch under way. */
typedef struct Batch
{
	TviewDesc *desc;
	TviewBacklog *backlog;
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
		batch->backlog->left = true;
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
	TviewBacklog *backlog = batch->backlog;
	long ms = TimestampDifferenceMilliseconds(batch->begun,
											  GetCurrentTimestamp());
	int largest = Max(BATCH_BYTES / (batch->bytes / n + 1), BATCH_KEYS_LARGE);

	backlog->key_us = ms * 1000.0 / n;
	backlog->fits = Min(BATCH_MS * 1000 / Max(backlog->key_us, 1),
						BATCH_KEYS_MAX);
	backlog->fits = Min(Max(backlog->fits, TVIEW_BATCH_KEYS), largest);
	if (backlog->cost == TVIEW_BATCH_TRIED)
	{
		backlog->cost =
			ms >= backlog->dear_ms / 2 ? TVIEW_BATCH_DEAR : TVIEW_BATCH_OF_ROWS;
		backlog->limit = TVIEW_BATCH_KEYS;
	}
	else if (backlog->cost == TVIEW_BATCH_LOW && n == TVIEW_BATCH_KEYS &&
			 ms > 2 * BATCH_MS)
	{
		backlog->cost = TVIEW_BATCH_TRIED;
		backlog->dear_ms = ms;
		backlog->limit = TVIEW_BATCH_KEYS / 4;
	}
	else if (n >= backlog->limit)
		backlog->limit = Min(n * Min(BATCH_MS / (double) Max(ms, 1), 4),
							 BATCH_KEYS_MAX);
	if (backlog->cost == TVIEW_BATCH_DEAR && ms > 4 * backlog->dear_ms)
		backlog->cost = TVIEW_BATCH_OF_ROWS;
	if (backlog->cost == TVIEW_BATCH_DEAR)
		backlog->limit = BATCH_KEYS_MAX;
	else if (backlog->cost != TVIEW_BATCH_TRIED)
		backlog->limit = Max(backlog->limit, TVIEW_BATCH_KEYS);
	backlog->limit = Min(backlog->limit, largest);
}

bool
tview_batch_compute(TviewDesc *desc, TviewBacklog *backlog)
{
	Batch batch = {.desc = desc,
				   .backlog = backlog,
				   .snapshot = GetActiveSnapshot(),
				   .begun = GetCurrentTimestamp(),
				   .stored = true};
	TviewComputed *computed = NULL;
	TviewStale stale;
	int n;
	const int64 *keys = tview_keylist_get(&backlog->keys, &n);
	int done;

	tview_stale_find(desc, batch.snapshot, keys, Min(n, backlog->limit),
					 &stale);
	done = stale.n;
	backlog->taken = stale.seen;
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
	backlog->taken = 0;
	if (!batch.stored)
		return false;
	n = stale.seen;
	while (done < stale.n && keys[n - 1] >= stale.keys[done])
		n--;
	tview_keylist_take(&backlog->keys, n);
	if (batch.nfailed > 0)
	{
		backlog->left = true;
		(void) tview_compute_keys(desc, batch.snapshot, batch.failed, 1, true);
	}
	else if (stale.n > 0)
		set_limit(&batch, stale.n);
	return true;
}
