/*
 * compat.h
 *		What differs between the versions of PostgreSQL that this builds with.
 */
#ifndef TVIEW_COMPAT_H
#define TVIEW_COMPAT_H

#include "postgres.h"

#include "utils/tuplesort.h"

/* The next datum of a sort, valid until the sort's next call or longer. */
static inline bool
tview_compat_sort_next(Tuplesortstate *sort, Datum *datum, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, false, datum, isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, datum, isnull, NULL);
#endif
}

#endif /* TVIEW_COMPAT_H */
