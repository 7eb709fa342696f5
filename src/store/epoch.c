/*
 * epoch.c
 *		Lives of the contents: creating one, entering the present one, and the
 *		words that belong to it.
 *
 * A new epoch's files are complete before its number is published, and the
 * files of old ones are removed only while no number is published.  Whoever
 * opens files by a number therefore reads the number again afterwards: when it
 * is still the same, these were the epoch's files.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/checksum.h"
#include "store/stop.h"
#include "store/store_private.h"

/*
 * Writes the path of an epoch's file, or of its directory (file NULL), into
 * path[PATH_MAX].
 */
void
tview_epoch_path(const TviewStore *store, uint64_t epoch, const char *file,
				 char *path)
{
	/* attach has made sure that it fits */
	snprintf(path, PATH_MAX, "%s/e%" PRIu64 "%s%s", store->dir, epoch,
			 file != NULL ? "/" : "", file != NULL ? file : "");
}

/* A configured map size as LMDB wants it. */
static uint64_t
round_map_size(uint64_t size)
{
	uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE);
	uint64_t least = 16 * page;

	return size <= least ? least : (size + page - 1) / page * page;
}

/* Aborts the transactions and closes what belongs to the entered epoch. */
void
tview_epoch_leave(TviewStore *store)
{
	tview_write_abort(&store->write);
	tview_read_end(&store->read);
	if (store->read.mdb != NULL)
		mdb_txn_abort(store->read.mdb);
	store->read.mdb = NULL;
	tview_env_close(store);
	tview_ring_close(store);
}

/* Makes the files of epoch number epoch and opens them in this process. */
static TviewStoreStatus
create_epoch(TviewStore *store, uint64_t epoch, const TviewStoreConfig *config)
{
	TviewStoreConfig rounded = *config;
	char path[PATH_MAX];
	TviewStoreStatus status;
	int rc;

	rounded.map_size = round_map_size(config->map_size);
	tview_epoch_path(store, epoch, NULL, path);
	if (mkdir(path, 0700) != 0)
		return tview_control_status(store, errno);
	rc = tview_ring_create(store, epoch, &rounded);
	if (rc != 0)
		return tview_control_status(store, rc);
	status = tview_env_open(store, true);
	if (status == TVIEW_STORE_OK)
		tview_ring_seal(store->ring);
	if (status != TVIEW_STORE_OK || !config->sync)
		return status;
	rc = tview_ring_flush_header(store);
	if (rc == 0)
		rc = tview_pages_flush(store);
	if (rc == 0)
		rc = tview_file_sync_directory(path);
	if (rc == 0)
		rc = tview_file_sync_directory(store->dir);
	return tview_control_status(store, rc);
}

/* Does tview_store_revive's work under the flock. */
static TviewStoreStatus
revive_locked(TviewStore *store, const TviewStoreConfig *config)
{
	TviewStoreStatus status;
	char name[32];
	uint64_t none = 0;
	uint64_t epoch;

	/* under another control file's name these directories are not ours */
	if (!tview_store_is_linked(store))
		return TVIEW_STORE_RESET;
	if (tview_store_epoch(store) != 0)
		return TVIEW_STORE_OK;
	tview_epoch_leave(store);
	(void) tview_file_remove_leftovers(store->dir);
	epoch = atomic_fetch_add(&store->control->last_epoch, 1) + 1;
	status = create_epoch(store, epoch, config);
	if (status != TVIEW_STORE_OK)
	{
		tview_epoch_leave(store);
		snprintf(name, sizeof(name), "e%" PRIu64, epoch);
		(void) tview_file_remove_epoch(store->dir, name);
		return status;
	}
	TVIEW_STOP("revive.files");
	/* others can only have stored 0 again */
	atomic_compare_exchange_strong(&store->control->epoch, &none, epoch);
	return TVIEW_STORE_OK;
}

/* Creates an epoch when there is none; see store.h. */
TviewStoreStatus
tview_store_revive(TviewStore *store, const TviewStoreConfig *config)
{
	TviewStoreStatus status;
	int lock;
	int rc;

	if (tview_store_is_forked(store) || !tview_store_is_linked(store))
		return TVIEW_STORE_RESET;
	if (tview_store_epoch(store) != 0)
		return TVIEW_STORE_OK;
	if (store->read.active || store->write.active)
		return TVIEW_STORE_BUSY;
	rc = tview_file_lock(store->dir, 0, &lock);
	if (rc != 0)
		return rc == ENOENT ? TVIEW_STORE_RESET
							: tview_control_status(store, rc);
	status = revive_locked(store, config);
	tview_file_unlock(lock);
	return status;
}

/* Enters the ring of the published epoch, leaving any other. */
TviewStoreStatus
tview_store_enter_log(TviewStore *store, uint64_t *epoch)
{
	/* a second round when the epoch changed under the first */
	for (int round = 0; round < 3; round++)
	{
		uint64_t present = tview_store_epoch(store);
		TviewStoreStatus status;

		if (present == 0)
			return TVIEW_STORE_RESET;
		*epoch = present;
		if (store->entered == present)
			return TVIEW_STORE_OK;
		if (store->read.active || store->write.active)
			return TVIEW_STORE_BUSY;
		tview_epoch_leave(store);
		status = tview_ring_open(store, present);
		if (tview_store_epoch(store) == present)
			return status;
		tview_epoch_leave(store);
	}
	return TVIEW_STORE_RESET;
}

