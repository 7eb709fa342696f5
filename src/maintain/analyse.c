/*
 * analyse.c
 *		See analyse.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type_d.h"
#include "foreign/fdwapi.h"
#include "lineage/relation.h"
#include "maintain/analyse.h"
#include "maintain/dependency.h"
#include "maintain/placeholder.h"
#include "maintain/setting.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- columns ---- */

/* Raises that a column of the TVIEW is not the view's. */
static void
refuse_column(Relation tview, Relation view, const char *column,
			  const char *detail)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
		 errmsg(
			 "column \"%s\" of foreign table \"%s\" does not match view \"%s\"",
			 column, RelationGetRelationName(tview),
			 RelationGetRelationName(view)),
		 errdetail_internal("%s", detail),
		 errhint(
			 "Declare the columns as the view has them, or use IMPORT FOREIGN SCHEMA.")));
}

/* Checks one column of the TVIEW against the view's column. */
static void
check_column(Relation tview, Relation view, Form_pg_attribute mine,
			 Form_pg_attribute theirs)
{
	const char *name = NameStr(mine->attname);

	if (tview_relation_holds_text(mine->atttypid, theirs->atttypid))
		return;
	if (mine->atttypid != theirs->atttypid ||
		mine->atttypmod != theirs->atttypmod)
		refuse_column(
			tview, view, name,
			psprintf(
				"Its type is %s, the view's is %s.",
				format_type_with_typemod(mine->atttypid, mine->atttypmod),
				format_type_with_typemod(theirs->atttypid, theirs->atttypmod)));
	if (mine->attcollation != theirs->attcollation)
		refuse_column(tview, view, name, "Its collation is not the view's.");
}

/* Checks that every column of the TVIEW is a column of the view. */
static void
check_columns_by_name(Relation tview, Relation view)
{
	for (int i = 0; i < RelationGetDescr(tview)->natts; i++)
	{
		Form_pg_attribute mine = TupleDescAttr(RelationGetDescr(tview), i);
		AttrNumber attno;

		if (mine->attisdropped)
			continue;
		attno = get_attnum(RelationGetRelid(view), NameStr(mine->attname));
		if (attno <= 0)
			refuse_column(tview, view, NameStr(mine->attname),
						  "The view has no column of this name.");
		check_column(tview, view, mine,
					 TupleDescAttr(RelationGetDescr(view), attno - 1));
	}
}

/* Checks that the TVIEW's columns are the view's, in their order. */
static void
check_columns_in_order(Relation tview, Relation view)
{
	int n = RelationGetDescr(tview)->natts;
	int nview = RelationGetDescr(view)->natts;

	for (int i = 0; i < Max(n, nview); i++)
	{
		Form_pg_attribute mine =
			i < n ? TupleDescAttr(RelationGetDescr(tview), i) : NULL;
		Form_pg_attribute theirs =
			i < nview ? TupleDescAttr(RelationGetDescr(view), i) : NULL;

		if (mine == NULL)
			refuse_column(
				tview, view, NameStr(theirs->attname),
				"The view has this column, the foreign table does not.");
		else if (theirs == NULL)
			refuse_column(tview, view, NameStr(mine->attname),
						  "The view has fewer columns.");
		else if (namestrcmp(&mine->attname, NameStr(theirs->attname)) != 0)
			refuse_column(tview, view, NameStr(mine->attname),
						  psprintf("The view has column \"%s\" in its place.",
								   NameStr(theirs->attname)));
		else
			check_column(tview, view, mine, theirs);
	}
}

/* ---- the table, its view, its key ---- */

/*
 * Name of the key column: the option's, or the one that the table's name asks
 * for.
 */
static char *
key_name(Relation tview, const TviewTableOptions *options)
{
	const char *name = RelationGetRelationName(tview);

	if (options->key != NULL)
		return options->key;
	if (strncmp(name, "tv_", 3) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("foreign table \"%s\" needs the option \"key\"", name),
				 errdetail(
					 "The key column is pk_x for a foreign table tv_x only.")));
	return psprintf("pk_%s", name + 3);
}

