/*
 * contents.h
 *		The contents of a TVIEW as a whole: made ready, emptied, dropped.
 */
#ifndef TVIEW_CONTENTS_H
#define TVIEW_CONTENTS_H

#include "postgres.h"

#include "cache/handle.h"
#include "meta/meta.h"

/*
 * Makes the store's record of the TVIEW that of the descriptor: empties what
 * is of an older definition.  False when the store cannot be used or a later
 * definition stands there; without wait, also while another process writes.
 * *clears (may be NULL) is for a build.
 */
extern bool tview_contents_prepare(TviewDesc *desc, bool wait, uint32 *clears);

/*
 * Collects the keys of empty (hollow) entries after a key, at most limit of
 * them; first: from the beginning.
 * Returns how many; *after is where to go on, *more whether there is more.
 */
extern int tview_contents_find_hollow(TviewHandle *handle, Oid relid,
									  bool first, int64 *after, int64 *keys,
									  int limit, bool *more);

/* Empties a TVIEW, or drops it with its record. */
extern bool tview_contents_clear(Oid serverid, Oid relid, bool drop);

/*
 * Drops a TVIEW's rows and record where the store exists and can be opened;
 * never throws (it runs when a transaction has ended).
 */
extern void tview_contents_drop_if_open(Oid serverid, Oid relid);

#endif /* TVIEW_CONTENTS_H */
