/*
 * share.c
 *		See share.h.
 *
 * The keys lie in dynamic shared memory.  Whoever is free takes the next share,
 * which is as much as one batch.  A helper's share counts as done when all of
 * its rows were stored; what is not done when no helper is left goes back to
 * the worker, who looks at each row again before he computes it.  So a helper
 * may end at any time, and need not come at all.
 */
#include "postgres.h"

#include "cache/wake.h"
#include "meta/option.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "worker/refresh.h"
#include "worker/round.h"
#include "worker/share.h"

#define WORTH_MS 200 /* that the worker would take by itself */
#define KEYS_MAX 1000000
#define HELPERS_MAX 16
#define WAIT_MS 5 /* at a time, for helpers to end */

PGDLLEXPORT void tview_share_main(Datum arg);

static int refresh_workers = 1; /* GUC tview.refresh_workers */

/* What lies in shared memory. */
typedef struct Shared
{
	Oid relid;
	uint32 nkeys;
	uint32 size; /* of a share, in keys */
	uint32 nshares;
	uint32 next; /* share to be given out */
	/* room for the keys, and a byte for each share: it is done */
	int64 keys[FLEXIBLE_ARRAY_MEMBER];
} Shared;

/* The worker's side. */
static dsm_segment *segment = NULL;
static Shared *shared = NULL; /* in it */
static BackgroundWorkerHandle *helpers[HELPERS_MAX];
static int nhelpers = 0;
static uint32 own_share = 0; /* under way; nshares for none */
static bool failed = false;	 /* there was no shared memory: not tried again */

void
tview_share_init(void)
{
	DefineCustomIntVariable(
		"tview.refresh_workers",
		"How many processes help a background worker with many stale rows.",
		NULL, &refresh_workers, 1, 0, HELPERS_MAX, PGC_SIGHUP, 0, NULL, NULL,
		NULL);
}

static uint8 *
done_flags(Shared *of)
{
	return (uint8 *) &of->keys[of->nkeys];
}

static void
set_done(Shared *of, uint32 share)
{
	__atomic_store_n(&done_flags(of)[share], 1, __ATOMIC_RELEASE);
}

static bool
is_done(Shared *of, uint32 share)
{
	return __atomic_load_n(&done_flags(of)[share], __ATOMIC_ACQUIRE) != 0;
}

/* The next share, or nshares when all have been given out. */
static uint32
next_share(Shared *of)
{
	uint32 share = __atomic_fetch_add(&of->next, 1, __ATOMIC_RELAXED);

	return Min(share, of->nshares);
}

static void
add_share(Shared *of, uint32 share, TviewKeyList *keys, MemoryContext context)
{
	uint32 end = Min((share + 1) * of->size, of->nkeys);

	for (uint32 i = share * of->size; i < end; i++)
		tview_keylist_add(keys, context, of->keys[i]);
}

/* ---- the worker ---- */

/* Asks the postmaster for helpers; it may have no places for them. */
static void
start_helpers(int wanted)
{
	BackgroundWorker request;
	dsm_handle handle = dsm_segment_handle(segment);
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	tview_wake_fill_request(&request, "tview_share_main", "tview_fdw helper");
	request.bgw_notify_pid = MyProcPid;
	memcpy(request.bgw_extra, &handle, sizeof(handle));
	while (nhelpers < wanted &&
		   RegisterDynamicBackgroundWorker(&request, &helpers[nhelpers]))
		nhelpers++;
	MemoryContextSwitchTo(old);
}

static void
end_sharing(void)
{
	for (int i = 0; i < nhelpers; i++)
		pfree(helpers[i]);
	nhelpers = 0;
	if (segment)
		dsm_detach(segment);
	segment = NULL;
	shared = NULL;
}

