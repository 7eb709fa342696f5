/*
 * settle.h
 *		Taking old marks out of the log, after the rows that miss them were
 *		emptied ("hollow"): they are computed again when somebody reads them.
 */
#ifndef TVIEW_SETTLE_H
#define TVIEW_SETTLE_H

#include "postgres.h"

#include "cache/handle.h"

/* Rows that were emptied, for who wants to compute them. */
#define TVIEW_HOLLOWED_MAX 32768
typedef struct TviewHollowed
{
	int n;
	bool overflow; /* there were more */
	struct
	{
		Oid relid;
		int64 key;
	} rows[TVIEW_HOLLOWED_MAX];
} TviewHollowed;

typedef struct TviewSettleBudget
{
	int marks; /* at most so many marks */
	int rows;  /* at most so many rows emptied */
	/* the log fills up: raise the floor, carry marks that cannot go along */
	bool pressure;
	/*
	 * so many marks are worth waiting for the disk, where it has not got their
	 * commits yet; 0: none are
	 */
	int flush_from;
	TviewHollowed *hollowed; /* is added to; may be NULL */
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
