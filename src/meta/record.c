/*
 * record.c
 *		See record.h.
 *
 * The columns are numbered as the install script declares them; both change
 * together.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type_d.h"
#include "meta/insert.h"
#include "meta/meta.h"
#include "meta/record.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

enum
{
	TVIEWS_RELID = 1,
	TVIEWS_VIEWID,
	TVIEWS_SERVERID,
	TVIEWS_ROOTID,
	TVIEWS_KEY_ROOT,
	TVIEWS_KEY,
	TVIEWS_GENERATION_XID,
	TVIEWS_GENERATION_NONCE,
	TVIEWS_FINGERPRINT,
	TVIEWS_RESTRICTABLE,
	TVIEWS_SINGLE_ROW,
	TVIEWS_SETTING_MASK,
	TVIEWS_SETTING_VALUES,
	TVIEWS_TAG_QUERY,
	TVIEWS_TAG_REL,
	TVIEWS_TAG_ATT,
	TVIEWS_TAG_FAMILY,
	TVIEWS_TAG_TYPE,
	TVIEWS_TAG_MULTIPLE,
	TVIEWS_LOOKUP_ATT,
	TVIEWS_LOOKUP_ROOT,
	TVIEWS_LOOKUP_FAMILY,
	TVIEWS_RELATION_TAGS,
	TVIEWS_SOURCES,
	TVIEWS_BASES,
	TVIEWS_VIEWS,
	TVIEWS_FUNCTIONS,
	TVIEWS_TYPES,
	TVIEWS_PROBLEM,
	TVIEWS_WARNING,
	TVIEWS_CLUSTER,
	TVIEWS_NATTS = TVIEWS_CLUSTER
};

enum
{
	SOURCES_RELID = 1,
	SOURCES_BASEID,
	SOURCES_SOURCEID,
	SOURCES_SERVERID,
	SOURCES_BY_ROW,
	SOURCES_BY_RELATION,
	SOURCES_USED,
	SOURCES_TRACKED_ATT,
	SOURCES_TRACKED_FAMILY,
	SOURCES_TRACKED_REACHES,
	SOURCES_KEY_ATT,
	SOURCES_NATTS = SOURCES_KEY_ATT
};

/* ---- arrays ---- */

/* An array datum of n fixed-size values of one of the types used here. */
static Datum
make_array(const Datum *values, int n, Oid type)
{
	int16 typlen;
	bool typbyval;
	char typalign;
	Datum *copy = palloc(sizeof(Datum) * Max(n, 1));

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	if (n > 0)
		memcpy(copy, values, sizeof(Datum) * n);
	return PointerGetDatum(
		construct_array(copy, n, type, typlen, typbyval, typalign));
}

/* The elements of an array datum without NULLs. */
static int
take_array(Datum array, Oid type, Datum **values)
{
	int16 typlen;
	bool typbyval;
	char typalign;
	int n;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(DatumGetArrayTypeP(array), type, typlen, typbyval,
					  typalign, values, NULL, &n);
	return n;
}

/* An oid[] datum of a list of oids. */
static Datum
make_oids(List *oids)
{
	Datum *values = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	int n = 0;
	ListCell *lc;

	foreach(lc, oids)
		values[n++] = ObjectIdGetDatum(lfirst_oid(lc));
	return make_array(values, n, OIDOID);
}

/* A list of oids of an oid[] datum. */
static List *
take_oids(Datum array)
{
	Datum *values;
	int n = take_array(array, OIDOID, &values);
	List *oids = NIL;

	for (int i = 0; i < n; i++)
		oids = lappend_oid(oids, DatumGetObjectId(values[i]));
	return oids;
}

/* ---- scans ---- */

/*
 * Opens one of our tables; NULL when the extension is not (or no longer) there.
 */
static Relation
open_table(Oid relid, LOCKMODE lockmode)
{
	if (!OidIsValid(relid))
		return NULL;
	return try_table_open(relid, lockmode);
}

/* Begins a scan of rel by the named index, whose first column is attno. */
static SysScanDesc
begin_scan(Relation rel, const char *index, ScanKey key, AttrNumber attno,
		   Oid value)
{
	Oid indexid = get_relname_relid(index, RelationGetNamespace(rel));

	ScanKeyInit(key, attno, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	return systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 1, key);
}

static SysScanDesc
begin_sources(Relation rel, ScanKey key, Oid relid, Oid baseid)
{
	if (OidIsValid(relid))
		return begin_scan(rel, "sources_pkey", key, SOURCES_RELID, relid);
	return begin_scan(rel, "sources_baseid_idx", key, SOURCES_BASEID, baseid);
}