bool
tview_share_begin(TviewDesc *desc, TviewBacklog *backlog)
{
	int n;
	const int64 *keys = tview_keylist_get(&backlog->keys, &n);
	int size = Max(backlog->fits, 1);
	uint32 nshares;

	/* of a TVIEW that is no more */
	if (segment != NULL && tview_meta_get(shared->relid, true) == NULL)
		end_sharing();
	n = Min(n, KEYS_MAX);
	nshares = (n + size - 1) / size;
	if (refresh_workers == 0 || segment != NULL || failed ||
		backlog->cost == TVIEW_BATCH_TRIED ||
		backlog->cost == TVIEW_BATCH_DEAR ||
		n * backlog->key_us < WORTH_MS * 1000.0 || nshares < 2)
		return false;
	/* it throws where /dev/shm is full: the worker goes on by itself then */
	failed = true;
	segment = dsm_create(offsetof(Shared, keys) + n * sizeof(int64) + nshares,
						 DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (segment == NULL)
		return false;
	failed = false;
	dsm_pin_mapping(segment);
	shared = dsm_segment_address(segment);
	shared->relid = desc->relid;
	shared->nkeys = n;
	shared->size = size;
	shared->nshares = nshares;
	shared->next = 0;
	memcpy(shared->keys, keys, n * sizeof(int64));
	memset(done_flags(shared), 0, nshares);
	own_share = nshares;
	start_helpers(Min(refresh_workers, (int) nshares - 1));
	if (nhelpers == 0)
	{
		end_sharing();
		return false;
	}
	elog(DEBUG1, "sharing %d rows of %s with %d", n, desc->name, nhelpers);
	tview_keylist_take(&backlog->keys, n);
	return true;
}

bool
tview_share_is_of(Oid relid)
{
	return shared != NULL && shared->relid == relid;
}

/* True while some helper may be at work, or come. */
static bool
some_are_there(void)
{
	for (int i = 0; i < nhelpers; i++)
	{
		pid_t pid;
		BgwHandleStatus status = GetBackgroundWorkerPid(helpers[i], &pid);

		if (status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED)
			return true;
	}
	return false;
}

static bool
all_are_done(void)
{
	for (uint32 i = 0; i < shared->nshares; i++)
		if (!is_done(shared, i))
			return false;
	return true;
}

void
tview_share_take(TviewKeyList *keys, MemoryContext context)
{
	if (own_share < shared->nshares)
		set_done(shared, own_share);
	own_share = next_share(shared);
	if (own_share < shared->nshares)
	{
		add_share(shared, own_share, keys, context);
		return;
	}
	if (!all_are_done() && some_are_there())
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 WAIT_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		return;
	}
	for (uint32 i = 0; i < shared->nshares; i++)
		if (!is_done(shared, i))
			add_share(shared, i, keys, context);
	end_sharing();
}

void
tview_share_forget(Oid relid)
{
	if (tview_share_is_of(relid))
		end_sharing();
}

/* ---- a helper ---- */

/* A share that a helper is at. */
typedef struct Share
{
	Oid relid;
	TviewBacklog backlog;
	bool failed; /* the worker shall look after it */
} Share;

/* Computes a batch of the share. */
static void
compute(void *arg)
{
	Share *share = arg;
	TviewDesc *desc = tview_option_is_background(share->relid)
		? tview_refresh_lock(share->relid)
		: NULL;

	share->failed = desc == NULL || !desc->restrictable ||
		!tview_batch_compute(desc, &share->backlog) || share->backlog.left;
}

/* The function that the postmaster calls; arg is the database. */
void
tview_share_main(Datum arg)
{
	dsm_handle handle;
	Share share = {0};
	Shared *of;
	uint32 number;

	memcpy(&handle, MyBgworkerEntry->bgw_extra, sizeof(handle));
	tview_round_connect(DatumGetObjectId(arg));
	segment = dsm_attach(handle);
	if (segment == NULL)
		proc_exit(0);
	of = dsm_segment_address(segment);
	share.relid = of->relid;
	while (!share.failed && (number = next_share(of)) < of->nshares)
	{
		tview_batch_reset(&share.backlog);
		add_share(of, number, &share.backlog.keys, TopMemoryContext);
		while (!share.failed && !tview_keylist_is_empty(&share.backlog.keys))
		{
			share.backlog.limit = of->size;
			share.failed = !tview_round_run(compute, &share) || share.failed;
			(void) tview_round_sleep(tview_wake_delay);
		}
		if (!share.failed)
			set_done(of, number);
	}
	proc_exit(0);
}
