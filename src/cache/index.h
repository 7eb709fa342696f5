/*
 * index.h
 *		The index of a TVIEW's rows: which rows have read something, which
 *		may have a value in a root column, which are hollow or absent.
 *
 * An entry is a 16-byte key (tag, pk), big-endian so that entries sort by tag,
 * and a column.  A row has one entry for each
 *
 *	tag			of what it has read, but for its own key: whoever changes
 *				that says so by the key itself
 *	look-up		of a root column's value, with the column's position
 *
 * Two of these may have the same tag by accident; they are one entry then,
 * without a column.
 *
 * Hollow rows come and go at random, and an entry for each would be on a page
 * of its own, to be written both times.  In the list TVIEW_INDEX_HOLLOW one
 * entry has a bit for each of TVIEW_INDEX_BLOCK pks, and the block's number in
 * place of a pk; there is none for a block without hollow rows.  The rows that
 * the view does not have are listed likewise, in TVIEW_INDEX_ABSENTEES.
 *
 * Nothing here pallocs or throws: it runs inside LMDB transactions.
 */
#ifndef TVIEW_INDEX_H
#define TVIEW_INDEX_H

#include "postgres.h"

#include "cache/row.h"
#include "meta/tag.h"
#include "store/store.h"

/*
 * The lists' tags.  No look-up has them; entries of such a tag are under
 * another one.
 */
#define TVIEW_INDEX_HOLLOW UINT64CONST(0)
#define TVIEW_INDEX_ABSENTEES PG_UINT64_MAX

/* Pks whose bits are in one entry; those of a block differ in the last bits. */
#define TVIEW_INDEX_BLOCK_BITS 9
#define TVIEW_INDEX_BLOCK (1 << TVIEW_INDEX_BLOCK_BITS)

/* Columns: a look-up's position, from 1 on, or one of these. */
#define TVIEW_INDEX_NO_COLUMN 0
#define TVIEW_INDEX_ABSENT 0xFFFF /* a look-up of a row that is filtered out */

/* An entry's key, as it is stored. */
typedef struct TviewIndexKey
{
	uint64 tag;
	uint64 pk;
} TviewIndexKey;

/* One of a row's entries. */
typedef struct TviewIndexWord
{
	uint64 tag;
	uint16 column;
} TviewIndexWord;

extern TviewIndexKey tview_index_key(uint64 tag, int64 pk);

/*
 * The entries of a row, by tag; n is how many.  They live until the next call.
 * NULL for lack of memory.
 */
extern const TviewIndexWord *tview_index_words(const TviewRow *row, int *n);

/*
 * Replaces the entries of one state of a row by those of another; NULL where
 * there is no row.  Both may point into the map.
 */
extern TviewStoreStatus tview_index_change(TviewTxn *txn, Oid relid, int64 pk,
										   const TviewRow *old,
										   const TviewRow *row);

/* Puts an entry that sorts after all others, or, by a list's tag, a row. */
extern TviewStoreStatus tview_index_append(TviewTxn *txn, Oid relid,
										   const TviewIndexKey *key,
										   uint16 column);

/* A walk over the pks of a tag, ascending, some at a time. */
typedef struct TviewIndexWalk
{
	Oid relid;
	uint64 tag;
	int64 from; /* where it goes on */
	bool ended; /* there is nothing from there on */
} TviewIndexWalk;

/* Where entries of a tag are. */
static inline uint64
tview_index_tag(uint64 tag)
{
	return tview_tag_is_reserved(tag) ? TVIEW_TAG_SHARED_LOOKUP : tag;
}

/* A walk over the pks from this one on; PG_INT64_MIN: over all of them. */
static inline TviewIndexWalk
tview_index_walk(Oid relid, uint64 tag, int64 from)
{
	TviewIndexWalk walk = {
		.relid = relid, .tag = tview_index_tag(tag), .from = from};

	return walk;
}

/* The same over the pks of hollow rows. */
static inline TviewIndexWalk
tview_index_walk_hollow(Oid relid, int64 from)
{
	TviewIndexWalk walk = {
		.relid = relid, .tag = TVIEW_INDEX_HOLLOW, .from = from};

	return walk;
}

/*
 * Finds the next pks of a walk that has not ended, at most limit of them, and
 * their columns, unless columns is NULL, which it is for hollow rows.  An error
 * ends the walk.
 */
extern TviewStoreStatus tview_index_next(TviewTxn *txn, TviewIndexWalk *walk,
										 int64 *pks, uint16 *columns,
										 int limit, int *n);

/* How many rows are in a list. */
extern TviewStoreStatus tview_index_count(TviewTxn *txn, Oid relid, uint64 list,
										  uint64 *n);

#endif /* TVIEW_INDEX_H */
