/*
 * validator.c
 *		Checks options of servers and tables when they are set.
 *
 * Values are checked for their form only.  Whether a view or a table that is
 * named exists is checked when a table is made, by DDL: a dump may be restored
 * in another order than the names suggest.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/validator.h"

#include <sys/stat.h>

#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "meta/option.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/regproc.h"

PG_FUNCTION_INFO_V1(tview_fdw_validator);

/* Checks one value; raises an error that names the option and the value. */
typedef void (*CheckOption)(const char *name, const char *value);

/* One option. */
typedef struct OptionRule
{
	const char *name;
	int places; /* TVIEW_OPTION_... */
	CheckOption check;
} OptionRule;

static void check_map_size(const char *name, const char *value);
static void check_mark_log_size(const char *name, const char *value);
static void check_max_readers(const char *name, const char *value);
static void check_bool(const char *name, const char *value);
static void check_settings(const char *name, const char *value);
static void check_refresh(const char *name, const char *value);
static void check_compression(const char *name, const char *value);
static void check_store_path(const char *name, const char *value);
static void check_view(const char *name, const char *value);
static void check_key(const char *name, const char *value);
static void check_depends_on(const char *name, const char *value);

static const OptionRule rules[] = {
	{"map_size", TVIEW_OPTION_SERVER, check_map_size},
	{"mark_log_size", TVIEW_OPTION_SERVER, check_mark_log_size},
	{"max_readers", TVIEW_OPTION_SERVER, check_max_readers},
	{"sync", TVIEW_OPTION_SERVER, check_bool},
	{"store_path", TVIEW_OPTION_SERVER, check_store_path},
	{"view", TVIEW_OPTION_TABLE, check_view},
	{"key", TVIEW_OPTION_TABLE, check_key},
	{"depends_on", TVIEW_OPTION_TABLE | TVIEW_OPTION_IMPORT, check_depends_on},
	{"populate", TVIEW_OPTION_SERVER | TVIEW_OPTION_TABLE | TVIEW_OPTION_IMPORT, check_bool},
	{"settings", TVIEW_OPTION_SERVER | TVIEW_OPTION_TABLE | TVIEW_OPTION_IMPORT, check_settings},
	{"refresh", TVIEW_OPTION_SERVER | TVIEW_OPTION_TABLE | TVIEW_OPTION_IMPORT, check_refresh},
	{"compression", TVIEW_OPTION_SERVER | TVIEW_OPTION_TABLE | TVIEW_OPTION_IMPORT, check_compression},
	{"jsonb_as_json", TVIEW_OPTION_SERVER | TVIEW_OPTION_IMPORT, check_bool}};

/* Checks all options of one object: the validator function of the wrapper. */
Datum
tview_fdw_validator(PG_FUNCTION_ARGS)
{
	List *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid catalog = PG_GETARG_OID(1);
	bool has_view = false;
	int place = 0;
	ListCell *lc;

	if (catalog == ForeignServerRelationId)
		place = TVIEW_OPTION_SERVER;
	else if (catalog == ForeignTableRelationId)
		place = TVIEW_OPTION_TABLE;

	foreach(lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		tview_validator_check(option, place);
		has_view |= strcmp(option->defname, "view") == 0;
	}
	if (place == TVIEW_OPTION_TABLE && !has_view)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"view\" is required for a foreign table of tview_fdw"),
				 errhint("Name the backing view: OPTIONS (view 'schema.v_name').")));
	PG_RETURN_VOID();
}

/*
 * Raises the error for an unknown option, with those that are known in its
 * place.
 */
static void
refuse_name(const char *name, int place)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < (int) lengthof(rules); i++)
	{
		if (rules[i].places & place)
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "", rules[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 valid.len > 0 ? errhint("Valid options in this context are: %s.", valid.data) : errhint("There are no valid options in this context.")));
}

/* Checks one option against its rule. */
void
tview_validator_check(DefElem *option, int place)
{
	for (int i = 0; i < (int) lengthof(rules); i++)
	{
		if ((rules[i].places & place) != 0 &&
			strcmp(rules[i].name, option->defname) == 0)
		{
			rules[i].check(option->defname, defGetString(option));
			return;
		}
	}
	refuse_name(option->defname, place);
}

/* Raises the error for a value that an option does not take. */
static void
refuse_value(const char *name, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
			 errhint("%s", hint)));
}

/* Checks a memory size for LMDB's map. */
static void
check_map_size(const char *name, const char *value)
{
	(void) tview_option_parse_size(name, value, TVIEW_MIN_MAP_SIZE,
								   TVIEW_MAX_MAP_SIZE);
}

/* Checks a memory size for the mark log. */
static void
check_mark_log_size(const char *name, const char *value)
{
	(void) tview_option_parse_size(name, value, TVIEW_MIN_MARK_LOG_SIZE,
								   TVIEW_MAX_MARK_LOG_SIZE);
}

/* Checks a number of reader slots. */
static void
check_max_readers(const char *name, const char *value)
{
	(void) tview_option_parse_readers(name, value);
}

/* Checks a Boolean value. */
static void
check_bool(const char *name, const char *value)
{
	(void) tview_option_parse_bool(name, value);
}

/* Checks what is done for sessions with other settings. */
static void
check_settings(const char *name, const char *value)
{
	(void) tview_option_parse_settings(name, value);
}

/* Checks who brings stale rows up to date. */
static void
check_refresh(const char *name, const char *value)
{
	(void) tview_option_parse_refresh(name, value);
}

/* Checks how long values are stored. */
static void
check_compression(const char *name, const char *value)
{
	(void) tview_option_parse_compression(name, value);
}

/*
 * Checks a directory of the server's; files are made there with the server's
 * rights.
 */
static void
check_store_path(const char *name, const char *value)
{
	struct stat status;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\" to \"%s\"", name, value),
				 errhint("Only superusers may set or keep the option \"%s\" of a server.", name)));
	if (!is_absolute_path(value))
		refuse_value(name, value, "Give the absolute path of an existing directory.");
	if (stat(value, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not use directory \"%s\" of option \"%s\": %m", value, name),
				 errhint("Give the absolute path of an existing directory.")));
	if (!S_ISDIR(status.st_mode))
		refuse_value(name, value, "The path is not a directory.");
}

/* Checks a possibly qualified name. */
static void
check_view(const char *name, const char *value)
{
	List *names;

	if (value[0] == '\0')
		refuse_value(name, value, "Name the backing view as schema.view, quoted where SQL needs quotes.");
	names = tview_compat_qualified_name(value);
	if (list_length(names) > 2)
		refuse_value(name, value, "Name the backing view as schema.view, quoted where SQL needs quotes.");
}

/* Checks the name of a column, as it stands in the catalog. */
static void
check_key(const char *name, const char *value)
{
	if (value[0] == '\0' || strlen(value) >= NAMEDATALEN)
		refuse_value(name, value, "Name the key column of the view, without quotes.");
}

/*
 * Checks a list of possibly qualified names, parted by commas; they need not
 * exist.
 */
static void
check_depends_on(const char *name, const char *value)
{
	if (value[0] == '\0')
		refuse_value(name, value, "Name tables, parted by commas, quoted where SQL needs quotes.");
	(void) tview_option_parse_tables(value, true);
}
