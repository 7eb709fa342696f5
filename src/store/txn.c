/*
 * txn.c
 *		Beginning and ending transactions.
 *
 * A process has at most one read and one write transaction at a time, in any
 * order of beginning and ending.  The read transaction is kept and renewed.
 * Write transactions go through ring->write_mutex, so that LMDB's own write
 * lock, which cannot be tried and has no time limit, is always free or its
 * owner dead.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "store/store_private.h"

/*
 * A read that lags behind a commit under way: spin, then sleep, and lose
 * patience with the writer.
 */
#define STALE_READS_BEFORE_SLEEP 100
#define STALE_SLEEP_NS 200000
#define STALE_NS_BEFORE_RESET INT64_C(2000000000)

/* Growth of the file between two looks for dead readers. */
#define PAGES_BETWEEN_CHECKS 256

/* Records of free pages that are verified before LMDB takes from them. */
#define FREE_LISTS_CHECKED 64

/* Rounds of beginning while other processes change things. */
#define MAX_ATTEMPTS 20

/*
 * True when the read transaction sees the latest commit, whose pages are
 * summed.  Where LMDB's begin races with a commit it can return a snapshot
 * whose pages are about to be reused; a later id in the meta page tells.
 */
static inline bool
read_is_latest(TviewStore *store, MDB_txn *mdb)
{
	MDB_envinfo info;

	return mdb_env_info(store->env, &info) == 0 &&
		info.me_last_txnid <= mdb_txn_id(mdb) &&
		tview_pages_roots(store, mdb_txn_id(mdb), &store->read.roots) != EAGAIN;
}

/* Begins or renews the read transaction; returns an LMDB code. */
static inline int
renew_read(TviewStore *store)
{
	TviewTxn *txn = &store->read;
	int rc;

	if (txn->mdb != NULL)
		return mdb_txn_renew(txn->mdb);
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->mdb);
	if (rc != 0)
		txn->mdb = NULL;
	return rc;
}

uint64_t
tview_read_commit(TviewTxn *txn)
{
	return mdb_txn_id(txn->mdb);
}

/* What is wrong with the commit that the read transaction sees, or 0. */
static inline int
check_roots(const TviewStore *store)
{
	return store->read.roots.valid ? 0 : MDB_CORRUPTED;
}

/* Frees the read transaction and its reader slot. */
static void
drop_read(TviewStore *store)
{
	if (store->read.mdb != NULL)
		mdb_txn_abort(store->read.mdb);
	store->read.mdb = NULL;
}

/* Gives an active read transaction to the caller. */
static inline TviewStoreStatus
hand_out_read(TviewStore *store, TviewTxn **txn)
{
	store->read.visible = store->handles->published;
	store->read.active = true;
	*txn = &store->read;
	return TVIEW_STORE_OK;
}

/*
 * Makes sure that the last commit is summed.  Where it is not, its writer was
 * killed in between, and this does it in its place: the commit before still
 * has all its pages.  False when that fails: the end of the epoch.  The caller
 * holds the write lock.
 */
static bool
commit_is_summed(TviewStore *store, uint64_t txn)
{
	TviewRoots before = {.valid = false};

	if (atomic_load(&store->pages->sums->txn) == txn)
		return true;
	if (tview_pages_roots(store, txn - 1, &before) == 0 &&
		tview_pages_publish(store, &before) == 0)
		return true;
	tview_control_reset_epoch(store, store->entered,
							  "a killed writer's commit is not whole");
	return false;
}

/*
 * Lets LMDB repair what a writer left that was killed between writing the
 * meta page and announcing it: the next one to take the lock does.  Nothing
 * when a live process holds it.
 */
static void
repair_writer(TviewStore *store)
{
	MDB_txn *mdb;

	if (store->write.active ||
		tview_mutex_trylock(&store->ring->write_mutex) != 0)
		return;
	if (mdb_txn_begin(store->env, NULL, 0, &mdb) == 0)
	{
		(void) commit_is_summed(store, mdb_txn_id(mdb) - 1);
		mdb_txn_abort(mdb);
	}
	tview_mutex_unlock(&store->ring->write_mutex);
}

/* A clock that only goes forward, in nanoseconds. */
static int64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * Handles a read transaction that is not the latest one, the given number of
 * times in a row.  *since is when patience began to run.
 */
