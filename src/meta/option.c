/*
 * option.c
 *		See option.h.
 *
 * What stands in the catalogs has passed the validator, but may be older than
 * the library: values are parsed with the same functions, and names that are
 * not known are passed over.
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "access/reloptions.h"
#include "catalog/namespace.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "meta/option.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* The units of sizes; none means bytes. */
static const struct
{
	const char *name;
	int shift;
} size_units[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}, {"TB", 40}};

uint64
tview_option_parse_size(const char *name, const char *value, uint64 min,
						uint64 max)
{
	char *end;
	double number;

	errno = 0;
	number = strtod(value, &end);
	if (end == value || errno != 0 || !isfinite(number) || number < 0)
		end = NULL;
	else
		while (isspace((unsigned char) *end))
			end++;

	for (int i = 0; end != NULL && i < (int) lengthof(size_units); i++)
	{
		if (strcmp(end, size_units[i].name) != 0)
			continue;
		number = ldexp(number, size_units[i].shift);
		if (number >= (double) min && number <= (double) max)
			return (uint64) number;
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg(
				 "option \"%s\" has the value \"%s\", which is outside the range %llu to %llu bytes",
				 name, value, (unsigned long long) min,
				 (unsigned long long) max)));
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
		 errmsg("option \"%s\" has the value \"%s\", which is not a size", name,
				value),
		 errhint("Valid units are \"B\", \"kB\", \"MB\", \"GB\" and \"TB\".")));
	return 0; /* keeps the compiler quiet */
}

bool
tview_option_parse_bool(const char *name, const char *value)
{
	bool result;

	if (!parse_bool(value, &result))
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
			 errmsg("option \"%s\" has the value \"%s\", which is not Boolean",
					name, value)));
	return result;
}

TviewSettingsMode
tview_option_parse_settings(const char *name, const char *value)
{
	if (pg_strcasecmp(value, "session") == 0)
		return TVIEW_SETTINGS_SESSION;
	if (pg_strcasecmp(value, "pinned") == 0)
		return TVIEW_SETTINGS_PINNED;
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
		 errmsg(
			 "option \"%s\" has the value \"%s\", which is neither \"session\" nor \"pinned\"",
			 name, value)));
	return TVIEW_SETTINGS_SESSION; /* keeps the compiler quiet */
}

char
tview_option_parse_compression(const char *name, const char *value)
{
	if (pg_strcasecmp(value, "none") == 0)
		return InvalidCompressionMethod;
	if (pg_strcasecmp(value, "pglz") == 0)
		return TOAST_PGLZ_COMPRESSION;
	if (pg_strcasecmp(value, "lz4") != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg(
				 "option \"%s\" has the value \"%s\", which is none of \"none\", \"pglz\" and \"lz4\"",
				 name, value)));
#ifndef USE_LZ4
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("option \"%s\" has the value \"%s\", which this "
					"PostgreSQL was built without",
					name, value),
			 errhint("Use \"pglz\" or \"none\".")));
#endif
	return TOAST_LZ4_COMPRESSION;
}

bool
tview_option_parse_refresh(const char *name, const char *value)
{
	if (pg_strcasecmp(value, "background") == 0)
		return true;
	if (pg_strcasecmp(value, "on_read") != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg(
				 "option \"%s\" has the value \"%s\", which is neither \"on_read\" nor \"background\"",
				 name, value)));
	return false;
}

uint32
tview_option_parse_readers(const char *name, const char *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 ||
		number < TVIEW_MIN_READERS || number > TVIEW_MAX_READERS)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg(
				 "option \"%s\" has the value \"%s\", which is not an integer in the range %d to %d",
				 name, value, TVIEW_MIN_READERS, TVIEW_MAX_READERS)));
	return (uint32) number;
}

/* Splits a list of qualified names at the commas outside double quotes. */
static List *
split_names(const char *value)
{
	List *names = NIL;
	bool quoted = false;
	const char *start = value;

	for (const char *p = value;; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		if (*p == '\0' || (*p == ',' && !quoted))
		{
			names = lappend(names, pnstrdup(start, p - start));
			start = p + 1;
		}
		if (*p == '\0')
			return names;
	}
}

List *
tview_option_parse_tables(const char *value, bool missing_ok)
{
	List *oids = NIL;
	ListCell *lc;

	foreach(lc, split_names(value))
	{
		List *parts = tview_compat_qualified_name(lfirst(lc));
		Oid relid = RangeVarGetRelid(makeRangeVarFromNameList(parts), NoLock,
									 missing_ok);

		if (OidIsValid(relid))
			oids = list_append_unique_oid(oids, relid);
	}
	return oids;
}

Oid
tview_option_view(const char *view, bool missing_ok)
{
	List *parts = tview_compat_qualified_name(view);

	return RangeVarGetRelid(makeRangeVarFromNameList(parts), NoLock,
							missing_ok);
}

