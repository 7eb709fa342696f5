/*
 * dependency.c
 *		See dependency.h.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "maintain/dependency.h"
#include "meta/meta.h"
#include "nodes/makefuncs.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Oids of the relations that the TVIEW depends on, but for the view. */
static List *
find_tables(Oid relid, Oid viewid)
{
	Relation rel = table_open(DependRelationId, AccessShareLock);
	List *tables = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->objsubid == 0 && depend->refclassid == RelationRelationId &&
			depend->refobjsubid == 0 && depend->deptype == DEPENDENCY_NORMAL &&
			depend->refobjid != viewid)
			tables = list_append_unique_oid(tables, depend->refobjid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(tables, list_oid_cmp);
	return tables;
}

void
tview_dependency_options(Oid relid, Oid viewid, TviewTableOptions *options)
{
	if (!OidIsValid(viewid))
		tview_option_table(relid, options);
	else
	{
		(void) tview_option_texts(relid, options);
		options->depends_on = find_tables(relid, viewid);
	}
}

/* Adds an option to the list of changes unless it has the value already. */
static List *
change_option(List *changes, List *present, const char *name, const char *value)
{
	DefElemAction action = DEFELEM_ADD;
	ListCell *lc;

	foreach(lc, present)
	{
		DefElem *def = lfirst(lc);

		if (strcmp(def->defname, name) != 0)
			continue;
		if (strcmp(defGetString(def), value) == 0)
			return changes;
		action = DEFELEM_SET;
	}
	return lappend(changes,
				   makeDefElemExtended(NULL, pstrdup(name),
									   (Node *) makeString(pstrdup(value)),
									   action, -1));
}

/* Changes the options of the foreign table in the catalog. */
static void
write_options(Oid relid, ForeignTable *table, List *changes)
{
	ForeignDataWrapper *wrapper =
		GetForeignDataWrapper(GetForeignServer(table->serverid)->fdwid);
	Relation rel = table_open(ForeignTableRelationId, RowExclusiveLock);
	HeapTuple tuple =
		SearchSysCacheCopy1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
	Datum values[Natts_pg_foreign_table] = {0};
	bool nulls[Natts_pg_foreign_table] = {0};
	bool replaces[Natts_pg_foreign_table] = {0};
	bool isnull;
	Datum options;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for foreign table %u", relid);
	options = SysCacheGetAttr(FOREIGNTABLEREL, tuple,
							  Anum_pg_foreign_table_ftoptions, &isnull);
	values[Anum_pg_foreign_table_ftoptions - 1] = transformGenericOptions(
		ForeignTableRelationId, isnull ? PointerGetDatum(NULL) : options,
		changes, wrapper->fdwvalidator);
	replaces[Anum_pg_foreign_table_ftoptions - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls,
							  replaces);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	table_close(rel, RowExclusiveLock);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
}

void
tview_dependency_record(Oid relid, Oid viewid, const char *key, List *tables)
{
	ForeignTable *table = GetForeignTable(relid);
	List *changes = NIL;
	StringInfoData names;
	ObjectAddress myself;
	ObjectAddress other;
	ListCell *lc;

	(void) deleteDependencyRecordsForClass(
		RelationRelationId, relid, RelationRelationId, DEPENDENCY_NORMAL);
	ObjectAddressSet(myself, RelationRelationId, relid);
	ObjectAddressSet(other, RelationRelationId, viewid);
	recordDependencyOn(&myself, &other, DEPENDENCY_NORMAL);
	initStringInfo(&names);
	foreach(lc, tables)
	{
		ObjectAddressSet(other, RelationRelationId, lfirst_oid(lc));
		recordDependencyOn(&myself, &other, DEPENDENCY_NORMAL);
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 tview_meta_relation_name(lfirst_oid(lc)));
	}

	changes = change_option(changes, table->options, "view",
							tview_meta_relation_name(viewid));
	changes = change_option(changes, table->options, "key", key);
	if (tables != NIL)
		changes =
			change_option(changes, table->options, "depends_on", names.data);
	if (changes != NIL)
		write_options(relid, table, changes);
}

bool
tview_dependency_is_of_cast(Oid function)
{
	Relation casts = table_open(CastRelationId, AccessShareLock);
	SysScanDesc scan =
		systable_beginscan(casts, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	bool result = false;

	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc == function;
	systable_endscan(scan);
	table_close(casts, AccessShareLock);
	return result;
}