static TviewStoreStatus
wait_for_latest(TviewStore *store, int times, int64_t *since)
{
	struct timespec pause = {.tv_nsec = STALE_SLEEP_NS};

	mdb_txn_reset(store->read.mdb);
	if (times < STALE_READS_BEFORE_SLEEP)
		return TVIEW_STORE_OK;
	if (times == STALE_READS_BEFORE_SLEEP)
		*since = clock_ns();
	/* both: a process that was itself suspended meanwhile tries some more */
	else if (times > 2 * STALE_READS_BEFORE_SLEEP &&
			 clock_ns() - *since > STALE_NS_BEFORE_RESET)
	{
		tview_control_reset_epoch(store, store->entered,
								  "store writer stopped in its commit");
		return TVIEW_STORE_RESET;
	}
	/* a writer may also die while we wait for it */
	if (times % STALE_READS_BEFORE_SLEEP == 0)
		repair_writer(store);
	nanosleep(&pause, NULL);
	return TVIEW_STORE_OK;
}

/*
 * Opens the databases that the read transaction sees and the process does not
 * know.  Returns an LMDB code.
 */
static int
learn_databases(TviewStore *store)
{
	/* the slot may be the last one: open_all needs one, too */
	drop_read(store);
	/* a write transaction knows all that a reader can see while it is open */
	return store->write.active ? MDB_CORRUPTED : tview_handle_open_all(store);
}

/* Does what can be done about a failed begin, once per kind of failure. */
static TviewStoreStatus
recover_begin(TviewStore *store, int rc, bool *checked, bool *dropped)
{
	if (rc == MDB_MAP_RESIZED)
		return tview_env_resize(store, 0);
	if (rc == MDB_READERS_FULL && !*checked)
	{
		*checked = true;
		rc = mdb_reader_check(store->env, NULL);
		return rc == 0 ? TVIEW_STORE_OK : tview_env_status(store, rc);
	}
	if (rc == MDB_BAD_RSLOT && !*dropped)
	{
		/* another process took us for dead and cleared our slot */
		*dropped = true;
		drop_read(store);
		return TVIEW_STORE_OK;
	}
	return tview_env_status(store, rc);
}

/* The rest of tview_read_begin: rc is what the first attempt returned. */
static TviewStoreStatus
begin_read_slowly(TviewStore *store, int rc, TviewTxn **txn)
{
	TviewStoreStatus status = TVIEW_STORE_OK;
	bool checked = false;
	bool dropped = false;
	int64_t since = 0;
	int stale = 0;
	int attempts = 0;

	for (;;)
	{
		if (rc == 0 && !read_is_latest(store, store->read.mdb))
			status = wait_for_latest(store, ++stale, &since);
		else if (rc == 0 && (rc = check_roots(store)) != 0)
			status = tview_env_status(store, rc);
		else if (rc == 0 && tview_handle_is_complete(store, store->read.mdb))
			return hand_out_read(store, txn);
		else if (++attempts > MAX_ATTEMPTS)
			status = tview_env_status(store, rc == 0 ? MDB_CORRUPTED : rc);
		else
		{
			if (rc == 0)
				rc = learn_databases(store);
			/* a commit came in between: once more */
			if (rc == EAGAIN)
				rc = 0;
			if (rc != 0)
				status = recover_begin(store, rc, &checked, &dropped);
		}
		if (status != TVIEW_STORE_OK)
			break;
		rc = renew_read(store);
	}
	if (store->read.mdb != NULL)
		mdb_txn_reset(store->read.mdb);
	return status;
}

/* Begins the process's read transaction; see store.h. */
TviewStoreStatus
tview_read_begin(TviewStore *store, TviewTxn **txn)
{
	int rc;

	if (!tview_store_is_current(store) || store->env == NULL)
		return TVIEW_STORE_RESET;
	if (store->read.active)
		return TVIEW_STORE_BUSY;
	tview_pages_renew(store->pages);
	rc = renew_read(store);
	if (rc == 0 && read_is_latest(store, store->read.mdb) &&
		check_roots(store) == 0 &&
		tview_handle_is_complete(store, store->read.mdb))
		return hand_out_read(store, txn);
	return begin_read_slowly(store, rc, txn);
}

