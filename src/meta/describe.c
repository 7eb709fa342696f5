/*
 * describe.c
 *		See describe.h.
 *
 * What is recorded is trusted only as far as it still holds: a definition
 * whose fingerprint differs, or a base table without its triggers, leaves a
 * descriptor that says why the view must be run.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "lineage/relation.h"
#include "meta/describe.h"
#include "meta/privilege.h"
#include "meta/record.h"
#include "meta/rowtag.h"
#include "meta/strong.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* ---- triggers ---- */

const char *const tview_meta_trigger_functions[TVIEW_TRIGGER_COUNT] = {
	"mark_row", "mark_truncate"};

bool
tview_meta_wants_trigger(char relkind, TviewTriggerKind kind)
{
	return kind != TVIEW_TRIGGER_ROW || relkind != RELKIND_PARTITIONED_TABLE;
}

Oid
tview_meta_trigger_function(TviewTriggerKind kind)
{
	oidvector *noargs = buildoidvector(NULL, 0);
	Oid schema = tview_meta_schema();

	if (!OidIsValid(schema))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(tview_meta_trigger_functions[kind]),
						   PointerGetDatum(noargs), ObjectIdGetDatum(schema));
}

/* Collects which of our functions have a trigger on the table, fired always. */
static void
find_triggers(Relation pg_trigger, Oid baseid, const Oid *functions,
			  bool *found)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	memset(found, 0, sizeof(bool) * TVIEW_TRIGGER_COUNT);
	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(baseid));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		if (trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
			continue;
		for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
			if (trigger->tgfoid == functions[i])
				found[i] = true;
	}
	systable_endscan(scan);
}

char *
tview_describe_missing_trigger(List *bases)
{
	Relation pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	Oid functions[TVIEW_TRIGGER_COUNT];
	char *missing = NULL;
	ListCell *lc;

	for (int i = 0; i < TVIEW_TRIGGER_COUNT; i++)
		functions[i] = tview_meta_trigger_function(i);
	foreach(lc, bases)
	{
		Oid baseid = lfirst_oid(lc);
		char relkind = get_rel_relkind(baseid);
		bool found[TVIEW_TRIGGER_COUNT];

		find_triggers(pg_trigger, baseid, functions, found);
		for (int i = 0; i < TVIEW_TRIGGER_COUNT && missing == NULL; i++)
			if (!found[i] && tview_meta_wants_trigger(relkind, i))
				missing = psprintf("trigger disabled or missing on %s",
								   tview_meta_relation_name(baseid));
	}
	table_close(pg_trigger, AccessShareLock);
	return missing;
}

/* ---- parts of a descriptor ---- */

/* True when every object of the list is still in the syscache. */
static bool
objects_exist(List *oids, int cacheid)
{
	ListCell *lc;

	foreach(lc, oids)
		if (!SearchSysCacheExists1(cacheid, ObjectIdGetDatum(lfirst_oid(lc))))
			return false;
	return true;
}

/* Why the recorded definition must not be trusted, or NULL. */
static char *
find_bypass(const TviewRecord *record)
{
	TviewLineage lineage = {0};

	if (record->problem != NULL)
		return record->problem;
	if (record->cluster != GetSystemIdentifier())
		return TVIEW_RECORD_FROM_ELSEWHERE;
	if (!objects_exist(record->views, RELOID) ||
		!objects_exist(record->bases, RELOID) ||
		!objects_exist(record->sources, RELOID) ||
		!objects_exist(record->types, TYPEOID) ||
		!objects_exist(record->functions, PROCOID))
		return "definition changed";

	lineage.views = record->views;
	lineage.bases = record->bases;
	lineage.functions = record->functions;
	lineage.types = record->types;
	lineage.rootid = record->rootid;
	lineage.key_root = record->key_root;
	if (tview_lineage_fingerprint(&lineage) != record->fingerprint)
		return "definition changed";
	if (!tview_privilege_is_complete(record->views))
		return "the view's owner lacks a privilege";
	return tview_describe_missing_trigger(record->bases);
}

/* Owner and row-level security flag of a relation. */
static Oid
look_up_relation(Oid relid, bool *rls)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	if (rls != NULL && ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity)
		*rls = true;
	ReleaseSysCache(tuple);
	return owner;
}

