/*
 * settings.h
 *		Which settings the text, JSON or input form of a type depends on, and
 *		which STABLE functions of PostgreSQL depend on nothing else.
 */
#ifndef TVIEW_SETTINGS_H
#define TVIEW_SETTINGS_H

#include "postgres.h"

#include "lineage/lineage.h"

#define TVIEW_SETTINGS_XML (TVIEW_SETTING_XMLBINARY | TVIEW_SETTING_XMLOPTION)

/* Names of objects as text. */
#define TVIEW_SETTINGS_NAMES \
	(TVIEW_SETTING_SEARCH_PATH | TVIEW_SETTING_QUOTE_ALL)

/* Text that is read as a moment. */
#define TVIEW_SETTINGS_MOMENT \
	(TVIEW_SETTING_DATESTYLE | TVIEW_SETTING_ABBREVIATIONS)

/* What a value of unknown make-up may depend on. */
#define TVIEW_SETTINGS_ANY                                      \
	(TVIEW_SETTING_TIMEZONE | TVIEW_SETTING_DATESTYLE |         \
	 TVIEW_SETTING_INTERVALSTYLE | TVIEW_SETTING_FLOAT_DIGITS | \
	 TVIEW_SETTING_BYTEA_OUTPUT)

/* What a function may depend on of which only the language is known: all. */
#define TVIEW_SETTINGS_FUNCTION ((1 << TVIEW_SETTING_COUNT) - 1)

typedef enum TviewForm
{
	TVIEW_FORM_NONE, /* values are used as they are */
	TVIEW_FORM_TEXT, /* by output functions */
	TVIEW_FORM_JSON, /* as to_json does: dates are ISO always */
	TVIEW_FORM_INPUT /* the result is made by input functions */
} TviewForm;

/*
 * Does the STABLE function of pg_catalog depend on its arguments and settings
 * only?  Then the settings, and in which form it takes its arguments.
 */
extern bool tview_settings_of_function(Oid funcid, int *settings,
									   TviewForm *form);

/* Settings on which an IMMUTABLE function of pg_catalog depends, in truth. */
extern int tview_settings_of_immutable(Oid funcid);

/*
 * Settings on which values of the type in this form depend.  When the type's
 * output or input function is not to be relied on, *culprit becomes it.
 * User-defined output and input functions are added to lineage->functions.
 */
extern int tview_settings_of_type(TviewLineage *lineage, Oid type,
								  TviewForm form, Oid *culprit);

/*
 * The expressions of the CHECK constraints of a domain and the domains below.
 */
extern List *tview_settings_constraints(Oid type);

/* Adds the type to lineage->types, with the types in it, when user-defined. */
extern void tview_settings_note_type(TviewLineage *lineage, Oid type);

/*
 * Settings on which a user-defined STABLE function may depend: all but those
 * that it sets itself (CREATE FUNCTION ... SET).
 */
extern int tview_settings_of_user_function(Oid funcid);

/* Adds a function that is not of pg_catalog to lineage->functions. */
extern void tview_settings_note_function(TviewLineage *lineage, Oid funcid);

#endif /* TVIEW_SETTINGS_H */