/* Closes the cursors that are still open. */
static void
close_cursors(TviewTxn *txn)
{
	while (txn->cursors != NULL)
		tview_cursor_close(txn->cursors);
}

/* Ends the read transaction; nothing when it is not open. */
void
tview_read_end(TviewTxn *txn)
{
	if (!txn->active || tview_store_is_forked(txn->store))
		return;
	close_cursors(txn);
	mdb_txn_reset(txn->mdb);
	txn->active = false;
}

/*
 * Frees the reader slots of dead processes, which keep pages from being used
 * again, whenever the file has grown by some pages since the last time.
 */
static void
clear_dead_readers(TviewStore *store)
{
	MDB_envinfo info;

	if (mdb_env_info(store->env, &info) != 0 ||
		info.me_last_pgno < store->checked_page + PAGES_BETWEEN_CHECKS)
		return;
	store->checked_page = info.me_last_pgno;
	(void) mdb_reader_check(store->env, NULL);
}

/*
 * Verifies what the write transaction begins with: its roots, and the pages of
 * the list of free pages that LMDB reads first.
 */
static TviewStoreStatus
check_write(TviewStore *store)
{
	TviewTxn *txn = &store->write;
	uint64_t before = mdb_txn_id(txn->mdb) - 1;
	TviewTree tree;
	TviewValue key;
	TviewValue value;
	int rc;

	if (!commit_is_summed(store, before))
		return TVIEW_STORE_RESET;
	rc = tview_pages_roots(store, before, &txn->roots);
	if (rc != 0)
		return TVIEW_STORE_CORRUPT;
	tview_tree_init(&tree, store, &txn->roots, &txn->roots.free, true);
	rc = tview_tree_end(&tree, false);
	for (int i = 0; i < FREE_LISTS_CHECKED && rc == 0; i++)
	{
		rc = tview_tree_entry(&tree, &key, &value);
		if (rc == 0)
			rc = tview_tree_step(&tree, false);
	}
	/* its own list goes to the end */
	if (rc == 0)
		rc = tview_tree_end(&tree, true);
	return rc == 0 || rc == MDB_NOTFOUND ? TVIEW_STORE_OK : TVIEW_STORE_CORRUPT;
}

/*
 * Begins LMDB's write transaction once.  BUSY: once more, the map or the
 * databases were not those of the last writer.
 */
static TviewStoreStatus
try_begin_write(TviewStore *store)
{
	TviewStoreStatus status;
	int rc = mdb_txn_begin(store->env, NULL, 0, &store->write.mdb);

	if (rc != 0)
	{
		store->write.mdb = NULL;
		if (rc != MDB_MAP_RESIZED)
			return tview_env_status(store, rc);
		status = tview_env_resize(store, 0);
		return status == TVIEW_STORE_OK ? TVIEW_STORE_BUSY : status;
	}
	status = check_write(store);
	if (status == TVIEW_STORE_OK &&
		tview_handle_is_complete(store, store->write.mdb))
		return TVIEW_STORE_OK;
	mdb_txn_abort(store->write.mdb);
	store->write.mdb = NULL;
	if (status != TVIEW_STORE_OK)
		return status;
	rc = tview_handle_open_all(store);
	if (rc == MDB_READERS_FULL && mdb_reader_check(store->env, NULL) == 0)
		rc = tview_handle_open_all(store);
	return rc == 0 || rc == MDB_MAP_RESIZED ? TVIEW_STORE_BUSY
											: tview_env_status(store, rc);
}

/* Begins LMDB's write transaction; the caller holds write_mutex. */
static TviewStoreStatus
begin_write_locked(TviewStore *store)
{
	TviewStoreStatus status = TVIEW_STORE_BUSY;

	clear_dead_readers(store);
	for (int round = 0; round < MAX_ATTEMPTS && status == TVIEW_STORE_BUSY;
		 round++)
		status = try_begin_write(store);
	return status == TVIEW_STORE_BUSY ? TVIEW_STORE_CORRUPT : status;
}

