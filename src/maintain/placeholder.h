/*
 * placeholder.h
 *		Recognises the views that pg_dump writes first where a view and a
 *		constraint depend on each other: SELECT NULL::type AS column, ...
 */
#ifndef TVIEW_PLACEHOLDER_H
#define TVIEW_PLACEHOLDER_H

#include "postgres.h"

#include "utils/relcache.h"

extern bool tview_placeholder_is(Relation view);

#endif /* TVIEW_PLACEHOLDER_H */
