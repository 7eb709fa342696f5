/*
 * stat.c
 *		What people look at: sizes, counters, progress.
 *
 * Counters and progress stand in the control file and survive resets.  Their
 * structs are public and plain, so the claims here use the compiler's atomics.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store_private.h"

/* Counts a line of mdb_reader_list. */
static int
count_line(const char *line, void *context)
{
	int *lines = context;

	/* a header, or "no readers", begins with a letter or a parenthesis */
	if (strstr(line, "pid") == NULL && line[0] != '(')
		(*lines)++;
	return 0;
}

/* Bytes of pages in use: all up to the last one but those on the free list. */
static uint64_t
used_bytes(TviewStore *store, const MDB_envinfo *info)
{
	uint64_t pages = info->me_last_pgno + 1;
	uint64_t unused = 0;
	bool was_active = store->read.active;
	TviewTxn *txn = &store->read;
	TviewTree tree;
	TviewValue key;
	TviewValue value;

	if (was_active || tview_read_begin(store, &txn) == TVIEW_STORE_OK)
	{
		int rc;

		/* LMDB's list of free pages: a count, then the pages */
		tview_tree_init(&tree, store, &txn->roots, &txn->roots.free, true);
		rc = tview_tree_end(&tree, false);
		while (rc == 0 && tview_tree_entry(&tree, &key, &value) == 0)
		{
			uint64_t n;

			memcpy(&n, value.data, sizeof(n));
			unused += n;
			rc = tview_tree_step(&tree, false);
		}
		if (!was_active)
			tview_read_end(txn);
	}
	return (pages - (unused < pages ? unused : pages)) *
		store->pages->page_size;
}

/* Describes the environment. */
static void
stat_env(TviewStore *store, TviewStoreStat *stat)
{
	MDB_envinfo info;
	struct stat status;
	char path[PATH_MAX];
	int readers = 0;

	if (mdb_env_info(store->env, &info) != 0)
		return;
	stat->map_size = info.me_mapsize;
	stat->map_used = used_bytes(store, &info);
	stat->max_readers = info.me_maxreaders;
	(void) mdb_reader_list(store->env, count_line, &readers);
	stat->readers = (uint32_t) readers;
	/* stat, never open: see file.c */
	tview_epoch_path(store, store->entered, "data.mdb", path);
	if (lstat(path, &status) == 0)
		stat->file_size = (uint64_t) status.st_blocks * 512;
}

/*
 * Fills in what is known without entering an epoch, and the rest when one is
 * entered.
 */
TviewStoreStatus
tview_store_stat(TviewStore *store, TviewStoreStat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->epoch = tview_store_epoch(store);
	stat->floor = UINT64_MAX;
	stat->reset_time = atomic_load(&store->control->reset_time);
	memcpy(stat->reset_reason, store->control->reset_reason,
		   sizeof(stat->reset_reason));
	stat->reset_reason[sizeof(stat->reset_reason) - 1] = '\0';
	if (!tview_store_is_current(store))
		return TVIEW_STORE_OK;
	stat->log_capacity = store->capacity;
	stat->log_head = tview_log_head(store);
	stat->log_tail = tview_log_tail(store);
	stat->floor = tview_store_floor(store);
	if (store->env != NULL)
		stat_env(store, stat);
	return TVIEW_STORE_OK;
}

/* Finds or claims the counters of a relation. */
TviewCounters *
tview_store_counters(TviewStore *store, uint32_t rel)
{
	TviewCounters *counters = store->control->counters;

	if (rel == 0)
		return NULL;
	for (int i = 0; i < TVIEW_COUNTER_SLOTS; i++)
		if (__atomic_load_n(&counters[i].rel, __ATOMIC_ACQUIRE) == rel)
			return &counters[i];
	/*
	 * all look for free slots in the same order, so two who claim for one
	 * relation meet
	 */
	for (int i = 0; i < TVIEW_COUNTER_SLOTS; i++)
	{
		uint32_t found = 0;

		if (__atomic_compare_exchange_n(&counters[i].rel, &found, rel, false,
										__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
			found == rel)
			return &counters[i];
	}
	return NULL;
}

/* Clears the counters of a relation and frees their slot. */
void
tview_store_free_counters(TviewStore *store, uint32_t rel)
{
	TviewCounters *counters = store->control->counters;

	if (rel == 0)
		return;
	for (int i = 0; i < TVIEW_COUNTER_SLOTS; i++)
	{
		if (__atomic_load_n(&counters[i].rel, __ATOMIC_ACQUIRE) != rel)
			continue;
		memset(&counters[i].served, 0,
			   sizeof(TviewCounters) - offsetof(TviewCounters, served));
		__atomic_store_n(&counters[i].rel, 0, __ATOMIC_RELEASE);
	}
}

TviewWorker *
tview_store_worker(TviewStore *store)
{
	return &store->control->worker;
}

/* True when a process of that id runs. */
static bool
is_alive(int32_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

/* Claims a slot by its pid, fills it, and shows it by its rel. */
TviewProgress *
tview_store_progress_begin(TviewStore *store, uint32_t rel, const char *name,
						   uint64_t expected)
{
	for (int i = 0; i < TVIEW_PROGRESS_SLOTS; i++)
	{
		TviewProgress *slot = &store->control->progress[i];
		int32_t owner = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE);
		struct timespec now;

		if (is_alive(owner) ||
			!__atomic_compare_exchange_n(&slot->pid, &owner, (int32_t) getpid(),
										 false, __ATOMIC_ACQ_REL,
										 __ATOMIC_ACQUIRE))
			continue;
		__atomic_store_n(&slot->rel, 0, __ATOMIC_RELEASE);
		clock_gettime(CLOCK_REALTIME, &now);
		slot->started = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
		slot->rows_done = 0;
		slot->rows_expected = expected;
		memset(slot->name, 0, sizeof(slot->name));
		strncpy(slot->name, name, sizeof(slot->name) - 1);
		__atomic_store_n(&slot->rel, rel, __ATOMIC_RELEASE);
		return slot;
	}
	return NULL;
}

/* Frees a slot; NULL is allowed. */
void
tview_store_progress_end(TviewProgress *slot)
{
	if (slot == NULL)
		return;
	__atomic_store_n(&slot->rel, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->pid, 0, __ATOMIC_RELEASE);
}

/* Copies the slots in use by live processes. */
int
tview_store_progress_list(TviewStore *store, TviewProgress *out)
{
	int n = 0;

	for (int i = 0; i < TVIEW_PROGRESS_SLOTS; i++)
	{
		TviewProgress *slot = &store->control->progress[i];

		if (__atomic_load_n(&slot->rel, __ATOMIC_ACQUIRE) == 0 ||
			!is_alive(__atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE)))
			continue;
		out[n] = *slot;
		out[n].name[sizeof(out[n].name) - 1] = '\0';
		n++;
	}
	return n;
}
