/*
 * import.c
 *		IMPORT FOREIGN SCHEMA: a TVIEW for every view that can have one.
 *
 * The "remote" schema is one of this database.  View v_x becomes tv_x with
 * the key pk_x; LIMIT TO and EXCEPT name the tv_x.  A view that cannot be kept
 * is passed over with a WARNING, unless LIMIT TO asks for it.  PostgreSQL runs
 * the statements that are returned here; everything else about a new TVIEW is
 * done where CREATE FOREIGN TABLE is handled.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/import.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "fdw/validator.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "lineage/lineage.h"
#include "meta/option.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define VIEW_PREFIX "v_"
#define TABLE_PREFIX "tv_"
#define KEY_PREFIX "pk_"

/* An import under way. */
typedef struct Import
{
	Oid schemaid;
	char *schema;
	char *server;
	List *options;	  /* DefElems that every table gets */
	List *depends_on; /* oids named by the option depends_on */
	bool json;		  /* jsonb columns become json */
	bool is_named;	  /* LIMIT TO: a view that cannot be kept is an error */
} Import;

/*
 * Checks the options of the statement and remembers what they say.  What they
 * say of columns is seen in the columns and is no option of the tables.
 */
static void
take_options(Import *import, List *options)
{
	ListCell *lc;

	foreach(lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		tview_validator_check(option, TVIEW_OPTION_IMPORT);
		if (strcmp(option->defname, "depends_on") == 0)
			import->depends_on = tview_option_parse_tables(
				defGetString(option), false);
		if (strcmp(option->defname, "jsonb_as_json") == 0)
			import->json = tview_option_parse_bool(option->defname,
												   defGetString(option));
		else
			import->options = lappend(import->options, option);
	}
}

/* Compares names as C strings (a list_sort comparator). */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Returns the names of all v_* views of the schema, in order. */
static List *
list_views(Oid schemaid)
{
	List *names = NIL;
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_class_relnamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schemaid));
	ScanKeyInit(&keys[1], Anum_pg_class_relkind, BTEqualStrategyNumber,
				F_CHAREQ, CharGetDatum(RELKIND_VIEW));
	scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		char *name = NameStr(form->relname);

		if (strncmp(name, VIEW_PREFIX, strlen(VIEW_PREFIX)) == 0)
			names = lappend(names, pstrdup(name));
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	list_sort(names, compare_names);
	return names;
}

/*
 * Returns the names of the views behind the tables that LIMIT TO names; raises
 * for one that has none.
 */
static List *
list_limited(Import *import, List *tables)
{
	List *names = NIL;
	ListCell *lc;

	foreach(lc, tables)
	{
		const char *table = lfirst_node(RangeVar, lc)->relname;
		char *view;
		Oid relid;

		if (strncmp(table, TABLE_PREFIX, strlen(TABLE_PREFIX)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("cannot import \"%s\": names of TVIEWs begin with \"%s\"",
							table, TABLE_PREFIX),
					 errhint("LIMIT TO takes the names of the tables to be made: %s for the view %s.",
							 TABLE_PREFIX "name", VIEW_PREFIX "name")));
		view = psprintf(VIEW_PREFIX "%s", table + strlen(TABLE_PREFIX));
		relid = get_relname_relid(view, import->schemaid);
		if (get_rel_relkind(relid) != RELKIND_VIEW)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("cannot import \"%s\": view \"%s.%s\" does not exist",
							table, import->schema, view)));
		names = lappend(names, view);
	}
	return names;
}

/* True when EXCEPT names the table. */
static bool
name_is_excepted(ImportForeignSchemaStmt *stmt, const char *table)
{
	ListCell *lc;

	if (stmt->list_type != FDW_IMPORT_SCHEMA_EXCEPT)
		return false;
	foreach(lc, stmt->table_list)
	{
		if (strcmp(lfirst_node(RangeVar, lc)->relname, table) == 0)
			return true;
	}
	return false;
}

/*
 * Says that a view gets no table, and why: an error where it was asked for by
 * name.
 */
