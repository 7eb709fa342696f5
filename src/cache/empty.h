/*
 * empty.h
 *		Emptying the rows that settled marks concern; see settle.h.
 *
 * Begin, empty for one mark after the other, commit or abort.  But for begin,
 * nothing pallocs or throws.
 */
#ifndef TVIEW_EMPTY_H
#define TVIEW_EMPTY_H

#include "postgres.h"

#include "cache/row.h"
#include "cache/settle.h"
#include "cache/state.h"

/* The TVIEWs of the store. */
typedef struct TviewDependents
{
	TviewState **states;
	int n;
	int allocated;
	MemoryContext context;
} TviewDependents;

/* The xids that a row must cover to stay. */
typedef struct TviewXids
{
	uint64 list[TVIEW_ROW_COVERS_MAX];
	int n;
	bool too_many; /* for any row */
} TviewXids;

typedef struct TviewEmptier
{
	TviewHandle *handle;
	const TviewSettleBudget *budget;
	TviewDependents dependents;
	int64 *keys;
	TviewTxn *txn; /* NULL between transactions */
	int rows_in_txn;
	int rows;		/* emptied so far */
	TviewXids xids; /* of marks on one tag, to be settled together */
} TviewEmptier;

/*
 * Prepares for the store of the handle, in the current memory context; false
 * when it cannot be read.
 */
extern bool tview_empty_begin(TviewEmptier *emptier, TviewHandle *handle,
							  const TviewSettleBudget *budget);

/*
 * Empties, in every TVIEW that depends on the mark's table, the rows that have
 * its tag and do not cover the emptier's xids; and what the mark's own key asks
 * for.  by_key: that alone.  BUSY when the budget is used up, or another
 * process writes.
 */
extern TviewStoreStatus tview_empty_for(TviewEmptier *emptier,
										const TviewMark *mark, bool by_key);

extern TviewStoreStatus tview_empty_commit(TviewEmptier *emptier);
extern void tview_empty_abort(TviewEmptier *emptier);

#endif /* TVIEW_EMPTY_H */
