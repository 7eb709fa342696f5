/*
 * rowtag.h
 *		Tags that a row of the view tells by itself.
 *
 * Where every tag's value is a column of the root that the view shows as it
 * is, a row and its tags come from one query: the tag query is needed for
 * keys without a row only.
 */
#ifndef TVIEW_ROWTAG_H
#define TVIEW_ROWTAG_H

#include "postgres.h"

#include "meta/meta.h"

/*
 * Per tag the column of the TVIEW that has its value, in the current memory
 * context; NULL where some tag has none.  The descriptor's tags and look-ups
 * must have been filled.
 */
extern AttrNumber *tview_rowtag_columns(const TviewDesc *desc);

#endif /* TVIEW_ROWTAG_H */
