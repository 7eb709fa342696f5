/*
 * settings.c
 *		Which settings the text, JSON or input form of a type depends on, and
 *		which STABLE functions of PostgreSQL depend on nothing else.
 *
 * The list of functions was made from PostgreSQL 15's pg_proc.  A STABLE
 * function that is not in it is refused: it may look at the clock, the
 * session or the catalogs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lineage/relation.h"
#include "lineage/settings.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

typedef struct StableFunction
{
	Oid funcid;
	int settings;
	TviewForm form;
} StableFunction;

static const StableFunction stable_functions[] = {
	{F_GENERATE_SERIES_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL, TVIEW_SETTING_TIMEZONE,
	 TVIEW_FORM_NONE},
	{F_DATE_PART_TEXT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_DATE_TIME, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_PL_INTERVAL, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_MI_INTERVAL, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_TRUNC_TEXT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT,
	 TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_ABBREVIATIONS, TVIEW_FORM_NONE},
	{F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_INTERVAL,
	 TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_OVERLAPS_TIMESTAMPTZ_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL,
	 TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ,
	 TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMETZ_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIME_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMEZONE_TEXT_TIMETZ,
	 TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_ABBREVIATIONS, TVIEW_FORM_NONE},
	{F_TIMETZ_TIME, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_LT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_LE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_EQ_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_GT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_GE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_NE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_DATE_CMP_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_LT_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_LE_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_EQ_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_GT_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_GE_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_NE_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_CMP_DATE, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_LT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_LE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_EQ_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_GT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_GE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_NE_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMP_CMP_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_LT_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_LE_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_EQ_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_GT_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_GE_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_NE_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TIMESTAMPTZ_CMP_TIMESTAMP, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_INTERVAL_PL_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8, TVIEW_SETTING_TIMEZONE,
	 TVIEW_FORM_NONE},
	{F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8_TEXT,
	 TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_ABBREVIATIONS, TVIEW_FORM_NONE},
	{F_IN_RANGE_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_BOOL_BOOL,
	 TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_EXTRACT_TEXT_TIMESTAMPTZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_JSONB_PATH_EXISTS_TZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_JSONB_PATH_QUERY_TZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_JSONB_PATH_QUERY_ARRAY_TZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_JSONB_PATH_QUERY_FIRST_TZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_JSONB_PATH_MATCH_TZ, TVIEW_SETTING_TIMEZONE, TVIEW_FORM_NONE},
	{F_TO_TIMESTAMP_TEXT_TEXT, TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_LC_TIME,
	 TVIEW_FORM_NONE},
	{F_TO_DATE, TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_LC_TIME,
	 TVIEW_FORM_NONE},
	{F_TO_CHAR_TIMESTAMPTZ_TEXT, TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_LC_TIME,
	 TVIEW_FORM_NONE},
	{F_TO_CHAR_TIMESTAMP_TEXT, TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_LC_TIME,
	 TVIEW_FORM_NONE},
	{F_TO_CHAR_INTERVAL_TEXT, TVIEW_SETTING_LC_TIME, TVIEW_FORM_NONE},
	{F_TO_CHAR_NUMERIC_TEXT, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_TO_CHAR_INT4_TEXT, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_TO_CHAR_INT8_TEXT, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_TO_CHAR_FLOAT4_TEXT, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_TO_CHAR_FLOAT8_TEXT, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_TO_NUMBER, TVIEW_SETTING_LC_NUMERIC, TVIEW_FORM_NONE},
	{F_CASH_IN, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_CASH_OUT, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_MONEY_INT4, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_MONEY_INT8, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_NUMERIC_MONEY, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_MONEY_NUMERIC, TVIEW_SETTING_LC_MONETARY, TVIEW_FORM_NONE},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT, 0, TVIEW_FORM_TEXT},
	{F_ARRAY_TO_STRING_ANYARRAY_TEXT, 0, TVIEW_FORM_TEXT},
	{F_ARRAY_OUT, 0, TVIEW_FORM_TEXT},
	{F_QUOTE_LITERAL_ANYELEMENT, 0, TVIEW_FORM_TEXT},
	{F_QUOTE_NULLABLE_ANYELEMENT, 0, TVIEW_FORM_TEXT},
	{F_TEXTANYCAT, 0, TVIEW_FORM_TEXT},
	{F_ANYTEXTCAT, 0, TVIEW_FORM_TEXT},
	{F_RECORD_OUT, 0, TVIEW_FORM_TEXT},
	{F_ANYARRAY_OUT, 0, TVIEW_FORM_TEXT},
	{F_CONCAT, 0, TVIEW_FORM_TEXT},
	{F_CONCAT_WS, 0, TVIEW_FORM_TEXT},
	{F_FORMAT_TEXT_ANY, TVIEW_SETTING_QUOTE_ALL, TVIEW_FORM_TEXT},
	{F_FORMAT_TEXT, TVIEW_SETTING_QUOTE_ALL, TVIEW_FORM_TEXT},
	{F_RANGE_OUT, 0, TVIEW_FORM_TEXT},
	{F_MULTIRANGE_OUT, 0, TVIEW_FORM_TEXT},
	{F_CURRENT_DATABASE, 0, TVIEW_FORM_NONE},
	{F_GETDATABASEENCODING, 0, TVIEW_FORM_NONE},
	{F_LENGTH_BYTEA_NAME, 0, TVIEW_FORM_NONE},
	{F_CONVERT_FROM, 0, TVIEW_FORM_NONE},
	{F_CONVERT_TO, 0, TVIEW_FORM_NONE},
	{F_CONVERT, 0, TVIEW_FORM_NONE},
	{F_ANYENUM_OUT, 0, TVIEW_FORM_NONE},
	{F_ENUM_OUT, 0, TVIEW_FORM_NONE},
	{F_ENUM_FIRST, 0, TVIEW_FORM_NONE},
	{F_ENUM_LAST, 0, TVIEW_FORM_NONE},
	{F_ENUM_RANGE_ANYENUM_ANYENUM, 0, TVIEW_FORM_NONE},
	{F_ENUM_RANGE_ANYENUM, 0, TVIEW_FORM_NONE},
	{F_ARRAY_TO_JSON_ANYARRAY, 0, TVIEW_FORM_JSON},
	{F_ARRAY_TO_JSON_ANYARRAY_BOOL, 0, TVIEW_FORM_JSON},
	{F_ROW_TO_JSON_RECORD, 0, TVIEW_FORM_JSON},
	{F_ROW_TO_JSON_RECORD_BOOL, 0, TVIEW_FORM_JSON},
	{F_TO_JSON, 0, TVIEW_FORM_JSON},
	{F_JSON_BUILD_ARRAY_ANY, 0, TVIEW_FORM_JSON},
	{F_JSON_BUILD_ARRAY_, 0, TVIEW_FORM_JSON},
	{F_JSON_BUILD_OBJECT_ANY, 0, TVIEW_FORM_JSON},
	{F_JSON_BUILD_OBJECT_, 0, TVIEW_FORM_JSON},
	{F_JSONB_BUILD_ARRAY_ANY, 0, TVIEW_FORM_JSON},
	{F_JSONB_BUILD_ARRAY_, 0, TVIEW_FORM_JSON},
	{F_JSONB_BUILD_OBJECT_ANY, 0, TVIEW_FORM_JSON},
	{F_JSONB_BUILD_OBJECT_, 0, TVIEW_FORM_JSON},
	{F_TO_JSONB, 0, TVIEW_FORM_JSON},
	{F_JSON_TO_RECORD, 0, TVIEW_FORM_INPUT},
	{F_JSON_TO_RECORDSET, 0, TVIEW_FORM_INPUT},
	{F_JSONB_POPULATE_RECORD, 0, TVIEW_FORM_INPUT},
	{F_JSONB_POPULATE_RECORDSET, 0, TVIEW_FORM_INPUT},
	{F_JSONB_TO_RECORD, 0, TVIEW_FORM_INPUT},
	{F_JSONB_TO_RECORDSET, 0, TVIEW_FORM_INPUT},
	{F_JSON_POPULATE_RECORD, 0, TVIEW_FORM_INPUT},
	{F_JSON_POPULATE_RECORDSET, 0, TVIEW_FORM_INPUT},
	{F_TO_TSVECTOR_TEXT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TO_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_PLAINTO_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TS_HEADLINE_TEXT_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH,
	 TVIEW_FORM_NONE},
	{F_TS_HEADLINE_TEXT_TSQUERY, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_GET_CURRENT_TS_CONFIG, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TS_MATCH_TT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TS_MATCH_TQ, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TS_HEADLINE_JSONB_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH,
	 TVIEW_FORM_NONE},
	{F_TS_HEADLINE_JSONB_TSQUERY, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TS_HEADLINE_JSON_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH,
	 TVIEW_FORM_NONE},
	{F_TS_HEADLINE_JSON_TSQUERY, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TO_TSVECTOR_JSONB, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_TO_TSVECTOR_JSON, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_JSONB_TO_TSVECTOR_JSONB_JSONB, TVIEW_SETTING_TEXT_SEARCH,
	 TVIEW_FORM_NONE},
	{F_JSON_TO_TSVECTOR_JSON_JSONB, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_PHRASETO_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_WEBSEARCH_TO_TSQUERY_TEXT, TVIEW_SETTING_TEXT_SEARCH, TVIEW_FORM_NONE},
	{F_REGPROCIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGPROCOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCLASS, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_PG_TYPEOF, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGPROCEDUREIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGPROCEDUREOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGOPERIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGOPEROUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGOPERATORIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGOPERATOROUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCLASSIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCLASSOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGTYPEIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGTYPEOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGOPERATOR, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGPROCEDURE, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGOPER, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGTYPE, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGPROC, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGCLASS, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCONFIGIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCONFIGOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGDICTIONARYIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGDICTIONARYOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGNAMESPACE, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCOLLATIONIN, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_REGCOLLATIONOUT, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_TO_REGCOLLATION, TVIEW_SETTINGS_NAMES, TVIEW_FORM_NONE},
	{F_XML_IN, TVIEW_SETTINGS_XML, TVIEW_FORM_NONE},
	{F_XML, TVIEW_SETTINGS_XML, TVIEW_FORM_NONE},
	{F_XML_IS_WELL_FORMED, TVIEW_SETTINGS_XML, TVIEW_FORM_NONE},
};

/* Functions that are declared IMMUTABLE, and depend on a setting. */
static const StableFunction immutable_functions[] = {
	{F_QUOTE_IDENT, TVIEW_SETTING_QUOTE_ALL, TVIEW_FORM_NONE},
	{F_TIMEZONE_TEXT_TIMESTAMP, TVIEW_SETTING_ABBREVIATIONS, TVIEW_FORM_NONE},
	{F_TIMEZONE_TEXT_TIMESTAMPTZ, TVIEW_SETTING_ABBREVIATIONS, TVIEW_FORM_NONE},
};

