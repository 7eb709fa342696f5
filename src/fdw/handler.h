/*
 * handler.h
 *		The wrapper's entry point, and whose foreign tables are ours.
 */
#ifndef TVIEW_HANDLER_H
#define TVIEW_HANDLER_H

#include "postgres.h"

#include "utils/rel.h"

/*
 * True when the foreign table belongs to a wrapper with our handler; cheap and
 * cached.
 */
extern bool tview_handler_is_ours(Oid relid);

/* The same for a foreign table that is open. */
extern bool tview_handler_owns(Relation rel);

#endif /* TVIEW_HANDLER_H */
