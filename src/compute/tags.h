/*
 * tags.h
 *		From a row of the tag query to tags.
 */
#ifndef TVIEW_TAGS_H
#define TVIEW_TAGS_H

#include "postgres.h"

#include "compute/compute.h"

/*
 * SELECT of key, tag columns and look-up columns of the root, without WHERE;
 * palloc'd.
 */
extern char *tview_tags_query(TviewDesc *desc);

/*
 * Adds the tags and look-ups of one row of that query to computed (whose
 * arrays are grown in the current context; tags sorted and distinct).
 */
extern void tview_tags_add(TviewDesc *desc, TviewComputed *computed,
						   const Datum *values, const bool *nulls);

#endif /* TVIEW_TAGS_H */