/* The view: as recorded, or as the option names it. */
static Oid
find_view(Relation tview, const TviewTableOptions *options,
		  const TviewRecord *old, bool by_option)
{
	Oid viewid;
	char relkind;

	if (old != NULL && !by_option)
		return old->viewid;
	if (options->view == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
			 errmsg("foreign table \"%s\" needs the option \"view\"",
					RelationGetRelationName(tview)),
			 errhint("Name the backing view: OPTIONS (view 'schema.v_x').")));
	viewid = tview_option_view(options->view, false);
	relkind = get_rel_relkind(viewid);
	if (relkind != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a view", options->view),
				 errdetail("A TVIEW is backed by an ordinary view.")));
	if (pg_class_aclcheck(viewid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, options->view);
	return viewid;
}

/* Raises unless the TVIEW's owner may make it. */
static void
check_privileges(Relation tview, Oid viewid, List *sources)
{
	Oid owner = tview->rd_rel->relowner;
	ListCell *lc;

	if (pg_class_aclcheck(viewid, owner, ACL_SELECT) != ACLCHECK_OK)
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for view %s",
					tview_meta_relation_name(viewid)),
			 errdetail(
				 "The owner of foreign table \"%s\" must be allowed to SELECT from it.",
				 RelationGetRelationName(tview))));
	foreach(lc, sources)
	{
		TviewSource *source = lfirst(lc);

		if (pg_class_aclcheck(source->relid, owner, ACL_TRIGGER) != ACLCHECK_OK)
			ereport(
				ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s",
						tview_meta_relation_name(source->relid)),
				 errdetail(
					 "A TVIEW places triggers on the tables that its view reads."),
				 errhint(
					 "Grant TRIGGER on the table to %s, or let the owner of the table create the foreign table.",
					 quote_identifier(GetUserNameFromId(owner, false)))));
	}
}

/* Raises what the analysis has found. */
static void
raise_problem(const TviewLineage *lineage)
{
	ereport(ERROR,
			(errcode(lineage->sqlstate ? lineage->sqlstate
									   : ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg_internal("%s", lineage->problem),
			 lineage->detail ? errdetail_internal("%s", lineage->detail) : 0,
			 lineage->hint ? errhint("%s", lineage->hint) : 0));
}

/* ---- from the lineage to the record ---- */

/* The key's attribute in the TVIEW; raises when it is none or no integer. */
static AttrNumber
find_key(Relation tview, const char *key)
{
	AttrNumber attno = get_attnum(RelationGetRelid(tview), key);
	Oid type;

	if (attno <= 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("key column \"%s\" of foreign table \"%s\" does not exist",
					key, RelationGetRelationName(tview)),
			 errhint("Name another key column: OPTIONS (key '...').")));
	type = getBaseType(get_atttype(RelationGetRelid(tview), attno));
	if (type != INT2OID && type != INT4OID && type != INT8OID)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg(
				 "key column \"%s\" of foreign table \"%s\" is not an integer",
				 key, RelationGetRelationName(tview))));
	return attno;
}

/* Fills the look-ups: plain root columns of the view that are tracked. */
static void
fill_lookups(TviewRecord *record, Relation tview, const TviewLineage *lineage)
{
	int natts = RelationGetDescr(tview)->natts;

	record->lookup_att = palloc(sizeof(AttrNumber) * Max(natts, 1));
	record->lookup_root = palloc(sizeof(AttrNumber) * Max(natts, 1));
	record->lookup_family = palloc(sizeof(Oid) * Max(natts, 1));
	for (AttrNumber attno = 1; attno <= natts; attno++)
	{
		Form_pg_attribute att =
			TupleDescAttr(RelationGetDescr(tview), attno - 1);
		AttrNumber viewatt;
		AttrNumber rootatt;
		ListCell *lc;

		if (att->attisdropped || attno == record->key)
			continue;
		viewatt = get_attnum(record->viewid, NameStr(att->attname));
		rootatt = viewatt > 0 && viewatt <= lineage->ncolumns
			? lineage->root_column[viewatt - 1]
			: 0;
		/* no look-up where the values are others than the root's */
		if (rootatt == 0 ||
			tview_relation_holds_text(
				att->atttypid, get_atttype(record->viewid, viewatt)))
			continue;
		foreach(lc, lineage->tracked)
		{
			TviewTracked *tracked = lfirst(lc);

			if (tracked->relid != lineage->rootid || tracked->attno != rootatt)
				continue;
			record->lookup_att[record->nlookups] = attno;
			record->lookup_root[record->nlookups] = rootatt;
			record->lookup_family[record->nlookups++] = tracked->opfamily;
			break;
		}
	}
}

