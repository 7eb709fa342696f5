/*
 * insert.c
 *		See insert.h.
 *
 * The rows hold oids, which mean nothing in another database.  A publication
 * FOR ALL TABLES would copy them all the same: so they are inserted without
 * being decoded (deletions are not, for want of a replica identity), and a
 * trigger discards rows that a subscription's first copy brings.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "meta/insert.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(tview_discard_row);

void
tview_insert_row(Relation rel, HeapTuple tuple)
{
	CatalogIndexState state = CatalogOpenIndexes(rel);
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);

	heap_insert(rel, tuple, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL,
				NULL);
	ExecStoreHeapTuple(tuple, slot, false);
	for (int i = 0; i < state->ri_NumIndices; i++)
	{
		Relation index = state->ri_IndexRelationDescs[i];
		IndexInfo *info = state->ri_IndexRelationInfo[i];
		Datum values[INDEX_MAX_KEYS];
		bool nulls[INDEX_MAX_KEYS];

		FormIndexDatum(info, slot, NULL, values, nulls);
		(void) index_insert(index, values, nulls, &tuple->t_self, rel,
							index->rd_index->indisunique ? UNIQUE_CHECK_YES
														 : UNIQUE_CHECK_NO,
							false, info);
	}
	ExecDropSingleTupleTableSlot(slot);
	CatalogCloseIndexes(state);
}

Datum
tview_discard_row(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"discard_row\" was not called by a trigger")));
	return PointerGetDatum(NULL);
}
