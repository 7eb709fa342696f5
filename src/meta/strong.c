/*
 * strong.c
 *		See strong.h.
 *
 * A transaction counts itself before it waits for the lock.  It takes itself
 * off when it gives its locks back, at its end, after it has become visible to
 * snapshots and has sent its messages; a prepared one when it is finished.
 */
#include "postgres.h"

#include "compat.h"
#include "meta/strong.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

/* What lock.c of PostgreSQL 9.2 to 18 keeps in shared memory. */
#define COUNTS 1024

typedef struct StrongLocks
{
	slock_t mutex;
	uint32 count[COUNTS];
} StrongLocks;

/* NULL: this PostgreSQL keeps them elsewhere, or not asked for yet. */
static const volatile StrongLocks *locks = NULL;
static bool is_known = false;

/*
 * Finds the counts.  Shared memory that has another size under that name is an
 * error, and none at all a piece that nobody uses: both are no counts to us.
 */
static void
find_locks(void)
{
	MemoryContext context = CurrentMemoryContext;

	is_known = true;
	if (!tview_compat_has_strong_counts())
		return;
	PG_TRY();
	{
		bool found;
		const volatile StrongLocks *counts =
			ShmemInitStruct("Fast Path Strong Relation Lock Data",
							sizeof(StrongLocks), &found);

		locks = found ? counts : NULL;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
}

/* Position of a relation's count. */
static uint16
count_of(Oid relid)
{
	LOCKTAG tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return LockTagHashCode(&tag) % COUNTS;
}

void
tview_strong_note(TviewDesc *desc)
{
	desc->counts = palloc((desc->nviews + desc->nbases) * sizeof(uint16));
	for (int i = 0; i < desc->nviews; i++)
		desc->counts[i] = count_of(desc->views[i]);
	for (int i = 0; i < desc->nbases; i++)
		desc->counts[desc->nviews + i] = count_of(desc->bases[i]);
}

bool
tview_strong_is_absent(const TviewDesc *desc)
{
	if (!is_known)
		find_locks();
	if (locks == NULL)
		return false;
	/* the snapshot was taken before */
	pg_memory_barrier();
	for (int i = 0; i < desc->nviews + desc->nbases; i++)
		if (locks->count[desc->counts[i]] != 0)
			return false;
	/* messages are looked for afterwards */
	pg_memory_barrier();
	return true;
}
