/*
 * create.h
 *		New TVIEWs of one command: recorded, then filled; and the SQL function
 *		that shows how one of them was understood.
 */
#ifndef TVIEW_CREATE_H
#define TVIEW_CREATE_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"

/*
 * Records and fills foreign tables of ours that the command has made.  In an
 * IMPORT without LIMIT TO a table that turns out to be unfit is dropped with a
 * WARNING; else it is an ERROR.
 */
extern void tview_create_tables(List *relids, Node *parsetree);

extern Datum tview_definition(PG_FUNCTION_ARGS);

#endif /* TVIEW_CREATE_H */
