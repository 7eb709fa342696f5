/*
 * tagquery.h
 *		Writes the tag query.
 */
#ifndef TVIEW_TAGQUERY_H
#define TVIEW_TAGQUERY_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * Fills lineage->tagcols, lineage->tag_query and lineage->tracked from the
 * bound nodes.
 */
extern void tview_tagquery_write(TviewAnalysis *cx);

#endif /* TVIEW_TAGQUERY_H */
