/*
 * validator.h
 *		Names of the options that servers and tables of the wrapper take.
 */
#ifndef TVIEW_VALIDATOR_H
#define TVIEW_VALIDATOR_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Where an option may stand. */
#define TVIEW_OPTION_SERVER 0x01
#define TVIEW_OPTION_TABLE 0x02
#define TVIEW_OPTION_IMPORT 0x04

/*
 * Checks the name and the value of one option that stands in the given place;
 * raises ERRCODE_FDW_INVALID_OPTION_NAME or what its value deserves.
 */
extern void tview_validator_check(DefElem *option, int place);

#endif /* TVIEW_VALIDATOR_H */