int
tview_settings_of_immutable(Oid funcid)
{
	for (size_t i = 0; i < lengthof(immutable_functions); i++)
	{
		if (immutable_functions[i].funcid == funcid)
			return immutable_functions[i].settings;
	}
	return 0;
}

bool
tview_settings_of_function(Oid funcid, int *settings, TviewForm *form)
{
	for (size_t i = 0; i < lengthof(stable_functions); i++)
	{
		if (stable_functions[i].funcid != funcid)
			continue;
		*settings = stable_functions[i].settings;
		*form = stable_functions[i].form;
		return true;
	}
	return false;
}

int
tview_settings_of_user_function(Oid funcid)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	int settings = TVIEW_SETTINGS_FUNCTION;
	bool isnull = true;
	Datum config = 0;

	if (HeapTupleIsValid(tuple))
		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig,
								 &isnull);
	if (!isnull)
	{
		Datum *values;
		int n;

		deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
						  TYPALIGN_INT, &values, NULL, &n);
		for (int i = 0; i < n; i++)
		{
			char *value = TextDatumGetCString(values[i]);

			for (int k = 0; k < TVIEW_SETTING_COUNT; k++)
			{
				const char *name = tview_lineage_setting_names[k];
				size_t length = strlen(name);

				if (pg_strncasecmp(value, name, length) == 0 &&
					value[length] == '=')
					settings &= ~(1 << k);
			}
		}
	}
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return settings;
}

