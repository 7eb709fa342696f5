/*
 * wake.c
 *		See wake.h.
 *
 * The worker's entry in the store's control file names its process.  It may be
 * left over from a crash: it is true when PostgreSQL's process of that number
 * has that pid.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "cache/recent.h"
#include "cache/wake.h"
#include "meta/meta.h"
#include "meta/option.h"
#include "meta/record.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define START_PAUSE_MS 1000 /* between two attempts to start one */

/* So many rows are stored in less time, for each, than they are computed in. */
#define ROWS_LEFT_MAX 16

#define ROWS_REMEMBERED 256
#define TVIEWS_REMEMBERED 64

int tview_wake_delay = 1;

/* Bumped by each change of a foreign table's options. */
static uint64 options_changes = 0;

static void
note_change(Datum arg, int cacheid, uint32 hash)
{
	options_changes++;
}

void
tview_wake_init(void)
{
	DefineCustomIntVariable(
		"tview.refresh_delay",
		"How long a background worker rests after each batch of rows.", NULL,
		&tview_wake_delay, 1, 0, 10000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL,
		NULL);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, note_change, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_change, (Datum) 0);
}

bool
tview_wake_is_wanted(TviewHandle *handle)
{
	uint64 changes = options_changes;
	bool wanted = false;
	ListCell *lc;

	if (handle->background_known == changes + 1)
		return handle->background;
	foreach(lc, tview_meta_list(handle->serverid))
	{
		if (tview_option_is_background(lfirst_oid(lc)))
			wanted = true;
	}
	/* only now: reading may have raised an error */
	handle->background = wanted;
	handle->background_known = changes + 1;
	return wanted;
}

/* The process of the worker, NULL when there is none. */
static PGPROC *
find_worker(const TviewWorker *worker)
{
	int32 pid = __atomic_load_n(&worker->pid, __ATOMIC_SEQ_CST);
	int32 number = __atomic_load_n(&worker->proc, __ATOMIC_ACQUIRE);

	if (pid == 0 || number < 0 || number >= (int32) ProcGlobal->allProcCount ||
		ProcGlobal->allProcs[number].pid != pid)
		return NULL;
	return &ProcGlobal->allProcs[number];
}

