/*
 * dependency.h
 *		What ties a TVIEW to its view and to the tables of depends_on: entries
 *		in pg_depend, and the names in its options.
 */
#ifndef TVIEW_DEPENDENCY_H
#define TVIEW_DEPENDENCY_H

#include "postgres.h"

#include "meta/option.h"

/*
 * The options of a TVIEW.  With viewid InvalidOid names are looked up as the
 * options have them; else depends_on are the tables on record in pg_depend,
 * which may have been renamed.
 */
extern void tview_dependency_options(Oid relid, Oid viewid,
									 TviewTableOptions *options);

/*
 * Records that the TVIEW depends on its view and on the tables (replacing
 * what was recorded), and writes their present names, qualified, and the
 * key's, into its options: a dump is restored without a search_path.
 */
extern void tview_dependency_record(Oid relid, Oid viewid, const char *key,
									List *tables);

/* True when a cast calls the function. */
extern bool tview_dependency_is_of_cast(Oid function);

#endif /* TVIEW_DEPENDENCY_H */
