/*
 * fingerprint.c
 *		A hash over what the meaning of a view depends on.
 *
 * Equal in every session and after restarts as long as no definition changes:
 * only catalog contents go in, no statistics and no file names.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "compat.h"
#include "lineage/lineage.h"
#include "lineage/relation.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "rewrite/prs2lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

/* Mixes bytes in. */
static void
add_bytes(uint64 *hash, const void *data, size_t length)
{
	*hash = hash_combine64(*hash, hash_bytes_extended(data, (int) length, 0));
}

static void
add_number(uint64 *hash, int64 number)
{
	add_bytes(hash, &number, sizeof(number));
}

static void
add_text(uint64 *hash, const char *text)
{
	if (text == NULL)
		add_number(hash, -1);
	else
		add_bytes(hash, text, strlen(text));
}

/* A tree's text without the positions in the source that it was parsed from. */
static void
add_tree(uint64 *hash, char *text)
{
	static const char *const marks[] = {":location ", ":stmt_location ",
										":stmt_len "};
	char *to = text;
	char *from = text;

	while (*from)
	{
		bool skipped = false;

		for (size_t i = 0; *from == ':' && i < lengthof(marks); i++)
		{
			size_t length = strlen(marks[i]);

			if (strncmp(from, marks[i], length) != 0)
				continue;
			from += length;
			from += strspn(from, "-0123456789");
			skipped = true;
			break;
		}
		if (!skipped)
			*to++ = *from++;
	}
	add_bytes(hash, text, to - text);
}

/* Columns that the analysis and the results depend on. */
static void
add_columns(uint64 *hash, Relation rel)
{
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);
		Node *expr;

		add_number(hash, attr->attnum);
		add_text(hash, NameStr(attr->attname));
		add_number(hash, attr->atttypid);
		add_number(hash, attr->atttypmod);
		add_number(hash, attr->attcollation);
		add_number(hash, attr->attisdropped);
		add_number(hash, tview_compat_is_not_null(RelationGetDescr(rel), i));
		add_number(hash, attr->attgenerated);
		expr = tview_compat_virtual_expression(rel, attr->attnum);
		if (expr != NULL)
			add_tree(hash, nodeToString(expr));
	}
}

/*
 * Unique indexes, from which the analysis concludes.  Their hashes are added
 * up, so that neither order nor oids matter.
 */
static void
add_indexes(uint64 *hash, Relation rel)
{
	uint64 sum = 0;
	ListCell *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation index = tview_relation_open(lfirst_oid(lc));
		Form_pg_index form = index->rd_index;
		uint64 one = 0;

		if (form->indisunique && form->indisvalid && form->indimmediate &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		{
			for (int i = 0; i < form->indnkeyatts; i++)
			{
				add_number(&one, form->indkey.values[i]);
				add_number(&one, index->rd_opfamily[i]);
			}
			sum += one;
		}
		tview_relation_close(index);
	}
	add_number(hash, (int64) sum);
}

/* Definition of a base table. */
static void
add_base(uint64 *hash, Oid relid)
{
	Relation rel = tview_relation_try_open(relid);
	List *children;
	ListCell *lc;

	add_number(hash, relid);
	if (rel == NULL)
		return;
	add_number(hash, rel->rd_rel->relkind);
	add_number(hash, rel->rd_rel->relpersistence);
	add_number(hash, rel->rd_rel->relnamespace);
	add_text(hash, RelationGetRelationName(rel));
	add_columns(hash, rel);
	add_indexes(hash, rel);
	children = rel->rd_rel->relhassubclass
		? find_inheritance_children(relid, NoLock)
		: NIL;
	foreach(lc, children)
		add_number(hash, lfirst_oid(lc));
	/* what the list says then is the snapshot's, and other sessions see more */
	if (tview_relation_is_detaching(relid))
		add_text(hash, "detaching");
	tview_relation_close(rel);
}

/*
 * The rules of a view, read from the catalog: cheaper than printing the cached
 * tree.
 */
static void
add_rules(uint64 *hash, Oid viewid)
{
	Relation rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(viewid));
	scan = systable_beginscan(rewrite, RewriteRelRulenameIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;
		Datum action = heap_getattr(tuple, Anum_pg_rewrite_ev_action,
									RelationGetDescr(rewrite), &isnull);
		char *rule;

		if (isnull)
			continue;
		rule = TextDatumGetCString(action);
		add_tree(hash, rule);
		pfree(rule);
	}
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
}

/* Definition of a view or TVIEW. */
static void
add_view(uint64 *hash, Oid relid)
{
	Relation rel = tview_relation_try_open(relid);

	add_number(hash, relid);
	if (rel == NULL)
		return;
	add_number(hash, rel->rd_rel->relkind);
	add_columns(hash, rel);
	add_number(hash,
			   rel->rd_rel->relkind == RELKIND_VIEW &&
				   RelationHasSecurityInvoker(rel));
	tview_relation_close(rel);
	if (tview_relation_is_tview(relid))
		add_number(hash, tview_relation_backing(relid));
	else
		add_rules(hash, relid);
}

/* Definition of a function. */
static void
add_function(uint64 *hash, Oid funcid)
{
	static const AttrNumber texts[] = {Anum_pg_proc_prosrc, Anum_pg_proc_probin,
									   Anum_pg_proc_prosqlbody};
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc form;
	bool isnull;
	Datum config;

	add_number(hash, funcid);
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	add_number(hash, form->prolang);
	add_number(hash, form->provolatile);
	add_number(hash, form->proisstrict);
	add_number(hash, form->prosecdef);
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		Datum value = SysCacheGetAttr(PROCOID, tuple, texts[i], &isnull);

		add_text(hash, isnull ? NULL : TextDatumGetCString(value));
	}
	config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	if (!isnull)
	{
		ArrayType *array = DatumGetArrayTypeP(config);

		add_bytes(hash, ARR_DATA_PTR(array),
				  ARR_SIZE(array) - ARR_DATA_OFFSET(array));
	}
	ReleaseSysCache(tuple);
}

/* The labels of an enum, in their order. */
static void
add_labels(uint64 *hash, Oid type)
{
	Relation rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(type));
	scan =
		systable_beginscan(rel, EnumTypIdSortOrderIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuple);

		add_number(hash, form->oid);
		add_text(hash, NameStr(form->enumlabel));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Definition of a type. */
static void
add_type(uint64 *hash, Oid type)
{
	char typtype = get_typtype(type);

	add_number(hash, type);
	add_number(hash, typtype);
	add_number(hash, get_typlen(type));
	if (typtype == TYPTYPE_ENUM)
		add_labels(hash, type);
	else if (typtype == TYPTYPE_DOMAIN)
		add_number(hash, getBaseType(type));
	else if (typtype == TYPTYPE_COMPOSITE)
	{
		Oid relid = get_typ_typrelid(type);
		Relation rel = OidIsValid(relid)
			? tview_relation_try_open(relid)
			: NULL;

		if (rel == NULL)
			return;
		add_columns(hash, rel);
		tview_relation_close(rel);
	}
}

uint64
tview_lineage_fingerprint(const TviewLineage *lineage)
{
	uint64 hash = 0;
	ListCell *lc;

	foreach(lc, lineage->views)
		add_view(&hash, lfirst_oid(lc));
	foreach(lc, lineage->bases)
		add_base(&hash, lfirst_oid(lc));
	foreach(lc, lineage->functions)
		add_function(&hash, lfirst_oid(lc));
	foreach(lc, lineage->types)
		add_type(&hash, lfirst_oid(lc));
	return hash;
}