/* Begins the write transaction; see store.h. */
TviewStoreStatus
tview_write_begin(TviewStore *store, bool wait, TviewTxn **txn)
{
	TviewStoreStatus status;
	pthread_mutex_t *mutex;
	int rc;

	if (!tview_store_is_current(store) || store->env == NULL)
		return TVIEW_STORE_RESET;
	if (store->write.active)
		return TVIEW_STORE_BUSY;
	tview_pages_renew(store->pages);
	mutex = &store->ring->write_mutex;
	rc = wait ? tview_mutex_lock(mutex, TVIEW_WRITE_LOCK_MS)
			  : tview_mutex_trylock(mutex);
	if (rc == EBUSY || rc == ETIMEDOUT)
		return TVIEW_STORE_BUSY;
	if (rc != 0)
		return tview_env_status(store, rc);
	if (!tview_store_is_current(store))
		status = TVIEW_STORE_RESET;
	else
	{
		store->in_lmdb = true;
		status = begin_write_locked(store);
		store->in_lmdb = false;
	}
	if (status != TVIEW_STORE_OK)
	{
		tview_mutex_unlock(mutex);
		return status;
	}
	close_cursors(&store->write);
	memset(store->write.way, 0, sizeof(store->write.way));
	store->write.visible = store->handles->count;
	store->write.failed = TVIEW_STORE_OK;
	store->write.active = true;
	*txn = &store->write;
	return TVIEW_STORE_OK;
}

/*
 * Aborts the write transaction; its cursors find nothing from now on, but stay
 * the caller's.
 */
void
tview_txn_abort_write(TviewTxn *txn)
{
	TviewStore *store = txn->store;

	for (TviewCursor *cursor = txn->cursors; cursor != NULL;
		 cursor = cursor->next)
	{
		if (cursor->mdb != NULL)
			mdb_cursor_close(cursor->mdb);
		cursor->mdb = NULL;
	}
	mdb_txn_abort(txn->mdb);
	txn->mdb = NULL;
	txn->active = false;
	tview_handle_forget(store);
	tview_mutex_unlock(&store->ring->write_mutex);
}

/*
 * Sums what was committed, under the write lock.  Nobody can read what has no
 * sums: where that fails, the epoch is over.
 */
static TviewStoreStatus
sum_commit(TviewStore *store)
{
	int rc = tview_pages_publish(store, &store->write.roots);

	if (rc == 0 &&
		atomic_load_explicit(&store->ring->sync, memory_order_relaxed) != 0)
		rc = tview_pages_flush(store);
	if (rc == 0)
		return TVIEW_STORE_OK;
	tview_control_reset_epoch(store, store->entered,
							  rc == MDB_CORRUPTED
								  ? "store is damaged (a changed page)"
								  : "pages could not be summed");
	return tview_env_status(store, rc);
}

/* Commits; see store.h. */
TviewStoreStatus
tview_write_commit(TviewTxn *txn)
{
	TviewStore *store = txn->store;
	TviewStoreStatus summed;
	int rc = 0;

	if (tview_store_is_forked(store))
		return TVIEW_STORE_RESET;
	close_cursors(txn);
	if (!txn->active)
		return txn->failed != TVIEW_STORE_OK
			? txn->failed
			: tview_control_status(store, EINVAL);
	/* what the rows rest on must not be younger on disk than they are */
	if (atomic_load_explicit(&store->ring->sync, memory_order_relaxed) != 0)
		rc = tview_ring_flush_header(store);
	if (rc != 0)
	{
		tview_txn_abort_write(txn);
		return tview_control_status(store, rc);
	}
	rc = mdb_txn_commit(txn->mdb);
	txn->mdb = NULL;
	if (rc == 0)
	{
		tview_handle_publish(store);
		tview_env_note_size(store);
	}
	else
		tview_handle_forget(store);
	summed = rc == 0 ? sum_commit(store) : TVIEW_STORE_OK;
	txn->active = false;
	tview_mutex_unlock(&store->ring->write_mutex);
	if (rc != 0)
		return tview_env_status(store, rc);
	if (summed != TVIEW_STORE_OK)
		return summed;
	return tview_store_is_current(store) ? TVIEW_STORE_OK : TVIEW_STORE_RESET;
}

/* Aborts the write transaction; nothing when it has ended. */
void
tview_write_abort(TviewTxn *txn)
{
	if (tview_store_is_forked(txn->store))
		return;
	close_cursors(txn);
	if (txn->active)
		tview_txn_abort_write(txn);
	txn->failed = TVIEW_STORE_OK;
}