void
tview_settings_note_function(TviewLineage *lineage, Oid funcid)
{
	if (OidIsValid(funcid) &&
		get_func_namespace(funcid) != PG_CATALOG_NAMESPACE)
		lineage->functions = list_append_unique_oid(lineage->functions, funcid);
}

/* Notes the functions that are called by an expression. */
static bool
note_function_of(Oid funcid, void *context)
{
	tview_settings_note_function(context, funcid);
	return false;
}

static bool
note_functions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, note_function_of, context);
	return expression_tree_walker(node, note_functions, context);
}

/* The CHECK expressions of one domain, as they were written. */
static List *
read_constraints(Oid type)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	List *expressions = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(type));
	scan = systable_beginscan(rel, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;
		Datum check = heap_getattr(tuple, Anum_pg_constraint_conbin,
								   RelationGetDescr(rel), &isnull);

		if (!isnull)
			expressions = lappend(expressions,
								  stringToNode(TextDatumGetCString(check)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return expressions;
}

List *
tview_settings_constraints(Oid type)
{
	List *expressions = NIL;

	while (get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			break;
		expressions = list_concat(expressions, read_constraints(type));
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return expressions;
}

/*
 * Notes the functions by which values of the type are compared: functions of
 * PostgreSQL's call them, as for arrays, rows, GREATEST and ORDER BY.
 */
static void
note_comparisons(TviewLineage *lineage, Oid type)
{
	int flags = TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR | TYPECACHE_CMP_PROC |
		TYPECACHE_HASH_PROC;
	TypeCacheEntry *entry = lookup_type_cache(type, flags);

	if (OidIsValid(entry->eq_opr))
		tview_settings_note_function(lineage, get_opcode(entry->eq_opr));
	if (OidIsValid(entry->lt_opr))
		tview_settings_note_function(lineage, get_opcode(entry->lt_opr));
	tview_settings_note_function(lineage, entry->cmp_proc);
	tview_settings_note_function(lineage, entry->hash_proc);
}

/* Notes the types of a composite type's columns. */
static void
note_columns(TviewLineage *lineage, Oid relid)
{
	Relation rel = tview_relation_open(relid);

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);

		if (!attr->attisdropped)
			tview_settings_note_type(lineage, attr->atttypid);
	}
	tview_relation_close(rel);
}

void
tview_settings_note_type(TviewLineage *lineage, Oid type)
{
	Oid element = get_element_type(type);
	Oid relid;

	check_stack_depth();
	if (OidIsValid(element))
	{
		tview_settings_note_type(lineage, element);
		return;
	}
	if (type < FirstNormalObjectId || list_member_oid(lineage->types, type))
		return;
	note_comparisons(lineage, type);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			lineage->types = lappend_oid(lineage->types, type);
			(void) note_functions((Node *) tview_settings_constraints(type),
								  lineage);
			tview_settings_note_type(lineage, getBaseType(type));
			break;
		case TYPTYPE_COMPOSITE:
			/* row types of tables too, against endless recursion */
			lineage->types = lappend_oid(lineage->types, type);
			relid = get_typ_typrelid(type);
			if (OidIsValid(relid))
				note_columns(lineage, relid);
			break;
		case TYPTYPE_RANGE:
			lineage->types = lappend_oid(lineage->types, type);
			tview_settings_note_type(lineage, get_range_subtype(type));
			break;
		default:
			lineage->types = lappend_oid(lineage->types, type);
			break;
	}
}