/* Raises a sealed word; UINT64_MAX ("not yet known") is replaced. */
static void
raise_sealed(TviewStore *store, _Atomic uint64_t *word, uint64_t value)
{
	uint64_t sealed = atomic_load(word);
	uint64_t old;

	do
	{
		if (!tview_checksum_open(sealed, &old))
		{
			(void) tview_ring_word(store, word, 0);
			return;
		}
		if (old != UINT64_MAX && old >= value)
			return;
	} while (!atomic_compare_exchange_weak(word, &sealed,
										   tview_checksum_seal(value)));
}

/* Adopts what may change in an epoch's life: a larger map, and sync. */
static TviewStoreStatus
adopt_options(TviewStore *store, const TviewStoreConfig *config)
{
	TviewRing *ring = store->ring;
	uint64_t size = tview_ring_word(store, &ring->map_size, 0);

	if (config != NULL)
	{
		uint64_t wanted =
			config->map_size == 0 ? size : round_map_size(config->map_size);

		if ((config->mark_log_size != 0 &&
			 config->mark_log_size != ring->mark_log_size) ||
			wanted < size)
		{
			tview_control_reset_epoch(store, store->entered, "options changed");
			return TVIEW_STORE_RESET;
		}
		raise_sealed(store, &ring->map_size, wanted);
		size = tview_ring_word(store, &ring->map_size, 0);
		if ((atomic_load_explicit(&ring->sync, memory_order_relaxed) != 0) !=
			config->sync)
			atomic_store(&ring->sync, config->sync);
		if (store->env_sync != config->sync)
		{
			store->env_sync = config->sync;
			(void) mdb_env_set_flags(store->env, MDB_NOSYNC, !config->sync);
		}
	}
	/* with a transaction open the larger map can wait */
	if (store->env_map_size < size && !store->read.active &&
		!store->write.active)
		return tview_env_resize(store, size);
	if (config != NULL && store->env_map_size >= size)
	{
		store->adopted = *config;
		store->adopted_size = tview_checksum_seal(size);
	}
	return TVIEW_STORE_OK;
}

/* True when these options have been adopted, and no others since. */
static inline bool
is_adopted(const TviewStore *store, const TviewStoreConfig *config)
{
	const TviewRing *ring = store->ring;

	return config != NULL && store->adopted_size != 0 &&
		store->adopted_size ==
		atomic_load_explicit(&ring->map_size, memory_order_relaxed) &&
		(atomic_load_explicit(&ring->sync, memory_order_relaxed) != 0) ==
		config->sync &&
		store->adopted.sync == config->sync &&
		store->adopted.map_size == config->map_size &&
		store->adopted.mark_log_size == config->mark_log_size;
}

/* Enters the published epoch with its environment; see store.h. */
TviewStoreStatus
tview_store_enter(TviewStore *store, const TviewStoreConfig *config,
				  uint64_t *epoch)
{
	TviewStoreStatus status = tview_store_enter_log(store, epoch);

	if (status != TVIEW_STORE_OK)
		return status;
	if (store->env == NULL)
	{
		status = tview_env_open(store, false);
		if (!tview_store_is_current(store))
		{
			tview_epoch_leave(store);
			return TVIEW_STORE_RESET;
		}
		if (status != TVIEW_STORE_OK)
			return status;
	}
	return is_adopted(store, config) ? TVIEW_STORE_OK
									 : adopt_options(store, config);
}

/* The entered epoch's floor; UINT64_MAX before one is entered. */
uint64_t
tview_store_floor(TviewStore *store)
{
	return store->ring != NULL
		? tview_ring_word(store, &store->ring->floor, UINT64_MAX)
		: UINT64_MAX;
}

/* Raises the entered epoch's floor, or gives it its first value. */
void
tview_store_set_floor(TviewStore *store, uint64_t xid)
{
	if (store->ring != NULL)
		raise_sealed(store, &store->ring->floor, xid);
}

/* The WAL position noted for the floor; 0 when none is. */
uint64_t
tview_store_floor_lsn(TviewStore *store)
{
	return store->ring != NULL ? atomic_load(&store->ring->floor_lsn) : 0;
}

/* Notes a WAL position for the floor. */
void
tview_store_set_floor_lsn(TviewStore *store, uint64_t lsn)
{
	if (store->ring != NULL)
		atomic_store(&store->ring->floor_lsn, lsn);
}

/* True once the noted WAL position is known to be flushed. */
bool
tview_store_floor_is_flushed(TviewStore *store)
{
	return store->ring != NULL &&
		atomic_load_explicit(&store->ring->floor_flushed,
							 memory_order_acquire) == tview_checksum_seal(1);
}

/* Says that the noted WAL position is flushed. */
void
tview_store_set_floor_flushed(TviewStore *store)
{
	if (store->ring != NULL)
		atomic_store(&store->ring->floor_flushed, tview_checksum_seal(1));
}

/* The WAL that the entered epoch's contents rest on. */
uint64_t
tview_store_wal(TviewStore *store)
{
	return store->ring != NULL
		? atomic_load_explicit(&store->ring->wal, memory_order_acquire)
		: 0;
}

/* Raises the WAL position that the contents rest on. */
void
tview_store_note_wal(TviewStore *store, uint64_t lsn)
{
	uint64_t old;

	if (store->ring == NULL)
		return;
	old = atomic_load_explicit(&store->ring->wal, memory_order_relaxed);
	while (old < lsn &&
		   !atomic_compare_exchange_weak(&store->ring->wal, &old, lsn))
		;
}
