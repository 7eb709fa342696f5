/*
 * bind.h
 *		Finds out which equalities reach the rows of each base table.
 */
#ifndef TVIEW_BIND_H
#define TVIEW_BIND_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * Binds every node that can be reached from the root by equalities
 * (node->bound, node->fact, node->single).  The rest depends on all rows of
 * its table.
 */
extern void tview_bind_nodes(TviewAnalysis *cx);

/* The hash operator family in which the operator is equality, InvalidOid when
 * values that it finds equal may hash differently. */
extern Oid tview_bind_opfamily(Oid opno, Oid collation, Oid *lefttype,
							   Oid *righttype);

#endif /* TVIEW_BIND_H */