/*
 * The settings of a base type's text or input form, by its functions'
 * volatility.
 */
static int
settings_of_base(TviewLineage *lineage, Oid type, TviewForm form, Oid *culprit)
{
	Oid funcid;
	Oid ioparam;
	bool varlena;

	if (form == TVIEW_FORM_INPUT)
		getTypeInputInfo(type, &funcid, &ioparam);
	else
		getTypeOutputInfo(type, &funcid, &varlena);
	tview_settings_note_function(lineage, funcid);
	if (func_volatile(funcid) != PROVOLATILE_IMMUTABLE)
		*culprit = funcid;
	/* user-defined output functions print floats as they like */
	return type >= FirstNormalObjectId ? TVIEW_SETTING_FLOAT_DIGITS : 0;
}

/* The settings of a type that has no parts. */
static int
settings_of_scalar(TviewLineage *lineage, Oid type, TviewForm form,
				   Oid *culprit)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			if (form == TVIEW_FORM_INPUT)
				return TVIEW_SETTING_TIMEZONE | TVIEW_SETTINGS_MOMENT;
			return form == TVIEW_FORM_JSON
				? TVIEW_SETTING_TIMEZONE
				: TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_DATESTYLE;
		case TIMESTAMPOID:
		case DATEOID:
			if (form == TVIEW_FORM_INPUT)
				return TVIEW_SETTINGS_MOMENT;
			return form == TVIEW_FORM_JSON ? 0 : TVIEW_SETTING_DATESTYLE;
		case TIMEOID:
			return form == TVIEW_FORM_INPUT ? TVIEW_SETTINGS_MOMENT : 0;
		case TIMETZOID:
			return form == TVIEW_FORM_INPUT
				? TVIEW_SETTING_TIMEZONE | TVIEW_SETTINGS_MOMENT
				: 0;
		case INTERVALOID:
			return TVIEW_SETTING_INTERVALSTYLE;
		case FLOAT4OID:
		case FLOAT8OID:
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
			return form == TVIEW_FORM_INPUT ? 0 : TVIEW_SETTING_FLOAT_DIGITS;
		case BYTEAOID:
			return form == TVIEW_FORM_INPUT ? 0 : TVIEW_SETTING_BYTEA_OUTPUT;
		case MONEYOID:
			return TVIEW_SETTING_LC_MONETARY;
		case XMLOID:
			return TVIEW_SETTINGS_XML;
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGTYPEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
			return TVIEW_SETTINGS_NAMES;
		case RECORDOID:
		case RECORDARRAYOID:
			return TVIEW_SETTINGS_ANY;
		case UNKNOWNOID:
		case CSTRINGOID:
		case VOIDOID:
			return 0;
		default:
			return settings_of_base(lineage, type, form, culprit);
	}
}

