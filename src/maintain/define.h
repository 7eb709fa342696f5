/*
 * define.h
 *		Records what a TVIEW is: at its creation, and again when something that
 *		it reads has changed.
 */
#ifndef TVIEW_DEFINE_H
#define TVIEW_DEFINE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * Records a foreign table of ours that is not recorded yet.  Raises what is
 * wrong with it.  Locks its base tables against writers until the transaction
 * ends; fills nothing.
 */
extern void tview_define_create(Oid relid);

/* How a recorded TVIEW is looked at again. */
/* the command named it: raise what is wrong */
#define TVIEW_DEFINE_STRICT 0x01
/* nothing but children or indexes changed */
#define TVIEW_DEFINE_CHILDREN 0x02
/* the meaning may have changed unseen */
#define TVIEW_DEFINE_BUMP 0x04

/*
 * Analyses a recorded TVIEW again, and records what is different: with a new
 * generation when the meaning is.  Unless STRICT it raises nothing: what went
 * wrong is recorded as the problem, with a WARNING.  Nothing happens when
 * relid is no TVIEW.
 */
extern void tview_define_refresh(Oid relid, int flags);

/* Marks everything that is read through one of the relations, as TRUNCATE. */
extern void tview_define_mark_gone(List *relids);

/*
 * Records anew what pg_upgrade has brought over, without waiting for locks:
 * what cannot be locked is left for the next command.  True when there was
 * nothing to do, and never will be.
 */
extern bool tview_define_adopt(void);

#endif /* TVIEW_DEFINE_H */
