/*
 * stale.h
 *		Which of some keys have no row that can be served.
 */
#ifndef TVIEW_STALE_H
#define TVIEW_STALE_H

#include "postgres.h"

#include "meta/meta.h"
#include "utils/snapshot.h"

typedef struct TviewStale
{
	int64 *keys; /* without a valid row, ascending */
	int n;
	/* they lie close together: these other keys are between them, ascending */
	bool is_dense;
	int64 *holes;
	int nholes;
	int seen; /* of the keys that were asked for; the others may be stale too */
} TviewStale;

/*
 * Leaves out those of n keys (ascending, distinct; at least one) whose stored
 * rows are valid for the snapshot.  Where at least every second row between
 * them is one of the others they are dense; the last of the keys may be left
 * unseen for that.  Results are in the current memory context.
 */
extern void tview_stale_find(TviewDesc *desc, Snapshot snapshot,
							 const int64 *keys, int n, TviewStale *stale);

#endif /* TVIEW_STALE_H */