void
tview_option_store(Oid serverid, TviewStoreOptions *options)
{
	ForeignServer *server = GetForeignServer(serverid);
	ListCell *lc;

	options->map_size = TVIEW_DEFAULT_MAP_SIZE;
	options->mark_log_size = TVIEW_DEFAULT_MARK_LOG_SIZE;
	options->max_readers =
		Min(Max(MaxBackends + 32, TVIEW_MIN_READERS), TVIEW_MAX_READERS);
	options->sync = false;
	options->store_path = NULL;
	foreach(lc, server->options)
	{
		DefElem *def = lfirst(lc);
		char *value = defGetString(def);

		if (strcmp(def->defname, "map_size") == 0)
			options->map_size = tview_option_parse_size(
				def->defname, value, TVIEW_MIN_MAP_SIZE, TVIEW_MAX_MAP_SIZE);
		else if (strcmp(def->defname, "mark_log_size") == 0)
			options->mark_log_size = tview_option_parse_size(
				def->defname, value, TVIEW_MIN_MARK_LOG_SIZE,
				TVIEW_MAX_MARK_LOG_SIZE);
		else if (strcmp(def->defname, "max_readers") == 0)
			options->max_readers =
				tview_option_parse_readers(def->defname, value);
		else if (strcmp(def->defname, "sync") == 0)
			options->sync = tview_option_parse_bool(def->defname, value);
		else if (strcmp(def->defname, "store_path") == 0)
			options->store_path = value;
	}
}

bool
tview_option_jsonb_as_json(Oid serverid)
{
	ListCell *lc;

	foreach(lc, GetForeignServer(serverid)->options)
	{
		DefElem *def = lfirst(lc);

		if (strcmp(def->defname, "jsonb_as_json") == 0)
			return tview_option_parse_bool(def->defname, defGetString(def));
	}
	return false;
}

/* Applies the options that servers and tables share, and the table's own. */
static void
apply_table_options(List *defs, TviewTableOptions *options, char **depends_on)
{
	ListCell *lc;

	foreach(lc, defs)
	{
		DefElem *def = lfirst(lc);
		char *value = defGetString(def);

		if (strcmp(def->defname, "view") == 0)
			options->view = value;
		else if (strcmp(def->defname, "key") == 0)
			options->key = value;
		else if (strcmp(def->defname, "populate") == 0)
			options->populate = tview_option_parse_bool(def->defname, value);
		else if (strcmp(def->defname, "settings") == 0)
			options->settings =
				tview_option_parse_settings(def->defname, value);
		else if (strcmp(def->defname, "compression") == 0)
			options->compression =
				tview_option_parse_compression(def->defname, value);
		else if (strcmp(def->defname, "refresh") == 0)
			options->background =
				tview_option_parse_refresh(def->defname, value);
		else if (strcmp(def->defname, "depends_on") == 0)
			*depends_on = value;
	}
}

/* The options in an attribute of a catalog's row. */
static List *
catalog_options(int cache, HeapTuple tuple, AttrNumber attno)
{
	bool isnull;
	Datum options = SysCacheGetAttr(cache, tuple, attno, &isnull);

	return isnull ? NIL : untransformRelOptions(options);
}

bool
tview_option_is_background(Oid relid)
{
	HeapTuple table = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
	TviewTableOptions options = {0};
	char *ignored = NULL;
	HeapTuple server;

	if (!HeapTupleIsValid(table))
		return false;
	server = SearchSysCache1(
		FOREIGNSERVEROID,
		ObjectIdGetDatum(
			((Form_pg_foreign_table) GETSTRUCT(table))->ftserver));
	if (HeapTupleIsValid(server))
	{
		apply_table_options(
			catalog_options(FOREIGNSERVEROID, server,
							Anum_pg_foreign_server_srvoptions),
			&options, &ignored);
		ReleaseSysCache(server);
	}
	apply_table_options(catalog_options(FOREIGNTABLEREL, table,
										Anum_pg_foreign_table_ftoptions),
						&options, &ignored);
	ReleaseSysCache(table);
	return options.background;
}

char *
tview_option_texts(Oid relid, TviewTableOptions *options)
{
	ForeignTable *table = GetForeignTable(relid);
	ForeignServer *server = GetForeignServer(table->serverid);
	char *depends_on = NULL;

	memset(options, 0, sizeof(TviewTableOptions));
	options->populate = true;
	options->settings = TVIEW_SETTINGS_SESSION;
	options->compression = TVIEW_DEFAULT_COMPRESSION;
	apply_table_options(server->options, options, &depends_on);
	apply_table_options(table->options, options, &depends_on);
	return depends_on;
}

void
tview_option_table(Oid relid, TviewTableOptions *options)
{
	char *depends_on = tview_option_texts(relid, options);

	if (depends_on != NULL)
		options->depends_on = tview_option_parse_tables(depends_on, false);
}
