/*
 * kin.c
 *		See kin.h.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "maintain/kin.h"
#include "meta/meta.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/* Parents (column inhrelid = relid) or children of a relation. */
static List *
find_kin(Oid relid, bool parents)
{
	Relation rel = table_open(InheritsRelationId, AccessShareLock);
	List *kin = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(
		&key, parents ? Anum_pg_inherits_inhrelid : Anum_pg_inherits_inhparent,
		BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(
		rel, parents ? InheritsRelidSeqnoIndexId : InheritsParentIndexId, true,
		NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits inherits = (Form_pg_inherits) GETSTRUCT(tuple);

		kin = lappend_oid(kin,
						  parents ? inherits->inhparent : inherits->inhrelid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return kin;
}

static void
refuse_tview(Oid relid)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_WRONG_OBJECT_TYPE),
		 errmsg(
			 "foreign table %s can neither be a partition nor take part in inheritance",
			 tview_meta_relation_name(relid)),
		 errdetail("Its rows are those of a view.")));
}

void
tview_kin_refuse(Oid relid)
{
	List *parents = find_kin(relid, true);
	List *children = find_kin(relid, false);
	ListCell *lc;

	if (OidIsValid(tview_meta_table_server(relid)) &&
		(parents != NIL || children != NIL))
		refuse_tview(relid);
	/* ATTACH PARTITION says of the parent only that it has changed it */
	foreach(lc, children)
		if (OidIsValid(tview_meta_table_server(lfirst_oid(lc))))
			refuse_tview(lfirst_oid(lc));
	foreach(lc, parents)
		if (OidIsValid(tview_meta_table_server(lfirst_oid(lc))))
			ereport(
				ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table %s cannot inherit from foreign table %s",
						tview_meta_relation_name(relid),
						tview_meta_relation_name(lfirst_oid(lc))),
				 errdetail("The foreign table's rows are those of a view.")));
}

List *
tview_kin_ancestors(Oid relid)
{
	List *ancestors = list_make1_oid(relid);

	/* grows while it is walked */
	for (int i = 0; i < list_length(ancestors); i++)
		ancestors = list_concat_unique_oid(
			ancestors, find_kin(list_nth_oid(ancestors, i), true));
	return ancestors;
}