/* ---- reading ---- */

/* The tag columns of a row. */
static List *
take_tagcols(const Datum *values)
{
	Datum *rel, *att, *family, *type, *multiple;
	List *tagcols = NIL;
	int n = take_array(values[TVIEWS_TAG_REL - 1], OIDOID, &rel);

	if (take_array(values[TVIEWS_TAG_ATT - 1], INT2OID, &att) != n ||
		take_array(values[TVIEWS_TAG_FAMILY - 1], OIDOID, &family) != n ||
		take_array(values[TVIEWS_TAG_TYPE - 1], OIDOID, &type) != n ||
		take_array(values[TVIEWS_TAG_MULTIPLE - 1], BOOLOID, &multiple) != n)
		elog(ERROR, "tag columns in tview.tviews do not match");
	for (int i = 0; i < n; i++)
	{
		TviewTagColumn *tagcol = palloc0(sizeof(TviewTagColumn));

		tagcol->relid = DatumGetObjectId(rel[i]);
		tagcol->attno = DatumGetInt16(att[i]);
		tagcol->opfamily = DatumGetObjectId(family[i]);
		tagcol->valtype = DatumGetObjectId(type[i]);
		tagcol->multiple = DatumGetBool(multiple[i]);
		tagcols = lappend(tagcols, tagcol);
	}
	return tagcols;
}

/* The look-up columns of a row. */
static void
take_lookups(TviewRecord *record, const Datum *values)
{
	Datum *att, *root, *family;
	int n = take_array(values[TVIEWS_LOOKUP_ATT - 1], INT2OID, &att);

	if (take_array(values[TVIEWS_LOOKUP_ROOT - 1], INT2OID, &root) != n ||
		take_array(values[TVIEWS_LOOKUP_FAMILY - 1], OIDOID, &family) != n)
		elog(ERROR, "look-up columns in tview.tviews do not match");
	record->nlookups = n;
	record->lookup_att = palloc(sizeof(AttrNumber) * Max(n, 1));
	record->lookup_root = palloc(sizeof(AttrNumber) * Max(n, 1));
	record->lookup_family = palloc(sizeof(Oid) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		record->lookup_att[i] = DatumGetInt16(att[i]);
		record->lookup_root[i] = DatumGetInt16(root[i]);
		record->lookup_family[i] = DatumGetObjectId(family[i]);
	}
}

/* The recorded settings of a row, which are "name=value" each. */
static void
take_settings(TviewRecord *record, Datum array)
{
	Datum *values;
	int n = take_array(array, TEXTOID, &values);

	for (int i = 0; i < n; i++)
	{
		char *pair = TextDatumGetCString(values[i]);
		char *eq = strchr(pair, '=');

		if (eq == NULL)
			continue;
		*eq = '\0';
		for (int j = 0; j < TVIEW_SETTING_COUNT; j++)
			if (strcmp(pair, tview_lineage_setting_names[j]) == 0)
				record->settings[j] = eq + 1;
	}
}

/* A row as a TviewRecord. */
static TviewRecord *
take_tview(Relation rel, HeapTuple tuple)
{
	TviewRecord *record = palloc0(sizeof(TviewRecord));
	Datum values[TVIEWS_NATTS];
	bool nulls[TVIEWS_NATTS];

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	record->relid = DatumGetObjectId(values[TVIEWS_RELID - 1]);
	record->viewid = DatumGetObjectId(values[TVIEWS_VIEWID - 1]);
	record->serverid = DatumGetObjectId(values[TVIEWS_SERVERID - 1]);
	record->rootid = DatumGetObjectId(values[TVIEWS_ROOTID - 1]);
	record->key_root = DatumGetInt16(values[TVIEWS_KEY_ROOT - 1]);
	record->key = DatumGetInt16(values[TVIEWS_KEY - 1]);
	record->generation.xid = DatumGetUInt64(values[TVIEWS_GENERATION_XID - 1]);
	record->generation.nonce =
		DatumGetUInt64(values[TVIEWS_GENERATION_NONCE - 1]);
	record->writer = HeapTupleHeaderGetXmin(tuple->t_data);
	record->fingerprint = DatumGetUInt64(values[TVIEWS_FINGERPRINT - 1]);
	record->restrictable = DatumGetBool(values[TVIEWS_RESTRICTABLE - 1]);
	record->single_row = DatumGetBool(values[TVIEWS_SINGLE_ROW - 1]);
	record->setting_mask = DatumGetInt32(values[TVIEWS_SETTING_MASK - 1]);
	take_settings(record, values[TVIEWS_SETTING_VALUES - 1]);
	if (!nulls[TVIEWS_TAG_QUERY - 1])
		record->tag_query = TextDatumGetCString(values[TVIEWS_TAG_QUERY - 1]);
	record->tagcols = take_tagcols(values);
	take_lookups(record, values);
	record->relation_tags = take_oids(values[TVIEWS_RELATION_TAGS - 1]);
	record->sources = take_oids(values[TVIEWS_SOURCES - 1]);
	record->bases = take_oids(values[TVIEWS_BASES - 1]);
	record->views = take_oids(values[TVIEWS_VIEWS - 1]);
	record->functions = take_oids(values[TVIEWS_FUNCTIONS - 1]);
	record->types = take_oids(values[TVIEWS_TYPES - 1]);
	if (!nulls[TVIEWS_PROBLEM - 1])
		record->problem = TextDatumGetCString(values[TVIEWS_PROBLEM - 1]);
	if (!nulls[TVIEWS_WARNING - 1])
		record->warning = TextDatumGetCString(values[TVIEWS_WARNING - 1]);
	record->cluster = DatumGetUInt64(values[TVIEWS_CLUSTER - 1]);
	return record;
}

