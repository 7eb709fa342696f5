/*
 * log.c
 *		The mark log: appending, reading, trimming, and the settle lock.
 *
 * Record number p stands in slot p % capacity.  [head, tail) is what counts;
 * both only grow, under append_mutex.  Writers fill slots and then move tail;
 * a slot is filled again only after head has passed it.  Readers take no lock:
 * they copy, and then make sure that head has not passed what they copied.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/stop.h"
#include "store/store_private.h"

/* Position of the oldest record; 0 before an epoch is entered. */
uint64_t
tview_log_head(TviewStore *store)
{
	return store->ring != NULL
		? atomic_load_explicit(&store->ring->head, memory_order_acquire)
		: 0;
}

/* Position after the newest record; 0 before an epoch is entered. */
uint64_t
tview_log_tail(TviewStore *store)
{
	return store->ring != NULL
		? atomic_load_explicit(&store->ring->tail, memory_order_acquire)
		: 0;
}

/* Records that the entered epoch's ring holds. */
uint64_t
tview_log_capacity(TviewStore *store)
{
	return store->capacity;
}

/* Takes the append lock of the entered epoch, or resets that epoch. */
static TviewStoreStatus
lock_log(TviewStore *store)
{
	int rc;

	if (!tview_store_is_current(store))
		return TVIEW_STORE_RESET;
	rc = tview_mutex_trylock(&store->ring->append_mutex);
	if (rc == EBUSY)
		rc = tview_mutex_lock(&store->ring->append_mutex,
							  atomic_load(&store->ring->sync) != 0
								  ? TVIEW_LOG_SYNC_LOCK_MS
								  : TVIEW_LOG_LOCK_MS);
	if (rc == 0)
		return TVIEW_STORE_OK;
	(void) tview_control_status(store, rc);
	tview_control_reset_epoch(store, store->entered,
							  "mark log lock not released");
	return TVIEW_STORE_RESET;
}

/* Copies records into the ring's slots from position on. */
static void
fill_slots(TviewStore *store, uint64_t position, const TviewMark *marks,
		   size_t n)
{
	uint64_t slot = position % store->capacity;
	size_t first =
		n < store->capacity - slot ? n : (size_t) (store->capacity - slot);

	memcpy(store->records + slot, marks, first * sizeof(TviewMark));
	if (first < n)
		memcpy(store->records, marks + first, (n - first) * sizeof(TviewMark));
}

/*
 * Puts the pages of records [slot, slot + n) on disk; slots do not wrap here.
 */
static int
flush_slots(TviewStore *store, uint64_t slot, size_t n)
{
	size_t page = (size_t) store->ring->page_size;
	size_t begin = TVIEW_RING_HEADER + (size_t) slot * sizeof(TviewMark);
	size_t end = begin + n * sizeof(TviewMark);

	begin -= begin % page;
	return msync((char *) store->ring + begin, end - begin, MS_SYNC) == 0
		? 0
		: errno;
}

/*
 * Adds records at the tail.  The caller holds the lock and has made sure of
 * the room.  With sync they are on disk before the tail that counts them can
 * be, and the tail is before this returns.
 */
static int
push(TviewStore *store, const TviewMark *marks, size_t n)
{
	TviewRing *ring = store->ring;
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	bool sync = atomic_load_explicit(&ring->sync, memory_order_relaxed) != 0;
	int rc = 0;

	/*
	 * a reader that sees a new record in an old slot must see the head that
	 * allowed it
	 */
	atomic_thread_fence(memory_order_release);
	fill_slots(store, tail, marks, n);
	TVIEW_STOP("log.append");
	if (sync)
	{
		uint64_t slot = tail % store->capacity;
		size_t first =
			n < store->capacity - slot ? n : (size_t) (store->capacity - slot);

		rc = flush_slots(store, slot, first);
		if (rc == 0 && first < n)
			rc = flush_slots(store, 0, n - first);
		if (rc != 0)
			return rc;
	}
	atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
	return sync ? tview_ring_flush_header(store) : 0;
}

/* Free slots; none when head and tail are impossible.  Under the lock. */
static uint64_t
room_of(const TviewStore *store)
{
	uint64_t head =
		atomic_load_explicit(&store->ring->head, memory_order_relaxed);
	uint64_t tail =
		atomic_load_explicit(&store->ring->tail, memory_order_relaxed);

	return tail - head <= store->capacity ? store->capacity - (tail - head) : 0;
}

