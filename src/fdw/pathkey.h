/*
 * pathkey.h
 *		Orders that a scan of a TVIEW delivers and that its query can use.
 */
#ifndef TVIEW_PATHKEY_H
#define TVIEW_PATHKEY_H

#include "postgres.h"

#include "meta/meta.h"
#include "nodes/pathnodes.h"

/*
 * Lists of pathkeys, each beginning with the key, that are worth a path in key
 * order.
 */
extern List *tview_pathkey_orders(PlannerInfo *root, RelOptInfo *baserel,
								  TviewDesc *desc);

#endif /* TVIEW_PATHKEY_H */
