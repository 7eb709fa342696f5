/*
 * trigger.h
 *		The triggers on base tables: made, mended and removed by DDL.
 */
#ifndef TVIEW_TRIGGER_H
#define TVIEW_TRIGGER_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The row trigger's name, without the oid behind it. */
#define TVIEW_TRIGGER_ROW_NAME "0tview_mark_row"

/*
 * Brings the triggers of the tables (oids; those that are gone are passed
 * over) to what tview.sources says: makes missing ones, sets those that fire
 * by replication role to ALWAYS, removes those that nobody needs.  Triggers
 * that a user disabled stay as they are.  Takes ShareRowExclusiveLock where
 * something is made, AccessExclusiveLock where something is removed, in the
 * order of oids.  Returns the oids of tables on which a trigger was disabled
 * or had to be mended: what was written meanwhile may be unmarked.
 */
extern List *tview_trigger_sync(List *tables);

#endif /* TVIEW_TRIGGER_H */
