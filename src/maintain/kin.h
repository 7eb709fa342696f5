/*
 * kin.h
 *		Parents and children: partitioning and inheritance.
 */
#ifndef TVIEW_KIN_H
#define TVIEW_KIN_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * Refuses, with an ERROR, a TVIEW that has a parent or a child, and tables that
 * are a parent or a child of one.
 */
extern void tview_kin_refuse(Oid relid);

/* The relation itself and all its ancestors, of either kind. */
extern List *tview_kin_ancestors(Oid relid);

#endif /* TVIEW_KIN_H */