/* True when a view's own tables are read with the rights of who reads it. */
static bool
has_security_invoker(Oid relid)
{
	Relation rel = tview_relation_try_open(relid);
	bool invoker;

	if (rel == NULL)
		return false;
	invoker = rel->rd_rel->relkind == RELKIND_VIEW &&
		RelationHasSecurityInvoker(rel);
	tview_relation_close(rel);
	return invoker;
}

Oid
tview_describe_collation(Oid relid, AttrNumber attno)
{
	Oid type, collation;
	int32 typmod;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return collation;
	return C_COLLATION_OID;
}

/* True when the column holds the text of the view's column of its name. */
static bool
holds_text(const TviewDesc *desc, Form_pg_attribute att)
{
	AttrNumber attno = get_attnum(desc->viewid, NameStr(att->attname));

	return attno > 0 &&
		tview_relation_holds_text(att->atttypid,
								  get_atttype(desc->viewid, attno));
}

/* SELECT of the view's columns in the order of the TVIEW's. */
static char *
make_view_query(TviewDesc *desc)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	desc->view_columns =
		palloc(Max(desc->tupdesc->natts, 1) * sizeof(char *));
	for (int i = 0; i < desc->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc->tupdesc, i);

		desc->view_columns[i] = att->attisdropped
			? "NULL::pg_catalog.int4"
			: psprintf("v.%s%s", quote_identifier(NameStr(att->attname)),
					   holds_text(desc, att) ? "::pg_catalog.json" : "");
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 desc->view_columns[i]);
	}
	appendStringInfo(&sql, " FROM %s v", desc->viewname);
	return sql.data;
}

/*
 * Attributes of the root that are the only key column of a valid unique index.
 */
static Bitmapset *
find_unique_columns(Oid rootid)
{
	Relation pg_index = table_open(IndexRelationId, AccessShareLock);
	Bitmapset *columns = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rootid));
	scan =
		systable_beginscan(pg_index, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		if (index->indisunique && index->indimmediate && index->indisvalid &&
			index->indislive && index->indnkeyatts == 1 &&
			index->indkey.values[0] > 0 &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			columns = bms_add_member(columns, index->indkey.values[0]);
	}
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);
	return columns;
}

/* Fills look-ups and tag columns; false when a value has no hash function. */
static bool
fill_taggers(TviewDesc *desc, const TviewRecord *record)
{
	Bitmapset *unique = find_unique_columns(record->rootid);
	ListCell *lc;

	desc->lookups = palloc0(sizeof(TviewLookup) * Max(record->nlookups, 1));
	for (int i = 0; i < record->nlookups; i++)
	{
		AttrNumber attno = record->lookup_root[i];
		TviewLookup *lookup = &desc->lookups[desc->nlookups];

		lookup->attno = record->lookup_att[i];
		lookup->is_unique = bms_is_member(attno, unique);
		if (tview_meta_fill_tagger(
				&lookup->tagger, record->rootid, attno,
				record->lookup_family[i], get_atttype(record->rootid, attno),
				tview_describe_collation(record->rootid, attno)))
			desc->nlookups++;
	}

	desc->tagspecs =
		palloc0(sizeof(TviewTagSpec) * Max(list_length(record->tagcols), 1));
	foreach(lc, record->tagcols)
	{
		TviewTagColumn *tagcol = lfirst(lc);
		TviewTagSpec *spec = &desc->tagspecs[desc->ntagspecs++];

		spec->multiple = tagcol->multiple;
		if (!tview_meta_fill_tagger(
				&spec->tagger, tagcol->relid, tagcol->attno, tagcol->opfamily,
				tagcol->valtype,
				tview_describe_collation(tagcol->relid, tagcol->attno)))
			return false;
	}
	return true;
}

/* An array of the list's oids. */
static Oid *
copy_oids(List *oids, int *n)
{
	Oid *array = palloc(sizeof(Oid) * Max(list_length(oids), 1));
	ListCell *lc;

	*n = 0;
	foreach(lc, oids)
		array[(*n)++] = lfirst_oid(lc);
	return array;
}

/* Syscache hash values of the list's oids. */
static uint32 *
hash_oids(List *oids, int cacheid, int *n)
{
	uint32 *array = palloc(sizeof(uint32) * Max(list_length(oids), 1));
	ListCell *lc;

	*n = 0;
	foreach(lc, oids)
		array[(*n)++] =
			GetSysCacheHashValue1(cacheid, ObjectIdGetDatum(lfirst_oid(lc)));
	return array;
}

