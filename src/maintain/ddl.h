/*
 * ddl.h
 *		Dropped TVIEWs and servers, noticed through object_access_hook: also
 *		under DROP EXTENSION, when the event triggers are gone already.
 */
#ifndef TVIEW_DDL_H
#define TVIEW_DDL_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern void tview_ddl_init(void);

/*
 * Oids of the tables that TVIEWs dropped since the last call have read;
 * palloc'd.
 */
extern List *tview_ddl_take_dropped_bases(void);

/*
 * Removes the stores of servers whose store_path was changed by ALTER SERVER
 * since the last call.
 */
extern void tview_ddl_move_stores(void);

#endif /* TVIEW_DDL_H */
