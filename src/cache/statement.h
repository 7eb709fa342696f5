/*
 * statement.h
 *		Which tables the statements of this backend are changing right now.
 *
 * Between the first row that a statement changes and its AFTER triggers, rows
 * may be changed and not marked yet: those that are not marked at once (see
 * maintain/hook.c).  Whoever reads a TVIEW then, in a function that the
 * statement calls, must run the view and store nothing.
 *
 * Executor hooks (maintain/hook.c) say when a statement begins and ends.  What
 * no hook has announced is looked for in the locks: who changes a table holds
 * RowExclusiveLock on it.
 */
#ifndef TVIEW_STATEMENT_H
#define TVIEW_STATEMENT_H

#include "postgres.h"

extern void tview_statement_init(void);

/*
 * A statement begins to change relid, at the current nesting level of
 * transactions; InvalidOid stands for every table that is locked for writing.
 * It ends with tview_statement_end for the same query (an address that is
 * only compared).  NULL: its triggers fire with those of the statement around
 * it, and it ends with that one.
 */
extern void tview_statement_begin(const void *query, Oid relid);
extern void tview_statement_end(const void *query);

/* The subtransaction at this level ended: its statements go, or move up. */
extern void tview_statement_end_level(int level, bool commit);
/* The transaction has ended. */
extern void tview_statement_clear(void);

/*
 * A command of the client begins: none that was under way when the library
 * was loaded can be any more.
 */
extern void tview_statement_note_command(void);

/* A row was changed: was the statement announced? */
extern void tview_statement_note_row(void);

/*
 * True while any of n relations is being changed by a statement of this
 * backend, or may be.
 */
extern bool tview_statement_changes_any(const Oid *relids, int n);

#endif /* TVIEW_STATEMENT_H */
