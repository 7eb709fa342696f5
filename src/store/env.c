/*
 * env.c
 *		The LMDB environment of the entered epoch: opening, checking, resizing,
 *		closing, and LMDB's codes.
 *
 * One environment per process at a time.  Never MDB_WRITEMAP: the map stays
 * read-only, so stray writes cannot damage it and a full disk is an error
 * code.  MDB_NORDAHEAD is not used: stores mostly fit in memory, and a scan
 * profits from reading ahead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_private.h"

/* A disk with less room than this, in bytes, is full. */
#define FULL_DISK (1024 * 1024)

/* True when the file system of the entered epoch has hardly any room left. */
static bool
disk_is_full(TviewStore *store)
{
	struct statvfs room;
	int fd;

	return store->env != NULL && mdb_env_get_fd(store->env, &fd) == 0 &&
		fstatvfs(fd, &room) == 0 && room.f_bavail * room.f_frsize < FULL_DISK;
}

/* Turns an LMDB code or an errno that LMDB returned into a status. */
TviewStoreStatus
tview_env_status(TviewStore *store, int rc)
{
	switch (rc)
	{
		case MDB_NOTFOUND:
			return TVIEW_STORE_NOTFOUND;
		case MDB_KEYEXIST:
			return TVIEW_STORE_EXISTS;
		case MDB_MAP_FULL:
		case MDB_TXN_FULL:
		case MDB_DBS_FULL:
			return TVIEW_STORE_MAP_FULL;
		case MDB_READERS_FULL:
			return TVIEW_STORE_READERS_FULL;
		case MDB_MAP_RESIZED:
			return TVIEW_STORE_BUSY;
		case EIO: /* also what LMDB calls a short write */
			return tview_control_status(store,
										disk_is_full(store) ? ENOSPC : EIO);
		case MDB_BAD_VALSIZE:
			return tview_control_status(store, EINVAL);
		case EINVAL: /* what a destroyed mutex answers; we never cause it */
		case EOWNERDEAD:
		case ENOTRECOVERABLE:
		case ENOENT:
			(void) tview_control_status(store, rc);
			return TVIEW_STORE_CORRUPT;
		default:
			break;
	}
	if (rc < 0)
		return TVIEW_STORE_CORRUPT;
	return tview_control_status(store, rc);
}

/*
 * Resets the store before LMDB aborts the process: the next one must not meet
 * the same page.
 */
static void
reset_on_assertion(MDB_env *env, const char *message)
{
	TviewStore *store = mdb_env_get_userctx(env);

	if (store != NULL)
		tview_control_reset_epoch(store, store->entered, message);
}

/*
 * True where mdb_env_close destroys mutexes that another process may be about
 * to use (ITS#10095).
 */
static bool
close_is_harmful(void)
{
	int major;
	int minor;
	int patch;

	(void) mdb_version(&major, &minor, &patch);
	return major == 0 && minor == 9 && patch >= 26 && patch <= 31;
}

/* Fills in the inode of a file of the entered epoch, and its size. */
static int
stat_file(const TviewStore *store, const char *name, uint64_t *inode,
		  uint64_t *size)
{
	char path[PATH_MAX];
	struct stat status;

	tview_epoch_path(store, store->entered, name, path);
	if (stat(path, &status) != 0)
		return errno;
	*inode = (uint64_t) status.st_ino;
	*size = (uint64_t) status.st_size;
	return 0;
}

/*
 * True when the LMDB files are those that the epoch was made with and none is
 * shorter than it was: LMDB would take a missing or empty file for a new
 * environment, and a truncated one is a SIGBUS.
 */
static bool
files_are_whole(const TviewStore *store)
{
	uint64_t inode = 0;
	uint64_t size = 0;
	/* before the file is looked at: another process may be making it larger */
	uint64_t known = atomic_load(&store->ring->data_size);

	if (stat_file(store, "data.mdb", &inode, &size) != 0 ||
		inode != store->ring->data_inode || size < known)
		return false;
	return stat_file(store, "lock.mdb", &inode, &size) == 0 &&
		inode == store->ring->lock_inode && size >= store->ring->lock_size;
}

/* Remembers what files_are_whole will ask for. */
static int
note_files(TviewStore *store)
{
	uint64_t size;
	int rc = stat_file(store, "data.mdb", &store->ring->data_inode, &size);

	if (rc == 0)
		atomic_store(&store->ring->data_size, size);
	if (rc == 0)
		rc = stat_file(store, "lock.mdb", &store->ring->lock_inode,
					   &store->ring->lock_size);
	return rc;
}

/*
 * Raises the size that data.mdb is known to have; called after commits.  The
 * file is asked only where the commit may have made it larger.
 */
