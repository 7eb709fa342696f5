/*
 * analyse.h
 *		From a foreign table and its view to the rows that record it; for
 *		define.c only.
 */
#ifndef TVIEW_ANALYSE_H
#define TVIEW_ANALYSE_H

#include "postgres.h"

#include "meta/record.h"

typedef struct TviewDefinition
{
	TviewRecord *record; /* without a generation */
	List *sources;		 /* of TviewSourceRecord, sorted by base and source */
	char *key;			 /* name of the key column */
	List *depends_on;	 /* oids of the tables named in the option */
	bool is_dummy;		 /* the view is pg_dump's placeholder */
} TviewDefinition;

/*
 * Analyses the foreign table as it is now.  old is what is recorded (its view
 * is taken by oid, so that it may have been renamed), or NULL: then the
 * options decide and the columns must be the view's in their order.  Raises
 * what is wrong; the base tables are not locked.
 */
extern TviewDefinition *tview_analyse_table(Oid relid, const TviewRecord *old,
											bool by_option);

/*
 * Two definitions with equal texts mean the same.  The second text adds what
 * has no influence on stored rows (names in the tag query, children).
 */
extern char *tview_analyse_meaning(const TviewRecord *record, List *sources);
extern char *tview_analyse_details(const TviewRecord *record, List *sources);

#endif /* TVIEW_ANALYSE_H */
