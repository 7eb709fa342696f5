/*
 * row.h
 *		A stored row: what it read, which changes it covers, its tuple; and
 *		the entries of the index database that belong to it.
 *
 * An entry is
 *
 *		header, tags[], covers[], lookups[], tuple
 *
 * where tags and covers are those of DESIGN's validity rule, lookups are the
 * index keys under which the row can be found by a root column's value, and
 * the tuple is a MinimalTuple without TOAST pointers.  Everything is 8-aligned.
 *
 *	present		the view has this row
 *	absent		the root row exists, the view filters it out; tags are kept
 *	hollow		only the key and its lookups are known: recompute
 *
 * The index database has, per row, one 16-byte key (tag, pk) for each tag
 * and each lookup, big-endian so that they sort by tag.
 */
#ifndef TVIEW_ROW_H
#define TVIEW_ROW_H

#include "postgres.h"

#include "access/htup_details.h"
#include "store/store.h"

#define TVIEW_ROW_ABSENT 0x0001
#define TVIEW_ROW_HOLLOW 0x0002

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

/* A key of the index database. */
typedef struct TviewIndexKey
{
	uint64 tag;
	uint64 pk;
} TviewIndexKey;

extern TviewIndexKey tview_row_index_key(uint64 tag, int64 pk);

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
 * entries; and puts one index entry that sorts after all others.
 */
extern TviewStoreStatus tview_row_append(TviewTxn *txn, Oid relid, int64 key,
										 const TviewRow *row);
extern TviewStoreStatus tview_row_append_index(TviewTxn *txn, Oid relid,
											   const TviewIndexKey *key);

/* Deletes the entry and its index entries; OK when there is none. */
extern TviewStoreStatus tview_row_delete(TviewTxn *txn, Oid relid, int64 key);

/*
 * Makes the entry hollow (creating it when there is none), adding a lookup
 * unless it is 0.  *old is the entry as it is, or all zero; it is used up.
 */
extern TviewStoreStatus tview_row_hollow(TviewTxn *txn, Oid relid, int64 key,
										 TviewRow *old, uint64 lookup);

extern bool tview_row_covers(const TviewRow *row, uint64 xid);

/*
 * Walks the index: calls the visitor with each pk of the tag that is greater
 * than after (pass PG_INT64_MIN and first = true to begin), at most limit of
 * them, into pks; returns how many through n.
 */
extern TviewStoreStatus tview_row_find(TviewTxn *txn, Oid relid, uint64 tag,
									   bool first, int64 after, int64 *pks,
									   int limit, int *n);

#endif /* TVIEW_ROW_H */
