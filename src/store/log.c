/*
 * log.c
 *		The mark log: appending, reading, trimming, and the settle lock.
 *
 * Record number p stands in slot p % capacity.  [head, tail) is what counts;
 * both only grow, under append_mutex.  Writers fill slots and then move tail;
 * a slot is filled again only after head has passed it.  Readers take no lock:
 * they copy, and then make sure that head has not passed what they copied.
 *
 * Each record has a checksum of itself and its position: one that is damaged,
 * or of another position (because head or tail is), ends the epoch.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/checksum.h"
#include "store/stop.h"
#include "store/store_private.h"

/* Position of the oldest record; 0 before an epoch is entered. */
uint64_t
tview_log_head(TviewStore *store)
{
	return store->ring != NULL ? tview_ring_word(store, &store->ring->head, 0)
							   : 0;
}

/* Position after the newest record; 0 before an epoch is entered. */
uint64_t
tview_log_tail(TviewStore *store)
{
	return store->ring != NULL ? tview_ring_word(store, &store->ring->tail, 0)
							   : 0;
}

/* Records that the entered epoch's ring holds. */
uint64_t
tview_log_capacity(TviewStore *store)
{
	return store->capacity;
}

/* Records that stood there when this process appended last, or tried to. */
uint64_t
tview_log_used(TviewStore *store)
{
	return store->used;
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

/* What slot position % capacity must have as its checksum. */
static inline uint32_t
sum_of(uint64_t position, const TviewMark *mark)
{
	return tview_checksum(position, mark, sizeof(*mark));
}

/*
 * Copies records into the ring's slots from the position's on; first is how
 * many there are up to the ring's end.
 */
static void
fill_slots(TviewStore *store, uint64_t position, uint64_t slot, size_t first,
		   const TviewMark *marks, size_t n)
{
	memcpy(store->records + slot, marks, first * sizeof(TviewMark));
	if (first < n)
		memcpy(store->records, marks + first, (n - first) * sizeof(TviewMark));
	for (size_t i = 0; i < n; i++)
	{
		store->sums[slot] = sum_of(position + i, &marks[i]);
		slot = slot + 1 < store->capacity ? slot + 1 : 0;
	}
}

/* True when the records are those of the position, and undamaged. */
static bool
are_whole(const TviewStore *store, uint64_t position, const TviewMark *marks,
		  size_t n)
{
	uint64_t slot = position % store->capacity;

	for (size_t i = 0; i < n; i++)
	{
		if (store->sums[slot] != sum_of(position + i, &marks[i]))
			return false;
		slot = slot + 1 < store->capacity ? slot + 1 : 0;
	}
	return true;
}

/* Puts bytes [begin, end) of the file on disk. */
static int
flush_bytes(TviewStore *store, size_t begin, size_t end)
{
	size_t page = (size_t) store->ring->page_size;

	begin -= begin % page;
	return msync((char *) store->ring + begin, end - begin, MS_SYNC) == 0
		? 0
		: errno;
}

/*
 * Puts records [slot, slot + n) and their sums on disk; slots do not wrap here.
 */
static int
flush_slots(TviewStore *store, uint64_t slot, size_t n)
{
	size_t begin = TVIEW_RING_HEADER + (size_t) slot * sizeof(TviewMark);
	int rc = flush_bytes(store, begin, begin + n * sizeof(TviewMark));

	begin = TVIEW_RING_HEADER + store->capacity * sizeof(TviewMark) +
		(size_t) slot * sizeof(uint32_t);
	return rc == 0 ? flush_bytes(store, begin, begin + n * sizeof(uint32_t))
				   : rc;
}

/*
 * Adds records at the tail.  The caller holds the lock and has made sure of
 * the room.  With sync they are on disk before the tail that counts them can
 * be, and the tail is before this returns.
 */
static int
push(TviewStore *store, uint64_t tail, const TviewMark *marks, size_t n)
{
	TviewRing *ring = store->ring;
	bool sync = atomic_load_explicit(&ring->sync, memory_order_relaxed) != 0;
	uint64_t slot = tail % store->capacity;
	size_t first =
		n < store->capacity - slot ? n : (size_t) (store->capacity - slot);
	int rc = 0;

	/*
	 * a reader that sees a new record in an old slot must see the head that
	 * allowed it
	 */
	atomic_thread_fence(memory_order_release);
	fill_slots(store, tail, slot, first, marks, n);
	TVIEW_STOP("log.append");
	if (sync)
	{
		rc = flush_slots(store, slot, first);
		if (rc == 0 && first < n)
			rc = flush_slots(store, 0, n - first);
		if (rc != 0)
			return rc;
	}
	atomic_store_explicit(&ring->tail, tview_checksum_seal(tail + n),
						  memory_order_release);
	return sync ? tview_ring_flush_header(store) : 0;
}

/*
 * Free slots with that tail; none when head and tail are impossible.  Under
 * the lock.
 */
static uint64_t
room_of(TviewStore *store, uint64_t tail)
{
	uint64_t used = tail - tview_log_head(store);

	return used <= store->capacity ? store->capacity - used : 0;
}

/* Appends, all or none; see store.h. */
TviewStoreStatus
tview_log_append(TviewStore *store, const TviewMark *marks, size_t n)
{
	TviewStoreStatus status;
	uint64_t tail;
	uint64_t room;
	int rc = 0;

	if (n == 0)
		return tview_store_is_current(store) ? TVIEW_STORE_OK
											 : TVIEW_STORE_RESET;
	status = lock_log(store);
	if (status != TVIEW_STORE_OK)
		return status;
	tail = tview_log_tail(store);
	room = room_of(store, tail);
	store->used = store->capacity - room;
	if (n > room)
		status = TVIEW_STORE_LOG_FULL;
	else if (tview_store_is_current(store))
	{
		rc = push(store, tail, marks, n);
		store->used += n;
	}
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
	bool whole;

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
	whole = are_whole(store, from, out, n);
	atomic_thread_fence(memory_order_acquire);
	if (from < tview_log_head(store))
		return TVIEW_STORE_RESET;
	if (!whole)
		tview_control_reset_epoch(store, store->entered,
								  "store is damaged (a mark)");
	return whole ? TVIEW_STORE_OK : TVIEW_STORE_CORRUPT;
}

/* Moves head, after re-appending what must live on; see store.h. */
TviewStoreStatus
tview_log_trim(TviewStore *store, uint64_t newhead, const TviewMark *keep,
			   size_t nkeep)
{
	TviewStoreStatus status = lock_log(store);
	TviewRing *ring = store->ring;
	uint64_t tail;
	int rc = 0;

	if (status != TVIEW_STORE_OK)
		return status;
	tail = tview_log_tail(store);
	if (newhead > tail)
		rc = EINVAL;
	else if (newhead > tview_log_head(store))
	{
		if (nkeep > room_of(store, tail))
			status = TVIEW_STORE_LOG_FULL;
		else if (nkeep > 0)
			rc = push(store, tail, keep, nkeep);
		TVIEW_STOP("log.keep");
		if (status == TVIEW_STORE_OK && rc == 0)
			atomic_store_explicit(&ring->head, tview_checksum_seal(newhead),
								  memory_order_release);
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
