/*
 * modify.h
 *		Writing to a TVIEW: refused, with the name of the table to write to.
 */
#ifndef TVIEW_MODIFY_H
#define TVIEW_MODIFY_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "utils/rel.h"

/* FDW callbacks */
extern int tviewIsForeignRelUpdatable(Relation rel);
extern List *tviewPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
									Index resultRelation, int subplan_index);
extern void tviewBeginForeignInsert(ModifyTableState *mtstate,
									ResultRelInfo *resultRelInfo);
extern TupleTableSlot *tviewExecForeignInsert(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);
extern TupleTableSlot *tviewExecForeignUpdate(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);
extern TupleTableSlot *tviewExecForeignDelete(EState *estate,
											  ResultRelInfo *rinfo,
											  TupleTableSlot *slot,
											  TupleTableSlot *planSlot);
extern void tviewExecForeignTruncate(List *rels, DropBehavior behavior,
									 bool restart_seqs);

#endif /* TVIEW_MODIFY_H */