static void
report_skipped(Import *import, const char *table, int sqlstate,
			   const char *problem, const char *detail, const char *hint)
{
	ereport(import->is_named ? ERROR : WARNING,
			(errcode(sqlstate),
			 import->is_named ? errmsg("cannot import \"%s\": %s", table, problem) : errmsg("\"%s\" is not imported: %s", table, problem),
			 detail != NULL ? errdetail("%s", detail) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* True when the user may read the view; reports otherwise. */
static bool
user_reads_view(Import *import, Relation view, const char *table)
{
	if (pg_class_aclcheck(RelationGetRelid(view), GetUserId(),
						  ACL_SELECT) == ACLCHECK_OK)
		return true;
	report_skipped(import, table, ERRCODE_INSUFFICIENT_PRIVILEGE,
				   psprintf("permission denied for view \"%s.%s\"",
							import->schema, RelationGetRelationName(view)),
				   NULL, NULL);
	return false;
}

/* True when a table can have the view's columns; reports otherwise. */
static bool
columns_fit_table(Import *import, Relation view, const char *table)
{
	TupleDesc columns = RelationGetDescr(view);

	for (int i = 0; i < columns->natts; i++)
	{
		char *name = NameStr(TupleDescAttr(columns, i)->attname);

		if (SystemAttributeByName(name) == NULL)
			continue;
		report_skipped(import, table, ERRCODE_DUPLICATE_COLUMN,
					   psprintf("column \"%s\" of view \"%s.%s\" has the name of a system column",
								name, import->schema,
								RelationGetRelationName(view)),
					   NULL, "Give the column of the view another name.");
		return false;
	}
	return true;
}

/*
 * Appends " COLLATE schema.name" where the column's collation is not its
 * type's.
 */
static void
append_collation(StringInfo sql, Form_pg_attribute attribute)
{
	HeapTuple tuple;
	Form_pg_collation collation;
	char *schema;

	if (!OidIsValid(attribute->attcollation) ||
		attribute->attcollation == get_typcollation(attribute->atttypid))
		return;
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(attribute->attcollation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", attribute->attcollation);
	collation = (Form_pg_collation) GETSTRUCT(tuple);
	schema = get_namespace_name(collation->collnamespace);
	appendStringInfo(sql, " COLLATE %s",
					 quote_qualified_identifier(schema,
												NameStr(collation->collname)));
	ReleaseSysCache(tuple);
}

/* Appends the columns of the view as those of a table; json: for jsonb. */
static void
append_columns(StringInfo sql, TupleDesc columns, bool json)
{
	const char *separator = "";

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		const char *type;

		if (attribute->attisdropped)
			continue;
		if (json && attribute->atttypid == JSONBOID)
			type = "pg_catalog.json";
		else
			type = format_type_extended(attribute->atttypid,
										attribute->atttypmod,
										FORMAT_TYPE_TYPEMOD_GIVEN |
											FORMAT_TYPE_FORCE_QUALIFY);
		appendStringInfo(sql, "%s\n\t%s %s", separator,
						 quote_identifier(NameStr(attribute->attname)), type);
		append_collation(sql, attribute);
		separator = ",";
	}
}

/* Returns the CREATE FOREIGN TABLE statement for a view, palloc'd. */
static char *
build_statement(Import *import, Relation view, const char *table)
{
	StringInfoData sql;
	char *name = quote_qualified_identifier(import->schema,
											RelationGetRelationName(view));
	ListCell *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(table));
	append_columns(&sql, RelationGetDescr(view), import->json);
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (view %s",
					 quote_identifier(import->server),
					 quote_literal_cstr(name));
	foreach(lc, import->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		appendStringInfo(&sql, ", %s %s", quote_identifier(option->defname),
						 quote_literal_cstr(defGetString(option)));
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * Returns the statement for one view, or NULL (having said why) when it cannot
 * be kept.  The view stays locked until the end of the transaction.
 */
static char *
import_view(Import *import, const char *name, const char *table)
{
	Oid viewid = get_relname_relid(name, import->schemaid);
	const char *stem = name + strlen(VIEW_PREFIX);
	Relation view = NULL;
	TviewLineage *lineage;
	char *sql = NULL;

	if (strlen(table) >= NAMEDATALEN)
	{
		report_skipped(import, table, ERRCODE_NAME_TOO_LONG,
					   psprintf("the name for view \"%s.%s\" would be longer than %d bytes",
								import->schema, name, NAMEDATALEN - 1),
					   NULL, "Create the table by hand, with the options \"view\" and \"key\".");
		return NULL;
	}
	if (OidIsValid(viewid))
		view = try_relation_open(viewid, AccessShareLock);
	if (view == NULL)
		return NULL; /* dropped meanwhile */

	if (user_reads_view(import, view, table) &&
		columns_fit_table(import, view, table))
	{
		lineage = tview_lineage_analyse(viewid, psprintf(KEY_PREFIX "%s", stem),
										import->depends_on);
		if (lineage->problem != NULL)
			report_skipped(import, table, lineage->sqlstate, lineage->problem,
						   lineage->detail, lineage->hint);
		else
			sql = build_statement(import, view, table);
	}
	relation_close(view, NoLock);
	return sql;
}

/* Like import_view; what the analysis allocates is freed. */
static char *
import_view_in(MemoryContext context, Import *import, const char *name,
			   const char *table)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	char *sql = import_view(import, name, table);

	MemoryContextSwitchTo(caller);
	if (sql != NULL)
		sql = pstrdup(sql);
	MemoryContextReset(context);
	return sql;
}

/* Returns the CREATE FOREIGN TABLE statements of an import. */
List *
tviewImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	Import import = {0};
	List *commands = NIL;
	List *names;
	MemoryContext context;
	AclResult acl;
	ListCell *lc;

	import.schemaid = get_namespace_oid(stmt->remote_schema, false);
	import.schema = stmt->remote_schema;
	import.server = GetForeignServer(serverOid)->servername;
	import.is_named = stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO;
	acl = tview_compat_schema_aclcheck(import.schemaid, ACL_USAGE);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_SCHEMA, stmt->remote_schema);
	import.json = tview_option_jsonb_as_json(serverOid);
	take_options(&import, stmt->options);

	if (import.is_named)
		names = list_limited(&import, stmt->table_list);
	else
		names = list_views(import.schemaid);

	context = AllocSetContextCreate(CurrentMemoryContext, "tview import",
									ALLOCSET_DEFAULT_SIZES);
	foreach(lc, names)
	{
		const char *name = lfirst(lc);
		char *table = psprintf(TABLE_PREFIX "%s", name + strlen(VIEW_PREFIX));
		char *command;

		if (name_is_excepted(stmt, table))
			continue;
		command = import_view_in(context, &import, name, table);
		if (command != NULL)
			commands = lappend(commands, command);
	}
	MemoryContextDelete(context);
	return commands;
}
