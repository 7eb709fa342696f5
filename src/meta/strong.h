/*
 * strong.h
 *		Is anybody about to change a TVIEW's tables, or its views?
 *
 * PostgreSQL counts, for its fast path of locking, who holds or waits for a
 * lock on a relation that is stronger than SHARE UPDATE EXCLUSIVE: the counts
 * are shared by relations whose tags have equal hashes.
 */
#ifndef TVIEW_STRONG_H
#define TVIEW_STRONG_H

#include "postgres.h"

#include "meta/meta.h"

/* Fills desc->counts, of the views and the base tables. */
extern void tview_strong_note(TviewDesc *desc);

/*
 * True when nobody, nor this backend, holds or waits for such a lock on one of
 * the views or base tables; whoever held one and has committed before has sent
 * its invalidation messages then.  False also where that cannot be told.
 * Raises nothing.
 */
extern bool tview_strong_is_absent(const TviewDesc *desc);

#endif /* TVIEW_STRONG_H */
