/*
 * later.h
 *		Computed rows that wait to be stored together.
 *
 * Beginning and committing a write transaction costs as much as computing some
 * rows.  So a session keeps the few rows that it has computed one by one, each
 * with its covers, and stores them in one transaction: when there are enough,
 * when it is asked for one of them again, or when the session ends.  Nobody is
 * served a row that waits.  A row is let wait once: when it is computed again
 * it is stored.
 */
#ifndef TVIEW_LATER_H
#define TVIEW_LATER_H

#include "postgres.h"

#include "cache/writer.h"

/*
 * Keeps a row; false when it should be stored now.  The snapshot must be
 * registered; clears is how often the TVIEW had been emptied before the row was
 * computed (cache/state.h).  May store all that wait.
 */
extern bool tview_later_take(TviewDesc *desc, Snapshot snapshot, uint32 clears,
							 TviewFillItem *item);

/* True when the key's row waits and nothing that it reads has changed since. */
extern bool tview_later_is_fresh(const TviewHandle *handle, Oid relid,
								 int64 key);

/*
 * Stores what waits, where that is still allowed.  Nothing waits any more then,
 * but where somebody else was at work and there is room for some more rows.
 */
extern void tview_later_store(void);

/* Forgets a key's row: a younger one is stored. */
extern void tview_later_forget(Oid relid, int64 key);

#endif /* TVIEW_LATER_H */
