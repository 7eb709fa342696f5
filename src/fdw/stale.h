/*
 * stale.h
 *		Computes the rows that the store could not serve.
 */
#ifndef TVIEW_FDW_STALE_H
#define TVIEW_FDW_STALE_H

#include "postgres.h"

#include "fdw/state.h"

/* A key of a batch: its row, or "to be computed". */
typedef struct TviewBatchEntry
{
	int64 key;
	MinimalTuple tuple;		 /* NULL: to be computed */
	TviewComputed *computed; /* NULL: a gap, see alone.c */
} TviewBatchEntry;

/*
 * Finds the rows of n keys, ascending; where a row is found in the store after
 * all the entry gets the tuple.  Changes the arrays.
 */
extern void tview_stale_compute(TviewScanState *state,
								TviewBatchEntry **entries, int64 *keys, int n);

#endif /* TVIEW_FDW_STALE_H */
