/*
 * settle.h
 *		Taking old marks out of the log, after the rows that miss them were
 *		emptied ("hollow"): they are computed again when somebody reads them.
 */
#ifndef TVIEW_SETTLE_H
#define TVIEW_SETTLE_H

#include "postgres.h"

#include "cache/handle.h"

typedef struct TviewSettleBudget
{
	int marks; /* at most so many marks */
	int rows;  /* at most so many rows emptied */
	bool
		/*
		 * the log fills up: raise the floor, carry marks that cannot go along
		 */
		pressure;
} TviewSettleBudget;

/*
 * Settles within the budget; gives way to another process that settles or
 * writes.  Never throws for the store's state.  True when the head moved.
 */
extern bool tview_settle_run(TviewHandle *handle,
							 const TviewSettleBudget *budget);

/*
 * A small share, not too often, when enough marks wait: for readers.  urgent:
 * any mark is enough, because marks made the reader run the view or compute
 * rows that it cannot store.
 */
extern void tview_settle_some(TviewHandle *handle, bool urgent);

#endif /* TVIEW_SETTLE_H */