/* A row as a TviewSourceRecord. */
static TviewSourceRecord *
take_source(Relation rel, HeapTuple tuple)
{
	TviewSourceRecord *source = palloc0(sizeof(TviewSourceRecord));
	Datum values[SOURCES_NATTS];
	bool nulls[SOURCES_NATTS];
	Datum *att, *family, *reaches;
	int n;

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	source->relid = DatumGetObjectId(values[SOURCES_RELID - 1]);
	source->baseid = DatumGetObjectId(values[SOURCES_BASEID - 1]);
	source->sourceid = DatumGetObjectId(values[SOURCES_SOURCEID - 1]);
	source->serverid = DatumGetObjectId(values[SOURCES_SERVERID - 1]);
	source->by_row = DatumGetBool(values[SOURCES_BY_ROW - 1]);
	source->by_relation = DatumGetBool(values[SOURCES_BY_RELATION - 1]);
	source->key_att = DatumGetInt16(values[SOURCES_KEY_ATT - 1]);
	source->all_used = nulls[SOURCES_USED - 1];
	if (!source->all_used)
	{
		n = take_array(values[SOURCES_USED - 1], INT2OID, &att);
		for (int i = 0; i < n; i++)
			source->used = bms_add_member(
				source->used,
				DatumGetInt16(att[i]) - FirstLowInvalidHeapAttributeNumber);
	}

	n = take_array(values[SOURCES_TRACKED_ATT - 1], INT2OID, &att);
	if (take_array(values[SOURCES_TRACKED_FAMILY - 1], OIDOID, &family) != n ||
		take_array(values[SOURCES_TRACKED_REACHES - 1], BOOLOID, &reaches) != n)
		elog(ERROR, "tracked columns in tview.sources do not match");
	for (int i = 0; i < n; i++)
	{
		TviewTracked *tracked = palloc0(sizeof(TviewTracked));

		tracked->relid = source->sourceid;
		tracked->attno = DatumGetInt16(att[i]);
		tracked->opfamily = DatumGetObjectId(family[i]);
		tracked->reaches = DatumGetBool(reaches[i]);
		source->tracked = lappend(source->tracked, tracked);
	}
	return source;
}