static int
compare_sources(const ListCell *a, const ListCell *b)
{
	const TviewSourceRecord *x = lfirst(a);
	const TviewSourceRecord *y = lfirst(b);

	if (x->baseid != y->baseid)
		return x->baseid < y->baseid ? -1 : 1;
	return x->sourceid < y->sourceid ? -1 : x->sourceid > y->sourceid;
}

/* The rows for tview.sources: each source with itself and every child. */
static List *
make_sources(const TviewRecord *record, const TviewLineage *lineage)
{
	List *rows = NIL;
	ListCell *lc, *lc2;

	foreach(lc, lineage->sources)
	{
		TviewSource *source = lfirst(lc);
		List *tracked = NIL;

		foreach(lc2, lineage->tracked)
			if (((TviewTracked *) lfirst(lc2))->relid == source->relid)
				tracked = lappend(tracked, lfirst(lc2));
		foreach(lc2, find_all_inheritors(source->relid, NoLock, NULL))
		{
			TviewSourceRecord *row = palloc0(sizeof(TviewSourceRecord));

			row->relid = record->relid;
			row->baseid = lfirst_oid(lc2);
			row->sourceid = source->relid;
			row->serverid = record->serverid;
			row->by_row = source->by_row;
			row->by_relation = source->by_relation;
			row->all_used = source->whole_row;
			row->used = source->used;
			row->tracked = tracked;
			row->key_att = source->relid == lineage->rootid ? lineage->key_root
															: InvalidAttrNumber;
			rows = lappend(rows, row);
		}
	}
	list_sort(rows, compare_sources);
	return rows;
}

/* Fills the record from the lineage. */
static void
fill_record(TviewRecord *record, Relation tview, const TviewLineage *lineage,
			const char *key)
{
	ListCell *lc;

	record->key = find_key(tview, key);
	record->rootid = lineage->rootid;
	record->key_root = lineage->key_root;
	record->restrictable = lineage->restrictable;
	record->single_row = lineage->unique_proven;
	record->setting_mask = lineage->settings;
	record->tag_query = lineage->tag_query;
	record->tagcols = lineage->tagcols;
	record->views = lineage->views;
	record->functions = lineage->functions;
	record->types = lineage->types;
	record->warning = lineage->warning;
	record->fingerprint = tview_lineage_fingerprint(lineage);
	fill_lookups(record, tview, lineage);
	foreach(lc, lineage->sources)
	{
		TviewSource *source = lfirst(lc);

		record->sources = lappend_oid(record->sources, source->relid);
		if (source->by_relation)
			record->relation_tags =
				lappend_oid(record->relation_tags, source->relid);
	}
}

/*
 * The settings: those that are recorded already stay as they are.  Where there
 * are functions search_path always is: see tview_query_enter.
 */
static void
fill_settings(TviewRecord *record, const TviewRecord *old)
{
	int mask = record->setting_mask;

	if (record->functions != NIL)
		mask |= TVIEW_SETTING_SEARCH_PATH;
	for (int i = 0; i < TVIEW_SETTING_COUNT; i++)
	{
		if ((mask & (1 << i)) == 0)
			continue;
		if (old != NULL && old->settings[i] != NULL)
			record->settings[i] = old->settings[i];
		else
			record->settings[i] =
				tview_setting_default(tview_lineage_setting_names[i]);
	}
}

/*
 * Fills the bases from the sources' rows, and makes sure that the lineage names
 * no others.
 */
static void
fill_bases(TviewRecord *record, List *sources, const TviewLineage *lineage)
{
	ListCell *lc;

	record->bases = list_copy(lineage->bases);
	foreach(lc, sources)
		record->bases = list_append_unique_oid(
			record->bases, ((TviewSourceRecord *) lfirst(lc))->baseid);
	foreach(lc, record->bases)
	{
		char relkind = get_rel_relkind(lfirst_oid(lc));

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
			ereport(
				ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s, which the view reads, is not a table",
						tview_meta_relation_name(lfirst_oid(lc))),
				 errdetail(
					 "Only ordinary and partitioned tables can be watched.")));
		if (get_rel_persistence(lfirst_oid(lc)) != RELPERSISTENCE_PERMANENT)
			ereport(
				ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg(
					 "table %s, which the view reads, is temporary or unlogged",
					 tview_meta_relation_name(lfirst_oid(lc))),
				 errdetail(
					 "The stored rows would not follow when it is emptied without a transaction.")));
	}
}

