/*
 * ring.c
 *		The file "marks" of an epoch: creating, checking, mapping.
 *
 * Besides the records it holds what else belongs to that one epoch: floor,
 * locks, and what is known about the LMDB files beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"

/* Records that a ring of the configured size holds. */
static uint64_t
capacity_of(uint64_t mark_log_size)
{
	uint64_t records = mark_log_size / sizeof(TviewMark);

	return records > TVIEW_RING_MIN_RECORDS ? records : TVIEW_RING_MIN_RECORDS;
}

/* Initialises the locks, and notes the boot in which that was done. */
static int
init_locks(TviewRing *ring)
{
	int rc = tview_mutex_init(&ring->append_mutex);

	if (rc == 0)
		rc = tview_mutex_init(&ring->settle_mutex);
	if (rc == 0)
		rc = tview_mutex_init(&ring->write_mutex);
	memset(ring->boot_id, 0, sizeof(ring->boot_id));
	strncpy(ring->boot_id, tview_file_boot_id(), sizeof(ring->boot_id) - 1);
	return rc;
}

/* Points the handle to a mapped ring. */
static void
install(TviewStore *store, TviewRing *ring, size_t size, uint64_t epoch)
{
	store->ring = ring;
	store->ring_size = size;
	store->records = (TviewMark *) ((char *) ring + TVIEW_RING_HEADER);
	store->capacity = ring->capacity;
	store->entered = epoch;
}

/* Creates and maps the ring of an epoch that is not published yet. */
int
tview_ring_create(TviewStore *store, uint64_t epoch,
				  const TviewStoreConfig *config)
{
	char path[PATH_MAX];
	uint64_t capacity = capacity_of(config->mark_log_size);
	size_t size = TVIEW_RING_HEADER + capacity * sizeof(TviewMark);
	void *address;
	TviewRing *ring;
	int fd;
	int rc;

	tview_epoch_path(store, epoch, "marks", path);
	rc = tview_file_create(path, size, &fd);
	if (rc != 0)
		return rc;
	rc = tview_file_map(fd, size, &address);
	close(fd);
	if (rc != 0)
		return rc;
	ring = address;
	memcpy(ring->magic, TVIEW_RING_MAGIC, sizeof(ring->magic));
	ring->version = TVIEW_STORE_VERSION;
	ring->max_readers = config->max_readers;
	ring->epoch = epoch;
	ring->capacity = capacity;
	ring->mark_log_size = config->mark_log_size;
	ring->page_size = (uint64_t) sysconf(_SC_PAGESIZE);
	atomic_init(&ring->map_size, config->map_size);
	atomic_init(&ring->sync, config->sync);
	atomic_init(&ring->floor, UINT64_MAX);
	rc = init_locks(ring);
	if (rc != 0)
	{
		munmap(address, size);
		return rc;
	}
	install(store, ring, size, epoch);
	return 0;
}

/* True when a mapped file of that size is the epoch's ring. */
static bool
is_valid(const TviewRing *ring, size_t size, uint64_t epoch)
{
	uint64_t head = atomic_load(&ring->head);
	uint64_t tail = atomic_load(&ring->tail);

	return memcmp(ring->magic, TVIEW_RING_MAGIC, sizeof(ring->magic)) == 0 &&
		ring->version == TVIEW_STORE_VERSION && ring->epoch == epoch &&
		ring->capacity == (size - TVIEW_RING_HEADER) / sizeof(TviewMark) &&
		ring->page_size == (uint64_t) sysconf(_SC_PAGESIZE) && head <= tail &&
		tail - head <= ring->capacity;
}

/*
 * Makes the locks usable in this boot: a store that outlives a power failure
 * may hold locks whose owners nobody declared dead.  Nobody uses a ring of
 * another boot before it went through here.
 */
static int
adopt_locks(TviewStore *store, TviewRing *ring)
{
	int lock;
	int rc;

	if (strncmp(ring->boot_id, tview_file_boot_id(), sizeof(ring->boot_id)) ==
		0)
		return 0;
	rc = tview_file_lock(store->dir, TVIEW_FILE_LOCK_MS, &lock);
	if (rc != 0)
		return rc;
	if (strncmp(ring->boot_id, tview_file_boot_id(), sizeof(ring->boot_id)) !=
		0)
		rc = init_locks(ring);
	tview_file_unlock(lock);
	return rc;
}

/*
 * Maps the ring of a published epoch.  CORRUPT when it is missing or not what
 * it should be.
 */
TviewStoreStatus
tview_ring_open(TviewStore *store, uint64_t epoch)
{
	char path[PATH_MAX];
	struct stat status;
	void *address = NULL;
	int fd;
	int rc = 0;

	tview_epoch_path(store, epoch, "marks", path);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
	{
		TviewStoreStatus result = tview_control_status(store, errno);

		return store->error == ENOENT || store->error == ELOOP
			? TVIEW_STORE_CORRUPT
			: result;
	}
	if (fstat(fd, &status) != 0)
		rc = errno;
	else if ((size_t) status.st_size > TVIEW_RING_HEADER)
		rc = tview_file_map(fd, (size_t) status.st_size, &address);
	close(fd);
	if (rc != 0)
		return tview_control_status(store, rc);
	if (address == NULL || !is_valid(address, (size_t) status.st_size, epoch))
	{
		if (address != NULL)
			munmap(address, (size_t) status.st_size);
		return TVIEW_STORE_CORRUPT;
	}
	rc = adopt_locks(store, address);
	if (rc != 0)
	{
		munmap(address, (size_t) status.st_size);
		return tview_control_status(store, rc);
	}
	install(store, address, (size_t) status.st_size, epoch);
	return TVIEW_STORE_OK;
}

/*
 * Unmaps the ring; gives the settle lock back, which must not be held in
 * unmapped memory.
 */
void
tview_ring_close(TviewStore *store)
{
	if (store->ring == NULL)
		return;
	tview_log_unlock_settle(store);
	munmap(store->ring, store->ring_size);
	store->ring = NULL;
	store->records = NULL;
	store->capacity = 0;
	store->entered = 0;
}

/* Puts the header on disk. */
int
tview_ring_flush_header(TviewStore *store)
{
	return msync(store->ring, TVIEW_RING_HEADER, MS_SYNC) == 0 ? 0 : errno;
}
