/*
 * ahead.h
 *		Rows that marks concern, told to be stale before the marks settle.
 *
 * Settling empties the rows that miss a mark; a row that is emptied first and
 * computed then is written twice.  One that has been computed by then covers
 * the mark, and stays as it is.
 */
#ifndef TVIEW_AHEAD_H
#define TVIEW_AHEAD_H

#include "postgres.h"

#include "cache/handle.h"

#define TVIEW_FLUSH_FROM 64 /* marks worth a write to the disk */

/*
 * Looks through marks that it has not looked at before, as far as the active
 * snapshot sees their transactions ended, and gives the keys of the rows that
 * they concern to refresh.h; those of whole tables are left to settling.  Few
 * marks are left as well whose commits are not on disk: their rows could not
 * be stored.  True when it has found keys.
 */
extern bool tview_ahead_look(TviewHandle *handle);

#endif /* TVIEW_AHEAD_H */
