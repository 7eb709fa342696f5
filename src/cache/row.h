/*
 * row.h
 *		A stored row: what it read, which changes it covers, its tuple.
 *
 * An entry is
 *
 *		header, tags[], covers[], lookups[], tuple
 *
 * where tags and covers are those of DESIGN's validity rule, lookups are the
 * tags under which the index has the row for a root column's value, by the
 * column's position (see index.h), and the tuple is a MinimalTuple without
 * TOAST pointers.  Everything is 8-aligned.
 *
 *	present		the view has this row
 *	absent		the root row exists, the view filters it out; tags are kept
 *	hollow		only the key and its lookups are known: recompute.  More
 *				lookups may follow those of the columns; the tags are those
 *				that the index still has
 */
#ifndef TVIEW_ROW_H
#define TVIEW_ROW_H

#include "postgres.h"

#include "access/htup_details.h"
#include "store/store.h"

#define TVIEW_ROW_ABSENT 0x0001
#define TVIEW_ROW_HOLLOW 0x0002
#define TVIEW_ROW_OWN_KEY 0x0004 /* the first tag is that of the row's key */

/*
 * A row that would cover more than that is not stored: checking it would cost
 * more than computing it.
 */
#define TVIEW_ROW_COVERS_MAX 256

/* Among lookups: the column is null. */
#define TVIEW_ROW_NO_LOOKUP UINT64CONST(0)

typedef struct TviewRowHeader
{
	uint32 sum; /* of all that follows, and of the TVIEW's oid and the key */
	uint32 flags;
	uint32 ntags;
	uint32 ncovers;
	uint32 nlookups;
	uint32 size; /* of the tuple, 0 for absent and hollow entries */
} TviewRowHeader;

/* A decoded entry; pointers go into the map. */
typedef struct TviewRow
{
	uint32 flags;
	uint32 ntags;
	uint32 ncovers;
	uint32 nlookups;
	const uint64 *tags;
	const uint64 *covers;
	const uint64 *lookups;
	const MinimalTupleData *tuple;
	uint32 size;
} TviewRow;

/* False when the value is not an entry that was put under this very key. */
extern bool tview_row_decode(TviewValue value, Oid relid, int64 key,
							 TviewRow *row);

/* Reads the entry of a key. */
extern TviewStoreStatus tview_row_get(TviewTxn *txn, Oid relid, int64 key,
									  TviewRow *row);

/*
 * Replaces the entry of a key and its index entries.  row's pointers must not
 * go into the map of a page that this transaction has changed.
 */
extern TviewStoreStatus tview_row_put(TviewTxn *txn, Oid relid, int64 key,
									  const TviewRow *row);

/*
 * Puts the entry of a key that sorts after all others, without its index
 * entries.
 */
extern TviewStoreStatus tview_row_append(TviewTxn *txn, Oid relid, int64 key,
										 const TviewRow *row);

/* Deletes the entry and its index entries; OK when there is none. */
extern TviewStoreStatus tview_row_delete(TviewTxn *txn, Oid relid, int64 key);

/*
 * Makes the entry hollow (creating it when there is none), adding a lookup
 * unless it is TVIEW_ROW_NO_LOOKUP, and taking a tag away unless it is 0.  *old
 * is the entry as it is, or all zero.  changed tells whether there was anything
 * to do.
 */
extern TviewStoreStatus tview_row_hollow(TviewTxn *txn, Oid relid, int64 key,
										 const TviewRow *old, uint64 lookup,
										 uint64 tag, bool *changed);

extern bool tview_row_covers(const TviewRow *row, uint64 xid);

/* The tuple of a row as a heap tuple that has no header of its own. */
static inline HeapTupleData
tview_row_heap_tuple(MinimalTuple tuple)
{
	HeapTupleData heap = {
		.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET,
		.t_data = (HeapTupleHeader) ((char *) tuple - MINIMAL_TUPLE_OFFSET)};

	return heap;
}

/* A copy of tags, covers or lookups in the current memory context, or NULL. */
static inline uint64 *
tview_row_copy_words(const uint64 *words, uint32 n)
{
	uint64 *copy = n > 0 ? palloc(n * sizeof(uint64)) : NULL;

	if (n > 0)
		memcpy(copy, words, n * sizeof(uint64));
	return copy;
}

#endif /* TVIEW_ROW_H */