/* Appends, all or none; see store.h. */
TviewStoreStatus
tview_log_append(TviewStore *store, const TviewMark *marks, size_t n)
{
	TviewStoreStatus status;
	int rc = 0;

	if (n == 0)
		return tview_store_is_current(store) ? TVIEW_STORE_OK
											 : TVIEW_STORE_RESET;
	status = lock_log(store);
	if (status != TVIEW_STORE_OK)
		return status;
	if (n > room_of(store))
		status = TVIEW_STORE_LOG_FULL;
	else
		rc = push(store, marks, n);
	tview_mutex_unlock(&store->ring->append_mutex);
	if (rc != 0)
	{
		(void) tview_control_status(store, rc);
		tview_control_reset_epoch(store, store->entered,
								  "mark log could not be written");
	}
	/* what was added to a dead epoch is nowhere */
	atomic_thread_fence(memory_order_seq_cst);
	return tview_store_is_current(store) ? status : TVIEW_STORE_RESET;
}

/* Copies n records out of the ring; see store.h. */
TviewStoreStatus
tview_log_read(TviewStore *store, uint64_t from, size_t n, TviewMark *out)
{
	uint64_t slot;
	size_t first;

	if (!tview_store_is_current(store))
		return TVIEW_STORE_RESET;
	if (from + n > tview_log_tail(store))
		return tview_control_status(store, EINVAL);
	if (from < tview_log_head(store))
		return TVIEW_STORE_RESET;
	if (n == 0)
		return TVIEW_STORE_OK;
	TVIEW_STOP("log.read");
	slot = from % store->capacity;
	first = n < store->capacity - slot ? n : (size_t) (store->capacity - slot);
	memcpy(out, store->records + slot, first * sizeof(TviewMark));
	if (first < n)
		memcpy(out + first, store->records, (n - first) * sizeof(TviewMark));
	/* slots are filled again only after head has passed them */
	atomic_thread_fence(memory_order_acquire);
	return from < tview_log_head(store) ? TVIEW_STORE_RESET : TVIEW_STORE_OK;
}

/* Moves head, after re-appending what must live on; see store.h. */
TviewStoreStatus
tview_log_trim(TviewStore *store, uint64_t newhead, const TviewMark *keep,
			   size_t nkeep)
{
	TviewStoreStatus status = lock_log(store);
	TviewRing *ring = store->ring;
	int rc = 0;

	if (status != TVIEW_STORE_OK)
		return status;
	if (newhead > atomic_load_explicit(&ring->tail, memory_order_relaxed))
		rc = EINVAL;
	else if (newhead > atomic_load_explicit(&ring->head, memory_order_relaxed))
	{
		if (nkeep > room_of(store))
			status = TVIEW_STORE_LOG_FULL;
		else if (nkeep > 0)
			rc = push(store, keep, nkeep);
		TVIEW_STOP("log.keep");
		if (status == TVIEW_STORE_OK && rc == 0)
			atomic_store_explicit(&ring->head, newhead, memory_order_release);
	}
	tview_mutex_unlock(&ring->append_mutex);
	if (rc != 0)
	{
		status = tview_control_status(store, rc);
		if (rc != EINVAL)
			tview_control_reset_epoch(store, store->entered,
									  "mark log could not be written");
	}
	return tview_store_is_current(store) ? status : TVIEW_STORE_RESET;
}

/*
 * Makes this process the settler of the entered epoch; BUSY when there is one.
 */
TviewStoreStatus
tview_log_trylock_settle(TviewStore *store)
{
	int rc;

	if (!tview_store_is_current(store))
		return TVIEW_STORE_RESET;
	if (store->settle_is_held)
		return TVIEW_STORE_BUSY;
	rc = tview_mutex_trylock(&store->ring->settle_mutex);
	if (rc == 0)
		store->settle_is_held = true;
	return tview_control_status(store, rc);
}

/* Gives the settle lock back; nothing when this process does not hold it. */
void
tview_log_unlock_settle(TviewStore *store)
{
	if (!store->settle_is_held || tview_store_is_forked(store))
		return;
	store->settle_is_held = false;
	tview_mutex_unlock(&store->ring->settle_mutex);
}
