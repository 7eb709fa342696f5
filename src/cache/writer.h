/*
 * writer.h
 *		Storing computed rows.
 */
#ifndef TVIEW_WRITER_H
#define TVIEW_WRITER_H

#include "postgres.h"

#include "access/htup_details.h"
#include "cache/bulk.h"
#include "cache/handle.h"
#include "cache/row.h"
#include "cache/state.h"
#include "meta/meta.h"
#include "utils/snapshot.h"

/* What one key came to; see compute/compute.h. */
typedef struct TviewFillItem
{
	int64 key;
	bool root_exists;	/* false: the entry may go */
	bool storable;		/* false (several rows): the key is kept, hollow */
	MinimalTuple tuple; /* NULL: absent; may hold TOAST pointers */
	int ntags;
	uint64 *tags; /* distinct */
	int nlookups;
	uint64 *lookups; /* as an entry has them, see row.h */
} TviewFillItem;

#define TVIEW_WRITER_WAIT 0x01	   /* wait for other writers, do not give up */
#define TVIEW_WRITER_COMPLETE 0x02 /* afterwards every root key has its entry */
/* by the transaction that creates the TVIEW: the floor is not asked */
#define TVIEW_WRITER_CREATING 0x04

/* One transaction's worth of items. */
typedef struct TviewFillBatch
{
	TviewFillItem *items;
	int n;
	int flags; /* TVIEW_WRITER_... */
	/*
	 * of a creation: takes the index entries; keys ascend beyond all that are
	 * stored
	 */
	TviewBulk *bulk;
	uint32 clears; /* with COMPLETE: as tview_contents_prepare returned it */
	/*
	 * out: items that may not be stored (own changes; commits not flushed,
	 * where the items are few)
	 */
	int skipped;
	int rows; /* out: rows that may be stored; absent keys do not count */
} TviewFillBatch;

typedef enum TviewWritten
{
	TVIEW_WRITTEN,
	TVIEW_WRITTEN_NOT_ALLOWED, /* the snapshot may not store (now) */
	TVIEW_WRITTEN_BUSY,		   /* another process writes */
	TVIEW_WRITTEN_FAILED	   /* the store was reset or cannot be used */
} TviewWritten;

/* What the store must know of where rows come from. */
typedef struct TviewOrigin
{
	Oid relid;
	TviewGeneration generation;
	uint64 xmin; /* of the snapshot */
} TviewOrigin;

/* A row with its covers, which may be stored when its snapshot is gone. */
typedef struct TviewReadyRow
{
	TviewOrigin origin;
	uint32 clears; /* how often its TVIEW was emptied before it was computed */
	TviewHandle *handle;
	/* the mark log, of which covers were computed */
	uint64 head;
	uint64 tail;
	int64 key;
	TviewRow row;
} TviewReadyRow;

/* True when it is worth computing tags: rows of this snapshot may be stored. */
extern bool tview_writer_is_allowed(TviewDesc *desc, Snapshot snapshot);

/*
 * Stores the items in one transaction, under the rules of DESIGN ("Storing").
 * The snapshot must be registered.  COMPLETE is ignored where the rows were
 * emptied since the build began, and taken back from the batch's flags where an
 * item is skipped or a root row that the snapshot does not see may come back.
 * Throws only for lack of memory.
 */
extern TviewWritten tview_writer_store(TviewDesc *desc, Snapshot snapshot,
									   TviewFillBatch *batch);

/*
 * Does for one item all that needs its snapshot, which must be registered;
 * false where it cannot be stored later.  *ready lives as long as the item and
 * the current memory context.
 */
extern bool tview_writer_make_ready(TviewDesc *desc, Snapshot snapshot,
									TviewFillItem *item, TviewReadyRow *ready);

/*
 * Inside a write transaction: may rows of that origin be stored?  flags is
 * TVIEW_WRITER_CREATING or 0.
 */
extern TviewStoreStatus tview_writer_check_state(TviewHandle *handle,
												 const TviewOrigin *origin,
												 int flags, TviewTxn *txn,
												 TviewState *state,
												 bool *allowed);

#endif /* TVIEW_WRITER_H */