/* Fills what is watched. */
static void
fill_watched(TviewWatched *watched, const TviewRecord *record)
{
	List *rels = list_make2_oid(record->relid, record->viewid);

	rels = list_concat_unique_oid(rels, record->views);
	rels = list_concat_unique_oid(rels, record->sources);
	rels = list_concat_unique_oid(rels, record->bases);
	list_sort(rels, list_oid_cmp);
	watched->writer = record->writer;
	watched->rels = copy_oids(rels, &watched->nrels);
	watched->procs = hash_oids(record->functions, PROCOID, &watched->nprocs);
	watched->types = hash_oids(record->types, TYPEOID, &watched->ntypes);
}

/* Fills everything that depends on the record alone. */
static void
fill_recorded(TviewDesc *desc, TviewRecord *record)
{
	ListCell *lc;

	desc->relid = record->relid;
	desc->viewid = record->viewid;
	desc->serverid = record->serverid;
	desc->generation = record->generation;
	desc->rootid = record->rootid;
	desc->key_root = record->key_root;
	desc->key = record->key;
	desc->restrictable = record->restrictable;
	desc->single_row = record->single_row;
	desc->setting_mask = record->setting_mask;
	memcpy(desc->settings, record->settings, sizeof(desc->settings));
	desc->tag_query = record->tag_query;
	desc->bases = copy_oids(record->bases, &desc->nbases);
	desc->views = copy_oids(
		list_append_unique_oid(record->views, record->viewid), &desc->nviews);
	desc->sources = copy_oids(record->sources, &desc->nsources);
	desc->relation_tags =
		copy_oids(record->relation_tags, &desc->nrelation_tags);
	foreach(lc, record->bases)
	{
		(void) look_up_relation(lfirst_oid(lc), &desc->rls);
		desc->detaching |= tview_relation_is_detaching(lfirst_oid(lc));
	}
	for (int i = 0; i < desc->nviews; i++)
		desc->rls |= has_security_invoker(desc->views[i]);
}

/* Fills everything that the present catalogs say. */
static void
fill_current(TviewDesc *desc)
{
	Relation rel = table_open(desc->relid, AccessShareLock);
	TviewTableOptions options;

	desc->tupdesc = CreateTupleDescCopy(RelationGetDescr(rel));
	desc->owner = rel->rd_rel->relowner;
	table_close(rel, AccessShareLock);

	desc->viewowner = look_up_relation(desc->viewid, NULL);
	desc->name = tview_meta_relation_name(desc->relid);
	desc->viewname = tview_meta_relation_name(desc->viewid);
	(void) tview_option_texts(desc->relid, &options);
	desc->settings_mode = options.settings;
	desc->compression = options.compression;
	desc->view_query = make_view_query(desc);
	if (desc->key > 0 && desc->key <= desc->tupdesc->natts)
	{
		Form_pg_attribute att = TupleDescAttr(desc->tupdesc, desc->key - 1);

		desc->keytype = getBaseType(att->atttypid);
		desc->key_name = pstrdup(quote_identifier(NameStr(att->attname)));
	}
	else
		desc->key = InvalidAttrNumber;
}

/* Descriptors built so far. */
static uint64 serials = 0;

TviewDesc *
tview_describe_build(Oid relid, MemoryContext parent, TviewWatched *watched)
{
	MemoryContext context;
	MemoryContext old;
	TviewRecord *record;
	TviewDesc *desc = NULL;

	/* below the caller's context first: an error frees it */
	context = AllocSetContextCreate(CurrentMemoryContext, "TVIEW descriptor",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	record = tview_record_get(relid);
	if (record != NULL &&
		SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
	{
		desc = palloc0(sizeof(TviewDesc));
		desc->context = context;
		desc->serial = ++serials;
		fill_recorded(desc, record);
		tview_strong_note(desc);
		fill_current(desc);
		desc->bypass = find_bypass(record);
		if (desc->key == InvalidAttrNumber && desc->bypass == NULL)
			desc->bypass = "key column dropped";
		if (desc->bypass == NULL && !fill_taggers(desc, record))
			desc->bypass = "no hash function for a join column";
		if (desc->bypass == NULL)
			desc->row_tags = tview_rowtag_columns(desc);
		fill_watched(watched, record);
	}
	MemoryContextSwitchTo(old);
	if (desc == NULL)
		MemoryContextDelete(context);
	else
		MemoryContextSetParent(context, parent);
	return desc;
}
