/*
 * root.h
 *		Finds the root of a view: the base table whose column the key is.
 */
#ifndef TVIEW_ROOT_H
#define TVIEW_ROOT_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * Sets cx->root, and in the lineage rootid, key_root, key_view, restrictable,
 * ncolumns and root_column; marks levels that cannot be restricted by the key
 * as opaque.  Sets the problem when the key is no column of one root table.
 */
extern void tview_root_find(TviewAnalysis *cx, const char *key);

#endif /* TVIEW_ROOT_H */
