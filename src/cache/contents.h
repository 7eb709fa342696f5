/*
 * contents.h
 *		The contents of a TVIEW as a whole: made ready, emptied, dropped.
 */
#ifndef TVIEW_CONTENTS_H
#define TVIEW_CONTENTS_H

#include "postgres.h"

#include "cache/handle.h"
#include "cache/index.h"
#include "meta/meta.h"

/*
 * Makes the store's record of the TVIEW that of the descriptor: empties what
 * is of an older definition.  False when the store cannot be used or a later
 * definition stands there; without wait, also while another process writes.
 * *clears (may be NULL) is for a build.
 */
extern bool tview_contents_prepare(TviewDesc *desc, bool wait, uint32 *clears);

/*
 * Collects the next keys of a walk over empty (hollow) entries, at most limit
 * of them.  Returns how many; the walk has ended where they cannot be read.
 */
extern int tview_contents_find_hollow(TviewHandle *handle, TviewIndexWalk *walk,
									  int64 *keys, int limit);

/* Empties a TVIEW, or drops it with its record. */
extern bool tview_contents_clear(Oid serverid, Oid relid, bool drop);

/*
 * Drops a TVIEW's rows and record where the store exists and can be opened;
 * never throws (it runs when a transaction has ended).
 */
extern void tview_contents_drop_if_open(Oid serverid, Oid relid);

#endif /* TVIEW_CONTENTS_H */
