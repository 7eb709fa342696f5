/*
 * quals.h
 *		The conditions of a query, and whose rows they restrict.
 */
#ifndef TVIEW_QUALS_H
#define TVIEW_QUALS_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"

/* One conjunct of WHERE or ON. */
typedef struct TviewQual
{
	Node *clause;
	/*
	 * Rows of these entries that fail the clause change nothing in the result,
	 * if it is strict for them.
	 */
	Relids scope;
	/* of the query's WHERE: no row of the result fails it */
	bool where;
} TviewQual;

/*
 * All conjuncts of the query's join tree, as TviewQual; ON of a full join has
 * an empty scope.
 */
extern List *tview_quals_collect(Query *query);

/* The range table indexes that an outer join of the query may null. */
extern Relids tview_quals_nullable(Query *query);

/* Do the query's conditions leave only rows in which the column is not null? */
extern bool tview_quals_exclude_null(Query *query, int rtindex,
									 AttrNumber attno);

#endif /* TVIEW_QUALS_H */
