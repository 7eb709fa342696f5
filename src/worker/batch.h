/*
 * batch.h
 *		Computing a TVIEW's stale rows, one batch after the other.
 */
#ifndef TVIEW_BATCH_H
#define TVIEW_BATCH_H

#include "postgres.h"

#include "meta/meta.h"
#include "worker/keylist.h"

#define TVIEW_BATCH_KEYS 500 /* at least, where that takes as long as it may */

/* What makes a batch dear. */
typedef enum TviewBatchCost
{
	TVIEW_BATCH_LOW,	 /* or not known */
	TVIEW_BATCH_TRIED,	 /* a full batch was dear, a shorter one comes next */
	TVIEW_BATCH_OF_ROWS, /* its rows */
	TVIEW_BATCH_DEAR	 /* any batch is as dear */
} TviewBatchCost;

/* Rows of one TVIEW that are to be computed.  All zero, then reset: none. */
typedef struct TviewBacklog
{
	TviewKeyList keys;
	int limit; /* keys in the next batch */
	int taken; /* keys of the batch under way */
	bool left; /* some rows may have stayed stale; the caller takes it back */
	TviewBatchCost cost;
	long dear_ms;  /* what the full batch took */
	double key_us; /* what a key of the last batch took; 0: not known */
	int fits;	   /* keys that a batch may come to have, by that */
} TviewBacklog;

/* What was found out about the cost of batches does not count any more. */
extern void tview_batch_reset(TviewBacklog *backlog);

/*
 * Computes the first of the keys under the active snapshot, as many as a batch
 * may have, and stores what they come to; takes them off.  False when the store
 * does not take rows now.  Raises what a view raises, but for a row that can be
 * told from the others only when these are stored.
 */
extern bool tview_batch_compute(TviewDesc *desc, TviewBacklog *backlog);

/* The last call has thrown: takes off what it was about, which stays stale. */
extern void tview_batch_skip(TviewBacklog *backlog);

#endif /* TVIEW_BATCH_H */
