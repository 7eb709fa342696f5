/*
 * flat.h
 *		Rows in the form in which they are stored.
 */
#ifndef TVIEW_FLAT_H
#define TVIEW_FLAT_H

#include "postgres.h"

#include "access/htup_details.h"
#include "meta/meta.h"

/*
 * A copy of the tuple with its values in the form in which they are stored, or
 * the tuple itself.  Values that are compressed already stay so.
 */
extern MinimalTuple tview_flat_tuple(const TviewDesc *desc,
									 MinimalTuple tuple);

#endif /* TVIEW_FLAT_H */