void
tview_wake_fill_request(BackgroundWorker *request, const char *function,
						const char *name)
{
	memset(request, 0, sizeof(BackgroundWorker));
	request->bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	request->bgw_start_time = BgWorkerStart_RecoveryFinished;
	request->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(request->bgw_library_name, "tview_fdw", BGW_MAXLEN);
	strlcpy(request->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(request->bgw_name, name, BGW_MAXLEN);
	strlcpy(request->bgw_type, name, BGW_MAXLEN);
	request->bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
}

/*
 * Asks the postmaster for a worker; it may have no place for it.  One that was
 * asked for a moment ago may be on its way, but not over a restart after a
 * crash: that forgets it, and moves the redo pointer.
 */
static void
start_worker(TviewWorker *worker, Oid serverid)
{
	BackgroundWorker request;
	TimestampTz now = GetCurrentTimestamp();
	uint64 life = GetRedoRecPtr();
	int64 last = __atomic_load_n(&worker->starting, __ATOMIC_ACQUIRE);

	if ((life == __atomic_load_n(&worker->life, __ATOMIC_ACQUIRE) &&
		 last <= now && now - last < START_PAUSE_MS * INT64CONST(1000)) ||
		!__atomic_compare_exchange_n(&worker->starting, &last, now, false,
									 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&worker->life, life, __ATOMIC_RELEASE);
	tview_wake_fill_request(&request, "tview_worker_main", "tview_fdw worker");
	memcpy(request.bgw_extra, &serverid, sizeof(serverid));
	(void) RegisterDynamicBackgroundWorker(&request, NULL);
}

void
tview_wake(Oid serverid)
{
	TviewHandle *handle = tview_handle_attached(serverid);
	TviewWorker *worker;
	PGPROC *proc;

	if (handle == NULL || MyBackendType == B_BG_WORKER || RecoveryInProgress())
		return;
	worker = tview_store_worker(handle->store);
	__atomic_fetch_add(&worker->wishes, 1, __ATOMIC_SEQ_CST);
	proc = find_worker(worker);
	if (proc == NULL)
		start_worker(worker, serverid);
	else if (__atomic_exchange_n(&worker->asleep, 0, __ATOMIC_SEQ_CST) != 0)
		SetLatch(&proc->procLatch);
}

/* Servers with TVIEWs that are the worker's, as tview_wake_prepare found. */
static List *wanting = NIL;

/* Lists the servers that want a worker, in the current context. */
static List *
list_wanting(void)
{
	List *servers = NIL;
	ListCell *lc;

	foreach(lc, tview_record_list())
	{
		const TviewRecord *record = lfirst(lc);

		if (tview_option_is_background(record->relid))
			servers = list_append_unique_oid(servers, record->serverid);
	}
	return servers;
}

void
tview_wake_prepare(void)
{
	static uint64 known = 0; /* options_changes + 1 then */
	uint64 changes = options_changes;
	const char *failure;
	ListCell *lc;

	if (RecoveryInProgress())
		return;
	if (known != changes + 1)
	{
		List *servers = list_wanting();
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		List *kept = list_copy(servers);

		MemoryContextSwitchTo(old);
		list_free(wanting);
		wanting = kept;
		known = changes + 1;
	}
	foreach(lc, wanting)
		(void) tview_handle_attach(lfirst_oid(lc), &failure);
}

void
tview_wake_where_marks_wait(void)
{
	ListCell *lc;

	foreach(lc, wanting)
	{
		TviewHandle *handle = tview_handle_attached(lfirst_oid(lc));
		uint64 epoch;

		if (handle &&
			tview_store_enter_log(handle->store, &epoch) == TVIEW_STORE_OK &&
			tview_log_head(handle->store) != tview_log_tail(handle->store))
			tview_wake(handle->serverid);
	}
}

/* True when the TVIEW is one of the worker's; reads catalogs after a change. */
static bool
is_background(Oid relid)
{
	static struct
	{
		Oid relid;
		uint64 known; /* options_changes + 1 then */
		bool background;
	} tviews[TVIEWS_REMEMBERED];
	int at = relid % TVIEWS_REMEMBERED;
	uint64 changes = options_changes;
	bool background;

	if (tviews[at].relid == relid && tviews[at].known == changes + 1)
		return tviews[at].background;
	background = tview_option_is_background(relid);
	tviews[at].relid = relid;
	tviews[at].background = background;
	tviews[at].known = changes + 1;
	return background;
}

bool
tview_wake_takes_rows(Oid serverid, Oid relid, const int64 *keys, int n)
{
	static TviewRecentRow left[ROWS_REMEMBERED];
	TviewHandle *handle = tview_handle_attached(serverid);
	PGPROC *worker;
	bool before = false;

	if (n > ROWS_LEFT_MAX || handle == NULL || !tview_wake_is_wanted(handle))
		return false;
	worker = find_worker(tview_store_worker(handle->store));
	if (worker == NULL || worker == MyProc || !is_background(relid))
		return false;
	for (int i = 0; i < n; i++)
		before =
			tview_recent_note(left, ROWS_REMEMBERED, relid, keys[i]) || before;
	return !before;
}

bool
tview_wake_claim(TviewHandle *handle)
{
	TviewWorker *worker = tview_store_worker(handle->store);
	int32 number = (int32) (MyProc - ProcGlobal->allProcs);
	int32 pid = __atomic_load_n(&worker->pid, __ATOMIC_ACQUIRE);

	if (pid == MyProcPid)
		return true;
	if (find_worker(worker) ||
		!__atomic_compare_exchange_n(&worker->pid, &pid, MyProcPid, false,
									 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&worker->asleep, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&worker->proc, number, __ATOMIC_RELEASE);
	__atomic_store_n(&worker->starting, 0, __ATOMIC_RELEASE);
	return true;
}

void
tview_wake_release(TviewHandle *handle)
{
	TviewWorker *worker = tview_store_worker(handle->store);
	int32 pid = MyProcPid;

	(void) __atomic_compare_exchange_n(&worker->pid, &pid, 0, false,
									   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

uint64
tview_wake_wishes(TviewHandle *handle)
{
	return __atomic_load_n(&tview_store_worker(handle->store)->wishes,
						   __ATOMIC_SEQ_CST);
}

void
tview_wake_set_asleep(TviewHandle *handle, bool asleep)
{
	__atomic_store_n(&tview_store_worker(handle->store)->asleep, asleep,
					 __ATOMIC_SEQ_CST);
}