TviewDefinition *
tview_analyse_table(Oid relid, const TviewRecord *old, bool by_option)
{
	TviewDefinition *definition = palloc0(sizeof(TviewDefinition));
	TviewRecord *record = palloc0(sizeof(TviewRecord));
	Relation tview = table_open(relid, AccessShareLock);
	TviewTableOptions options;
	TviewLineage *lineage;
	Relation view;
	char *key;

	definition->record = record;
	tview_dependency_options(
		relid, old != NULL && !by_option ? old->viewid : InvalidOid, &options);
	definition->depends_on = options.depends_on;
	record->relid = relid;
	record->serverid = GetForeignServerIdByRelId(relid);
	record->cluster = GetSystemIdentifier();
	record->viewid = find_view(tview, &options, old, by_option);
	key = key_name(tview, &options);
	definition->key = key;

	view = tview_relation_open(record->viewid);
	if (old == NULL)
		check_columns_in_order(tview, view);
	else
		check_columns_by_name(tview, view);
	(void) find_key(tview, key);
	if (tview_placeholder_is(view))
	{
		record->key = find_key(tview, key);
		record->problem = "the view is a placeholder of pg_dump";
		definition->is_dummy = true;
	}
	else
	{
		lineage =
			tview_lineage_analyse(record->viewid, key, options.depends_on);
		if (lineage->problem != NULL)
			raise_problem(lineage);
		check_privileges(tview, record->viewid, lineage->sources);
		fill_record(record, tview, lineage, key);
		fill_settings(record, old);
		definition->sources = make_sources(record, lineage);
		fill_bases(record, definition->sources, lineage);
	}
	tview_relation_close(view);
	table_close(tview, NoLock);
	return definition;
}

/* ---- comparison ---- */

/* Appends a list of oids. */
static void
append_oids(StringInfo text, const char *name, List *oids)
{
	ListCell *lc;

	appendStringInfo(text, " %s", name);
	foreach(lc, oids)
		appendStringInfo(text, " %u", lfirst_oid(lc));
}

/* Appends a row of tview.sources. */
static void
append_source(StringInfo text, const TviewSourceRecord *source)
{
	int member = -1;
	ListCell *lc;

	appendStringInfo(text, " source %u %u %d %d %d used", source->baseid,
					 source->sourceid, source->by_row, source->by_relation,
					 source->all_used);
	while (!source->all_used &&
		   (member = bms_next_member(source->used, member)) >= 0)
		appendStringInfo(text, " %d",
						 member + FirstLowInvalidHeapAttributeNumber);
	appendStringInfo(text, " key %d", source->key_att);
	foreach(lc, source->tracked)
	{
		TviewTracked *tracked = lfirst(lc);

		appendStringInfo(text, " tracked %d %u %d", tracked->attno,
						 tracked->opfamily, tracked->reaches);
	}
}

char *
tview_analyse_meaning(const TviewRecord *record, List *sources)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfo(&text,
					 "%s view %u server %u root %u %d key %d settings %d",
					 record->problem ? record->problem : "", record->viewid,
					 record->serverid, record->rootid, record->key_root,
					 record->key, record->setting_mask);
	for (int i = 0; i < TVIEW_SETTING_COUNT; i++)
		appendStringInfo(&text, " '%s'",
						 record->settings[i] ? record->settings[i] : "");
	foreach(lc, record->tagcols)
	{
		TviewTagColumn *tagcol = lfirst(lc);

		appendStringInfo(&text, " tag %u %d %u %u %d", tagcol->relid,
						 tagcol->attno, tagcol->opfamily, tagcol->valtype,
						 tagcol->multiple);
	}
	for (int i = 0; i < record->nlookups; i++)
		appendStringInfo(&text, " lookup %d %d %u", record->lookup_att[i],
						 record->lookup_root[i], record->lookup_family[i]);
	append_oids(&text, "relations", record->relation_tags);
	append_oids(&text, "sources", record->sources);
	append_oids(&text, "views", record->views);
	append_oids(&text, "functions", record->functions);
	append_oids(&text, "types", record->types);
	foreach(lc, sources)
	{
		TviewSourceRecord *source = lfirst(lc);

		if (source->baseid == source->sourceid)
			append_source(&text, source);
	}
	return text.data;
}

char *
tview_analyse_details(const TviewRecord *record, List *sources)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfo(&text, "%d %d %s %s", record->restrictable,
					 record->single_row,
					 record->tag_query ? record->tag_query : "",
					 record->warning ? record->warning : "");
	append_oids(&text, "bases", record->bases);
	foreach(lc, sources)
		append_source(&text, lfirst(lc));
	return text.data;
}