void
tview_env_note_size(TviewStore *store)
{
	_Atomic uint64_t *known = &store->ring->data_size;
	uint64_t old = atomic_load_explicit(known, memory_order_relaxed);
	struct stat status;
	mdb_filehandle_t fd;
	MDB_envinfo info;

	if (mdb_env_info(store->env, &info) != 0 ||
		((uint64_t) info.me_last_pgno + 1) * store->pages->page_size <= old)
		return;
	if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &status) != 0)
		return;
	while (
		old < (uint64_t) status.st_size &&
		!atomic_compare_exchange_weak(known, &old, (uint64_t) status.st_size))
		;
}

/* Creates and configures store->env and opens it; returns an LMDB code. */
static int
open_env(TviewStore *store)
{
	char path[PATH_MAX];
	unsigned flags = MDB_NOTLS;
	MDB_envinfo info = {0};
	MDB_txn *mdb;
	int rc;

	tview_epoch_path(store, store->entered, NULL, path);
	store->env_sync = atomic_load(&store->ring->sync) != 0;
	if (!store->env_sync)
		flags |= MDB_NOSYNC;
	rc = mdb_env_create(&store->env);
	if (rc != 0)
	{
		store->env = NULL;
		return rc;
	}
	(void) mdb_env_set_userctx(store->env, store);
	(void) mdb_env_set_assert(store->env, reset_on_assertion);
	rc = mdb_env_set_mapsize(
		store->env, tview_ring_word(store, &store->ring->map_size, 0));
	if (rc == 0)
		rc = mdb_env_set_maxdbs(store->env, TVIEW_MAX_DATABASES);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(store->env, store->ring->max_readers);
	if (rc == 0)
		rc = mdb_env_open(store->env, path, flags, 0600);
	if (rc == 0)
		rc = mdb_env_info(store->env, &info);
	if (rc == 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb);
	if (rc == MDB_READERS_FULL && mdb_reader_check(store->env, NULL) == 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb);
	if (rc == 0)
	{
		store->env_map_size = info.me_mapsize;
		store->checked_page = 0;
		rc = mdb_dbi_open(mdb, NULL, 0, &store->main_dbi);
		mdb_txn_abort(mdb);
	}
	if (rc != 0)
	{
		mdb_env_close(store->env);
		store->env = NULL;
	}
	return rc;
}

/*
 * Opens the environment of the entered epoch.  create: its directory is new
 * and nobody else knows it.  CORRUPT when the files are not the epoch's.
 */
TviewStoreStatus
tview_env_open(TviewStore *store, bool create)
{
	int rc;

	if (!create && !files_are_whole(store))
		return TVIEW_STORE_CORRUPT;
	store->handles = calloc(1, sizeof(TviewHandles));
	if (store->handles == NULL)
		return tview_control_status(store, ENOMEM);
	store->in_lmdb = true;
	rc = open_env(store);
	store->in_lmdb = false;
	if (rc == 0)
		rc = tview_pages_open(store, create);
	if (rc == 0 && create)
		rc = note_files(store);
	if (rc == 0)
	{
		/* the names may have changed hands while LMDB opened them */
		if (create || files_are_whole(store))
			return TVIEW_STORE_OK;
		rc = MDB_CORRUPTED;
	}
	tview_env_close(store);
	return tview_env_status(store, rc);
}

/*
 * Closes the environment; its transactions have ended.  Where closing is
 * harmful, that of a living epoch is left open until the process ends; that
 * of a dead one is closed, for nobody begins a transaction in it any more.
 */
void
tview_env_close(TviewStore *store)
{
	if (store->env != NULL)
	{
		bool is_alive = atomic_load(&store->control->epoch) == store->entered;

		if (is_alive && close_is_harmful())
			(void) mdb_env_set_userctx(store->env, NULL);
		else
			mdb_env_close(store->env);
	}
	store->env = NULL;
	store->adopted_size = 0;
	tview_pages_close(store);
	free(store->handles);
	store->handles = NULL;
}

/*
 * Maps size bytes, or with 0 as much as the last writer did.  Needs that no
 * transaction is open in this process: else BUSY.  When there is no address
 * space, LMDB is left without a map: the environment is closed then.
 */
TviewStoreStatus
tview_env_resize(TviewStore *store, uint64_t size)
{
	MDB_envinfo info;
	int rc;

	if (store->read.active || store->write.active)
		return TVIEW_STORE_BUSY;
	rc = mdb_env_set_mapsize(store->env, size);
	if (rc == 0)
		rc = mdb_env_info(store->env, &info);
	if (rc == 0)
	{
		store->env_map_size = info.me_mapsize;
		rc = tview_pages_open(store, false);
	}
	if (rc != 0)
	{
		mdb_txn_abort(store->read.mdb);
		store->read.mdb = NULL;
		tview_env_close(store);
		return tview_env_status(store, rc);
	}
	return TVIEW_STORE_OK;
}
