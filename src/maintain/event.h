/*
 * event.h
 *		The extension's event triggers; called by PostgreSQL only.
 */
#ifndef TVIEW_EVENT_H
#define TVIEW_EVENT_H

#include "postgres.h"

#include "fmgr.h"

extern Datum tview_event_command_start(PG_FUNCTION_ARGS);
extern Datum tview_event_command_end(PG_FUNCTION_ARGS);
extern Datum tview_event_sql_drop(PG_FUNCTION_ARGS);
extern Datum tview_event_table_rewrite(PG_FUNCTION_ARGS);

#endif /* TVIEW_EVENT_H */