TviewRecord *
tview_record_get(Oid relid)
{
	Relation rel = open_table(tview_meta_tviews_relid(), AccessShareLock);
	TviewRecord *record = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return NULL;
	scan = begin_scan(rel, "tviews_pkey", &key, TVIEWS_RELID, relid);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		record = take_tview(rel, tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return record;
}

List *
tview_record_list(void)
{
	Relation rel = open_table(tview_meta_tviews_relid(), AccessShareLock);
	List *records = NIL;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		records = lappend(records, take_tview(rel, tuple));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return records;
}

List *
tview_record_sources(Oid relid, Oid baseid)
{
	Relation rel = open_table(tview_meta_sources_relid(), AccessShareLock);
	List *sources = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return NIL;
	scan = begin_sources(rel, &key, relid, baseid);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		sources = lappend(sources, take_source(rel, tuple));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return sources;
}

bool
tview_record_base_is_needed(Oid baseid)
{
	Relation rel = open_table(tview_meta_sources_relid(), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool found;

	if (rel == NULL)
		return false;
	scan = begin_sources(rel, &key, InvalidOid, baseid);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* ---- writing ---- */

/* Fills the arrays of tag columns. */
static void
give_tagcols(List *tagcols, Datum *values)
{
	int n = list_length(tagcols);
	Datum *array = palloc(sizeof(Datum) * 5 * Max(n, 1));
	int i = 0;
	ListCell *lc;

	foreach(lc, tagcols)
	{
		TviewTagColumn *tagcol = lfirst(lc);

		array[i] = ObjectIdGetDatum(tagcol->relid);
		array[n + i] = Int16GetDatum(tagcol->attno);
		array[2 * n + i] = ObjectIdGetDatum(tagcol->opfamily);
		array[3 * n + i] = ObjectIdGetDatum(tagcol->valtype);
		array[4 * n + i] = BoolGetDatum(tagcol->multiple);
		i++;
	}
	values[TVIEWS_TAG_REL - 1] = make_array(array, n, OIDOID);
	values[TVIEWS_TAG_ATT - 1] = make_array(array + n, n, INT2OID);
	values[TVIEWS_TAG_FAMILY - 1] = make_array(array + 2 * n, n, OIDOID);
	values[TVIEWS_TAG_TYPE - 1] = make_array(array + 3 * n, n, OIDOID);
	values[TVIEWS_TAG_MULTIPLE - 1] = make_array(array + 4 * n, n, BOOLOID);
}

/* Fills the arrays of look-up columns. */
static void
give_lookups(const TviewRecord *record, Datum *values)
{
	int n = record->nlookups;
	Datum *array = palloc(sizeof(Datum) * 3 * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		array[i] = Int16GetDatum(record->lookup_att[i]);
		array[n + i] = Int16GetDatum(record->lookup_root[i]);
		array[2 * n + i] = ObjectIdGetDatum(record->lookup_family[i]);
	}
	values[TVIEWS_LOOKUP_ATT - 1] = make_array(array, n, INT2OID);
	values[TVIEWS_LOOKUP_ROOT - 1] = make_array(array + n, n, INT2OID);
	values[TVIEWS_LOOKUP_FAMILY - 1] = make_array(array + 2 * n, n, OIDOID);
}

/* The recorded settings as an array of "name=value". */
static Datum
make_settings(const TviewRecord *record)
{
	Datum array[TVIEW_SETTING_COUNT];
	int n = 0;

	for (int i = 0; i < TVIEW_SETTING_COUNT; i++)
		if (record->settings[i] != NULL)
			array[n++] = CStringGetTextDatum(psprintf(
				"%s=%s", tview_lineage_setting_names[i], record->settings[i]));
	return make_array(array, n, TEXTOID);
}

/* The row of a TviewRecord. */
static HeapTuple
make_tview(Relation rel, const TviewRecord *record)
{
	Datum values[TVIEWS_NATTS];
	bool nulls[TVIEWS_NATTS] = {0};

	values[TVIEWS_RELID - 1] = ObjectIdGetDatum(record->relid);
	values[TVIEWS_VIEWID - 1] = ObjectIdGetDatum(record->viewid);
	values[TVIEWS_SERVERID - 1] = ObjectIdGetDatum(record->serverid);
	values[TVIEWS_ROOTID - 1] = ObjectIdGetDatum(record->rootid);
	values[TVIEWS_KEY_ROOT - 1] = Int16GetDatum(record->key_root);
	values[TVIEWS_KEY - 1] = Int16GetDatum(record->key);
	values[TVIEWS_GENERATION_XID - 1] = UInt64GetDatum(record->generation.xid);
	values[TVIEWS_GENERATION_NONCE - 1] =
		UInt64GetDatum(record->generation.nonce);
	values[TVIEWS_FINGERPRINT - 1] = UInt64GetDatum(record->fingerprint);
	values[TVIEWS_RESTRICTABLE - 1] = BoolGetDatum(record->restrictable);
	values[TVIEWS_SINGLE_ROW - 1] = BoolGetDatum(record->single_row);
	values[TVIEWS_SETTING_MASK - 1] = Int32GetDatum(record->setting_mask);
	values[TVIEWS_SETTING_VALUES - 1] = make_settings(record);
	nulls[TVIEWS_TAG_QUERY - 1] = record->tag_query == NULL;
	if (record->tag_query != NULL)
		values[TVIEWS_TAG_QUERY - 1] = CStringGetTextDatum(record->tag_query);
	give_tagcols(record->tagcols, values);
	give_lookups(record, values);
	values[TVIEWS_RELATION_TAGS - 1] = make_oids(record->relation_tags);
	values[TVIEWS_SOURCES - 1] = make_oids(record->sources);
	values[TVIEWS_BASES - 1] = make_oids(record->bases);
	values[TVIEWS_VIEWS - 1] = make_oids(record->views);
	values[TVIEWS_FUNCTIONS - 1] = make_oids(record->functions);
	values[TVIEWS_TYPES - 1] = make_oids(record->types);
	nulls[TVIEWS_PROBLEM - 1] = record->problem == NULL;
	if (record->problem != NULL)
		values[TVIEWS_PROBLEM - 1] = CStringGetTextDatum(record->problem);
	nulls[TVIEWS_WARNING - 1] = record->warning == NULL;
	if (record->warning != NULL)
		values[TVIEWS_WARNING - 1] = CStringGetTextDatum(record->warning);
	values[TVIEWS_CLUSTER - 1] = UInt64GetDatum(record->cluster);
	return heap_form_tuple(RelationGetDescr(rel), values, nulls);
}

/* An int2[] datum of a set of attribute numbers. */
static Datum
make_used(Bitmapset *used)
{
	Datum *array = palloc(sizeof(Datum) * Max(bms_num_members(used), 1));
	int n = 0;
	int member = -1;

	while ((member = bms_next_member(used, member)) >= 0)
		array[n++] = Int16GetDatum(member + FirstLowInvalidHeapAttributeNumber);
	return make_array(array, n, INT2OID);
}

/* The row of a TviewSourceRecord. */
static HeapTuple
make_source(Relation rel, const TviewSourceRecord *source)
{
	Datum values[SOURCES_NATTS];
	bool nulls[SOURCES_NATTS] = {0};
	int n = list_length(source->tracked);
	Datum *array = palloc(sizeof(Datum) * 3 * Max(n, 1));
	int i = 0;
	ListCell *lc;

	foreach(lc, source->tracked)
	{
		TviewTracked *tracked = lfirst(lc);

		array[i] = Int16GetDatum(tracked->attno);
		array[n + i] = ObjectIdGetDatum(tracked->opfamily);
		array[2 * n + i] = BoolGetDatum(tracked->reaches);
		i++;
	}
	values[SOURCES_RELID - 1] = ObjectIdGetDatum(source->relid);
	values[SOURCES_BASEID - 1] = ObjectIdGetDatum(source->baseid);
	values[SOURCES_SOURCEID - 1] = ObjectIdGetDatum(source->sourceid);
	values[SOURCES_SERVERID - 1] = ObjectIdGetDatum(source->serverid);
	values[SOURCES_BY_ROW - 1] = BoolGetDatum(source->by_row);
	values[SOURCES_BY_RELATION - 1] = BoolGetDatum(source->by_relation);
	nulls[SOURCES_USED - 1] = source->all_used;
	if (!source->all_used)
		values[SOURCES_USED - 1] = make_used(source->used);
	values[SOURCES_TRACKED_ATT - 1] = make_array(array, n, INT2OID);
	values[SOURCES_TRACKED_FAMILY - 1] = make_array(array + n, n, OIDOID);
	values[SOURCES_TRACKED_REACHES - 1] = make_array(array + 2 * n, n, BOOLOID);
	values[SOURCES_KEY_ATT - 1] = Int16GetDatum(source->key_att);
	return heap_form_tuple(RelationGetDescr(rel), values, nulls);
}

/* Deletes the TVIEW's rows of one of the two tables. */
static void
delete_rows(Oid tableid, bool is_sources, Oid relid)
{
	Relation rel = open_table(tableid, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return;
	scan = is_sources
		? begin_sources(rel, &key, relid, InvalidOid)
		: begin_scan(rel, "tviews_pkey", &key, TVIEWS_RELID, relid);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

void
tview_record_put(const TviewRecord *record, List *sources)
{
	Relation rel;
	ListCell *lc;

	tview_record_delete(record->relid);
	rel = table_open(tview_meta_tviews_relid(), RowExclusiveLock);
	tview_insert_row(rel, make_tview(rel, record));
	table_close(rel, RowExclusiveLock);

	rel = table_open(tview_meta_sources_relid(), RowExclusiveLock);
	foreach(lc, sources)
		tview_insert_row(rel, make_source(rel, lfirst(lc)));
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

void
tview_record_delete(Oid relid)
{
	delete_rows(tview_meta_tviews_relid(), false, relid);
	delete_rows(tview_meta_sources_relid(), true, relid);
	CommandCounterIncrement();
}
