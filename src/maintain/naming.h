/*
 * naming.h
 *		Commands after which a name may mean something else, or something have
 *		another name.
 */
#ifndef TVIEW_NAMING_H
#define TVIEW_NAMING_H

#include "postgres.h"

#include "nodes/nodes.h"

/*
 * True when the command gives something another name, or makes a relation
 * that may hide one of the same name.  A session's temporary ones hide nothing
 * from others: see tview_compute_foreign_setting.
 */
extern bool tview_naming_changes(Node *parsetree);

/* True when the command adds columns to its table, or changes columns. */
extern bool tview_naming_columns(Node *parsetree);

#endif /* TVIEW_NAMING_H */