/* The settings of all columns of a composite type. */
static int
settings_of_columns(TviewLineage *lineage, Oid relid, TviewForm form,
					Oid *culprit)
{
	Relation rel = tview_relation_open(relid);
	int settings = 0;

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);

		if (!attr->attisdropped)
			settings |=
				tview_settings_of_type(lineage, attr->atttypid, form, culprit);
	}
	tview_relation_close(rel);
	return settings;
}

int
tview_settings_of_type(TviewLineage *lineage, Oid type, TviewForm form,
					   Oid *culprit)
{
	Oid element;

	check_stack_depth();
	if (form == TVIEW_FORM_NONE)
		return 0;
	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		return tview_settings_of_type(lineage, element, form, culprit) |
			(form == TVIEW_FORM_INPUT ? TVIEW_SETTING_ARRAY_NULLS : 0);
	switch (get_typtype(type))
	{
		case TYPTYPE_COMPOSITE:
			return settings_of_columns(lineage, get_typ_typrelid(type), form,
									   culprit);
		case TYPTYPE_RANGE:
			/* ranges are text in JSON */
			return tview_settings_of_type(
				lineage, get_range_subtype(type),
				form == TVIEW_FORM_INPUT ? form : TVIEW_FORM_TEXT, culprit);
		case TYPTYPE_MULTIRANGE:
			return tview_settings_of_type(lineage, get_multirange_range(type),
										  form, culprit);
		case TYPTYPE_ENUM:
			return 0;
		case TYPTYPE_PSEUDO:
			if (type != RECORDOID && type != RECORDARRAYOID)
				return 0;
			break;
		default:
			break;
	}
	return settings_of_scalar(lineage, type, form, culprit);
}
