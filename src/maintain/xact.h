/*
 * xact.h
 *		What the running transaction has changed and what must happen when it
 *		ends: marks to be published, statements under way, stores to be removed.
 */
#ifndef TVIEW_XACT_H
#define TVIEW_XACT_H

#include "postgres.h"

extern void tview_xact_init(void);

/*
 * Registers the transaction callbacks, once per backend; called before
 * anything is remembered.
 */
extern void tview_xact_arm(void);

/*
 * Called after a mark was added to a server's set: publishes at once when the
 * transaction has published already.
 */
extern void tview_xact_note_mark(Oid serverid);

/*
 * A command that is not MVCC-safe (rewrite, ATTACH, DETACH) or that changes
 * what rows of the base table mean: all(relid) with the flag "gone" for every
 * server that watches relid.
 */
extern void tview_xact_mark_gone(Oid relid);

/*
 * Removes the store directory of a dropped server when the transaction
 * commits.
 */
extern void tview_xact_remove_store(Oid serverid, const char *store_path);

/*
 * The server's store moves when the transaction commits: what is at either
 * place is removed, and until then the transaction does without the store.
 */
extern void tview_xact_move_store(Oid serverid, const char *old_path,
								  const char *new_path);

/* Drops the stored rows of a dropped TVIEW when the transaction commits. */
extern void tview_xact_drop_rows(Oid serverid, Oid relid);

/*
 * Drops the stored rows of a TVIEW that this transaction built, should it
 * abort.
 */
extern void tview_xact_drop_rows_on_abort(Oid serverid, Oid relid);

#endif /* TVIEW_XACT_H */
