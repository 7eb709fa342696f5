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

#include "store/checksum.h"
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
	store->sums = (uint32_t *) (store->records + ring->capacity);
	store->capacity = ring->capacity;
	store->entered = epoch;
	tview_fault_arm(store);
}

/* Size of a ring's file. */
static size_t
size_of(uint64_t capacity)
{
	return TVIEW_RING_HEADER +
		(size_t) capacity * (sizeof(TviewMark) + sizeof(uint32_t));
}

/* Sums the fixed part of the header. */
static uint32_t
sum_of(const TviewRing *ring)
{
	return tview_checksum(0, ring, offsetof(TviewRing, sum));
}

/* Gives the fixed part of the header its sum, after a change. */
void
tview_ring_seal(TviewRing *ring)
{
	ring->sum = sum_of(ring);
}

/* Verifies a sealed word and remembers it where it belongs. */
uint64_t
tview_ring_open_word(TviewStore *store, uint64_t sealed, uint64_t otherwise,
					 unsigned place)
{
	uint64_t value;

	if (tview_checksum_open(sealed, &value))
	{
		store->right[place] = value == UINT64_MAX ? 0 : sealed;
		return value;
	}
	tview_control_reset_epoch(store, store->entered,
							  "store is damaged (the mark log's header)");
	return otherwise;
}

/* Creates and maps the ring of an epoch that is not published yet. */
int
tview_ring_create(TviewStore *store, uint64_t epoch,
				  const TviewStoreConfig *config)
{
	char path[PATH_MAX];
	uint64_t capacity = capacity_of(config->mark_log_size);
	size_t size = size_of(capacity);
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
	atomic_init(&ring->map_size, tview_checksum_seal(config->map_size));
	atomic_init(&ring->head, tview_checksum_seal(0));
	atomic_init(&ring->tail, tview_checksum_seal(0));
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
	uint64_t tail;
	uint64_t head;

	/* in this order: both may be moving on */
	return tview_checksum_open(atomic_load(&ring->head), &head) &&
		tview_checksum_open(atomic_load(&ring->tail), &tail) &&
		ring->sum == sum_of(ring) &&
		memcmp(ring->magic, TVIEW_RING_MAGIC, sizeof(ring->magic)) == 0 &&
		ring->version == TVIEW_STORE_VERSION && ring->epoch == epoch &&
		ring->capacity <= size && size == size_of(ring->capacity) &&
		ring->page_size == (uint64_t) sysconf(_SC_PAGESIZE) && head <= tail;
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
	tview_ring_seal(ring);
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
	tview_fault_disarm(store);
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
